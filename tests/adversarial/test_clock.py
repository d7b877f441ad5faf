"""A clock that is set a day forward and a day back, while people talk and between two starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from securechat.config import Chat, Config, Limits
from tests.adversarial.unguarded import without
from tests.server.harness import RawClient, RunningServer, running_server

DAY = 24 * 60 * 60
CAPS = "server-time message-tags batch draft/chathistory echo-message"
SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the clock that shows the time, by so many seconds; the one that measures (monotonic) goes on as it does."""
    shown, nanoseconds = time.time, time.time_ns

    def set_it(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: shown() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + int(seconds * 1e9))

    return set_it


def config() -> Config:
    return Config(chat=Chat(absence=60), limits=Limits(silence=30, sign_in=30, rate=0))


async def times(client: RawClient) -> list[tuple[str, float]]:
    """Return the texts of #general and their times, in the order of the history."""
    lines = await client.ask("CHATHISTORY LATEST #general * 100")
    said = [line for line in lines if line.command == "PRIVMSG" and "batch" in line.tags]
    return [(line.params[1], datetime.fromisoformat(line.tags["time"]).timestamp()) for line in said]


async def talk_through(server: RunningServer, set_clock: SetClock) -> list[tuple[str, float]]:
    """Attack: the clock jumps between the messages of one who stays connected, and while a stranger signs in."""
    alice = await server.sign_in("alice", caps=CAPS)
    stranger = await server.connect()
    for number, day in enumerate((0, 1, -1, 0)):
        set_clock(day * DAY)
        stranger.send("PING here")
        await stranger.until("PONG")
        await alice.ask(f"PRIVMSG #general :{number}")
        assert not alice.reader.at_eof()
        bob = await server.sign_in("bob", caps=CAPS)
        await bob.ask(f"PRIVMSG #general :{number} by bob")
        await bob.close()
    return await times(alice)


async def test_times_never_run_backwards_and_nobody_is_dropped(tmp_path: Path, set_clock: SetClock) -> None:
    """Expected: the order is that of the seq, times rise with it; who is connected stays, who signs in gets in."""
    async with running_server(tmp_path, config()) as server:
        await server.add("alice", "bob")
        found = await talk_through(server, set_clock)
    assert [text for text, _ in found] == [text for n in range(4) for text in (f"{n}", f"{n} by bob")]
    stamps = [stamp for _, stamp in found]
    assert stamps == sorted(set(stamps))
    assert DAY - 60 < stamps[2] - stamps[1] < DAY + 60


async def test_control_a_storage_that_believes_the_clock_has_times_that_run_backwards(
    tmp_path: Path, set_clock: SetClock
) -> None:
    with without("times-that-do-not-run-back"):
        async with running_server(tmp_path, config()) as server:
            await server.add("alice", "bob")
            stamps = [stamp for _, stamp in await talk_through(server, set_clock)]
    assert stamps != sorted(stamps)


async def test_a_start_on_a_clock_set_back_goes_on_where_it_was(tmp_path: Path, set_clock: SetClock) -> None:
    """Expected: the same between two starts; pages by msgid and by time hold all of it."""
    said = []
    for start, day in enumerate((1, -1, 0)):
        set_clock(day * DAY)
        async with running_server(tmp_path, config()) as server:
            if not start:
                await server.add("alice")
            alice = await server.sign_in("alice", caps=CAPS)
            await alice.ask(*(f"PRIVMSG #general :{start}-{n}" for n in range(3)))
            said += [f"{start}-{n}" for n in range(3)]
            found = await times(alice)
            by_time = await alice.ask("CHATHISTORY AFTER #general timestamp=2000-01-01T00:00:00.000Z 100")
            await alice.close()
    assert [text for text, _ in found] == said
    assert [line.params[1] for line in by_time if line.command == "PRIVMSG"] == said
    assert [stamp for _, stamp in found] == sorted({stamp for _, stamp in found})


async def test_a_time_to_wait_is_no_day_when_the_clock_was_set_back(tmp_path: Path, set_clock: SetClock) -> None:
    """Expected: slow mode and passwords let people go on; a day forward opens nothing early but what is timed by it."""
    async with running_server(tmp_path, config()) as server:
        await server.add("alice", "bob")
        alice, bob = [await server.sign_in(name, caps=CAPS) for name in ("alice", "bob")]
        await alice.ask("MODE #general +W 5")
        assert [line.command for line in await bob.ask("PRIVMSG #general :one")][-1] == "PRIVMSG"
        set_clock(-DAY)
        wrong = await server.connect()
        for _ in range(2):
            with pytest.raises((EOFError, ConnectionError)):
                await wrong.sign_in("bob", secret="wrong horse battery")
            wrong = await server.connect()
        await (await server.sign_in("bob", caps=CAPS)).close()
        answer = await bob.ask("PRIVMSG #general :two")
        assert [line.command for line in answer if line.command in ("PRIVMSG", "404", "FAIL")] == ["PRIVMSG"]


async def test_a_silent_client_is_not_dropped_because_the_clock_jumps(tmp_path: Path, set_clock: SetClock) -> None:
    """Expected: timeouts are measured, not read off the clock."""
    async with running_server(tmp_path, config()) as server:
        await server.add("alice")
        alice = await server.sign_in("alice", caps=CAPS)
        for day in (1, 30, -30):
            set_clock(day * DAY)
            for connection in list(server.node.connections):
                server.node.vigil._visit(connection)
            assert [line.command for line in await alice.ask("PING x")] == ["PONG"]

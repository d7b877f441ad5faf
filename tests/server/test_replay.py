"""Clients that cannot ask for history get what they missed, per device, and nothing twice. (design.md, section 5)"""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.server import replay
from securechat.wire.message import Message
from tests.server.harness import RawClient, RunningServer, running_server

PLAIN = "server-time message-tags"
ASKS = f"{PLAIN} batch draft/chathistory"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have PINGs laid by count alone, however slow the machine is."""
    monkeypatch.setattr(replay, "SECONDS_TO_PING", 1000.0)


async def say(client: RawClient, target: str, *texts: str) -> None:
    """Say texts, and wait until all of them are stored."""
    for start in range(0, len(texts), 200):
        await client.ask(*(f"PRIVMSG {target} :{text}" for text in texts[start : start + 200]))


async def heard(client: RawClient, *last: str) -> list[str]:
    """Return the texts of everything a client was told, read up to a last one."""
    await told(client, "PRIVMSG", *last)
    return texts_of(client.seen)


async def told(client: RawClient, command: str, *params: str) -> Message:
    """Return the line with this command and these first parameters; a replay may have come before the first fence."""
    while True:
        for line in client.seen:
            if line.command == command and line.params[: len(params)] == params:
                return line
        await client.next()


def texts_of(lines: list[Message]) -> list[str]:
    return [line.params[1] for line in lines if line.command == "PRIVMSG"]


async def come(server: RunningServer, user: str) -> RawClient:
    """Return a client whose replay is over: what it says waits for that, and *playback answers."""
    client = await server.sign_in(user, caps=PLAIN)
    await client.ask("PRIVMSG *playback :?")
    return client


async def settle(client: RawClient) -> None:
    """Have the server know that the client has all it was told: PONGs of before are judged."""
    await client.fence()


async def test_a_device_is_sent_what_it_missed_and_nothing_of_it_again(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob = await server.sign_in("bob", caps=ASKS)
        await bob.ask("JOIN #room")
        phone = await come(server, "alice@phone")
        await phone.ask("JOIN #room")
        await say(bob, "#room", "seen live")
        await say(bob, "alice", "to you, live")
        await heard(phone, "alice", "to you, live")
        await settle(phone)
        await phone.close()
        # The last lines are behind no PING yet: they are sent again, and only they.
        await say(bob, "#room", "missed 1", "missed 2")
        await say(bob, "alice", "missed, to you")
        again = await server.sign_in("alice@phone", caps=PLAIN)
        while len(texts_of(again.seen)) < 5:
            await again.next()
        assert sorted(texts_of(again.seen)) == ["missed 1", "missed 2", "missed, to you", "seen live", "to you, live"]
        assert [text for text in texts_of(again.seen) if "to you" not in text] == ["seen live", "missed 1", "missed 2"]
        await settle(again)
        await again.close()
        await say(bob, "#room", "the end")
        third = await server.sign_in("alice@phone", caps=PLAIN)
        assert await heard(third, "#room", "the end") == ["the end"]


async def test_each_device_has_a_place_of_its_own(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob = await server.sign_in("bob", caps=ASKS)
        await bob.ask("JOIN #room")
        for device in ("alice@phone", "alice@desk", "alice"):
            client = await come(server, device)
            await client.ask("JOIN #room")
            await client.close()
        await say(bob, "#room", "one")
        for device in ("alice@phone", "alice@desk", "alice"):
            client = await server.sign_in(device, caps=PLAIN)
            assert await heard(client, "#room", "one") == ["one"]
            await settle(client)
            await client.close()
        await say(bob, "#room", "two")
        client = await server.sign_in("alice@desk", caps=PLAIN)
        assert await heard(client, "#room", "two") == ["two"]


async def test_a_first_coming_shows_the_last_fifty_of_each_conversation(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob, alice = await server.gather("bob", "alice", caps=ASKS)
        for client in (bob, alice):
            await client.ask("JOIN #room")
        await say(bob, "#room", *(f"line {number}" for number in range(1, 71)))
        await say(bob, "alice", "hello")
        await say(alice, "bob", "hello yourself")
        first = await server.sign_in("alice@new", caps=f"{PLAIN} batch")
        await told(first, "PRIVMSG", "bob", "hello yourself")
        await first.fence()
        texts = texts_of(first.seen)
        assert [text for text in texts if text.startswith("line")] == [f"line {number}" for number in range(21, 71)]
        assert [text for text in texts if text.startswith("hello")] == ["hello", "hello yourself"]
        assert not [line for line in first.seen if line.command == "NOTICE"]
        batches = [line.params[1:] for line in first.seen if line.command == "BATCH" and line.params[0][0] == "+"]
        assert sorted(batches) == [("chathistory", "#room"), ("chathistory", "bob")]
        assert all("batch" in line.tags and "time" in line.tags for line in first.seen if line.command == "PRIVMSG")


async def test_of_very_much_the_newest_thousand_come_and_a_notice_counts_the_rest(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob = await server.sign_in("bob", caps=ASKS)
        await bob.ask("JOIN #room")
        phone = await come(server, "alice@phone")
        await phone.ask("JOIN #room")
        await phone.close()
        await say(bob, "#room", *(f"line {number}" for number in range(1, 1008)))
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        notice = await told(phone, "NOTICE", "#room")
        assert texts_of(phone.seen) == [f"line {number}" for number in range(8, 1008)]
        assert notice.params[1].startswith("7 older messages in #room")
        between = 0
        for line in phone.seen:
            between = 0 if line.command == "PING" else between + (line.command == "PRIVMSG")
            assert between <= 50
        await settle(phone)
        await phone.close()
        await say(bob, "#room", "after")
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        assert await heard(phone, "#room", "after") == ["after"]
        assert not [line for line in phone.seen if line.command == "NOTICE"]


async def test_who_asks_for_history_is_not_replayed(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob, alice = await server.gather("bob", "alice", caps=ASKS)
        for client in (bob, alice):
            await client.ask("JOIN #room")
        await say(bob, "#room", "before")
        for caps in (ASKS, f"{PLAIN} batch znc.in/playback"):
            asks = await server.sign_in("alice", caps=caps)
            control = await server.sign_in("alice@control", caps=PLAIN)
            assert await heard(control, "#room", "before") == ["before"]
            await asks.fence()
            assert texts_of(asks.seen) == []


async def test_live_talk_is_asked_about_every_fifty_lines(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob = await server.sign_in("bob", caps=ASKS)
        await bob.ask("JOIN #room")
        phone = await come(server, "alice@phone")
        await phone.ask("JOIN #room")
        await say(bob, "#room", *(f"line {number}" for number in range(1, 121)))
        await told(phone, "PRIVMSG", "#room", "line 120")
        kinds = [line.command for line in phone.seen if line.command in ("PRIVMSG", "PING")]
        assert kinds == [*["PRIVMSG"] * 50, "PING", *["PRIVMSG"] * 50, "PING", *["PRIVMSG"] * 20]
        await settle(phone)
        await phone.close()
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        assert await heard(phone, "#room", "line 120") == [f"line {number}" for number in range(101, 121)]


async def test_control_a_client_that_answers_no_ping_is_sent_all_of_it_again(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob = await server.sign_in("bob", caps=ASKS)
        await bob.ask("JOIN #room")
        phone = await come(server, "alice@phone")
        await phone.ask("JOIN #room")
        await phone.close()
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        texts = [f"line {number}" for number in range(1, 81)]
        await say(bob, "#room", *texts)
        phone.send = lambda *lines: None  # type: ignore[method-assign]
        assert await heard(phone, "#room", "line 80") == texts
        await phone.close()
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        assert await heard(phone, "#room", "line 80") == texts


async def test_own_words_of_other_devices_come_too(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob, desk = await server.gather("bob", "alice", caps=ASKS)
        for client in (bob, desk):
            await client.ask("JOIN #room")
        await (await come(server, "alice@phone")).close()
        await say(desk, "#room", "mine")
        await say(desk, "bob", "mine, to bob")
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        while len(texts_of(phone.seen)) < 2:
            await phone.next()
        lines = [(line.source, *line.params) for line in phone.seen if line.command == "PRIVMSG"]
        assert sorted(lines) == [
            ("alice!alice@securechat", "#room", "mine"),
            ("alice!alice@securechat", "bob", "mine, to bob"),
        ]


async def test_without_server_time_the_text_says_when(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob, desk = await server.gather("bob", "alice", caps=ASKS)
        for client in (bob, desk):
            await client.ask("JOIN #room")
        await say(bob, "#room", "before", "\x01ACTION waves\x01", "\x01VERSION\x01", "x" * 470)
        stored = [line for line in await desk.ask("CHATHISTORY LATEST #room * 1") if line.command == "PRIVMSG"]
        minute = stored[0].tags["time"][:16].replace("T", " ")
        old = await server.sign_in("alice@old", caps="")
        await told(old, "PRIVMSG", "#room", "x" * 470)
        assert texts_of(old.seen)[:-1] == [
            f"[{minute} UTC] before",
            f"\x01ACTION [{minute} UTC] waves\x01",
            "\x01VERSION\x01",
        ]
        await say(bob, "#room", "and now")
        await told(old, "PRIVMSG", "#room", "and now")


async def test_what_a_client_writes_waits_for_its_replay_and_is_never_replayed_to_it(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob, desk = await server.gather("bob", "alice", caps=ASKS)
        for client in (bob, desk):
            await client.ask("JOIN #room")
        await say(bob, "#room", *(f"line {number}" for number in range(1, 51)))
        phone = await server.connect()
        phone.send("CAP REQ :sasl server-time echo-message", "PASS :alice@phone:correct horse battery", "NICK a")
        phone.send("CAP END", "USER u 0 * :u", "PRIVMSG #room :my own", "PRIVMSG #room :my last")
        texts = await heard(phone, "#room", "my last")
        assert texts == [*(f"line {number}" for number in range(1, 51)), "my own", "my last"]


async def test_a_new_device_that_is_cut_at_once_still_misses_nothing_later(tmp_path: Path) -> None:
    """The first coming is what makes a device known, not the first PONG."""
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob, desk = await server.gather("bob", "alice", caps=ASKS)
        for client in (bob, desk):
            await client.ask("JOIN #room")
        await say(bob, "#room", "old")
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        phone.send = lambda *lines: None  # type: ignore[method-assign]
        await heard(phone, "#room", "old")
        await phone.close()
        await say(bob, "#room", *(f"line {number}" for number in range(1, 81)))
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        assert await heard(phone, "#room", "line 80") == ["old", *(f"line {number}" for number in range(1, 81))]


async def test_a_direct_conversation_begun_while_away_comes_whole(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob = await server.sign_in("bob", caps=ASKS)
        await (await come(server, "alice@phone")).close()
        texts = [f"line {number}" for number in range(1, 61)]
        await say(bob, "alice", *texts)
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        assert await heard(phone, "alice", "line 60") == texts


async def test_places_outlast_the_server(tmp_path: Path) -> None:
    async def come(server: RunningServer, last: str) -> list[str]:
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        texts = await heard(phone, "#room", last)
        await settle(phone)
        return texts

    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob, desk = await server.gather("bob", "alice", caps=ASKS)
        for client in (bob, desk):
            await client.ask("JOIN #room")
        await say(bob, "#room", "one")
        assert await come(server, "one") == ["one"]
    async with running_server(tmp_path) as server:
        bob = await server.sign_in("bob", caps=ASKS)
        await say(bob, "#room", "two")
        assert await come(server, "two") == ["two"]


async def test_a_few_lines_are_asked_about_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "SECONDS_TO_PING", 0.05)
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        bob = await server.sign_in("bob", caps=ASKS)
        await bob.ask("JOIN #room")
        phone = await come(server, "alice@phone")
        await phone.ask("JOIN #room")
        await say(bob, "#room", "one", "two")
        await told(phone, "PRIVMSG", "#room", "two")
        assert (await told(phone, "PING")).params == ("read-1",)
        await settle(phone)
        await phone.close()
        await say(bob, "#room", "three")
        phone = await server.sign_in("alice@phone", caps=PLAIN)
        assert await heard(phone, "#room", "three") == ["three"]

"""How things end: the drain, errors of our own, a database that fails, and limits that turn people away."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from securechat.chat import commands
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, Send
from securechat.config import Config, Limits
from securechat.wire.message import Message
from tests.server.harness import DEADLINE, RawClient, RunningServer, running_server
from tests.server.held import HeldHistory


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        yield server


# ── the drain ──


async def test_the_drain_tells_everybody_and_stores_what_was_queued(tmp_path: Path) -> None:
    sent = [f"message {i}" for i in range(200)]
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice, bob = await server.gather("alice", "bob")
        stranger = await server.connect()
        held = HeldHistory(server.node)
        alice.send(*(f"PRIVMSG #general :{text}" for text in sent))
        await held.until(len(sent))
        held.release()
        await server.node.close()
        with contextlib.closing(sqlite3.connect(tmp_path / "chat.db")) as database:
            stored = database.execute("SELECT count(*) FROM records WHERE kind = 'Posted'").fetchone()
        assert stored == (len(sent),)
        for client, heard in ((alice, sent), (bob, sent), (stranger, [])):
            *lines, last = await client.ended()
            assert [line.params[1] for line in lines if line.command == "PRIVMSG"] == heard
            assert (last.command, last.params) == ("ERROR", ("Closing link: the server is going down",))
    async with running_server(tmp_path) as server:
        bob = await server.sign_in("bob")
        page = await bob.ask("CHATHISTORY LATEST #general * 500")
        assert [line.params[1] for line in page if line.command == "PRIVMSG"] == sent


async def test_the_drain_does_not_wait_for_who_does_not_read(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        alice = await server.sign_in("alice")
        alice.writer.transport.pause_reading()
        alice.send(*["VERSION"] * 5000)
        async with asyncio.timeout(2):
            await server.node.close()


async def test_a_client_of_a_closed_node_is_not_served_any_more(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    await server.node.close()
    alice.send("PRIVMSG #general :anybody?", "PING x")
    assert [line.command for line in await alice.ended()] == ["ERROR"]


# ── errors of our own ──


def fail_at_once(_ask: Ask) -> list[Effect]:
    raise RuntimeError("secret-detail")


def fail_while_drawn(ask: Ask) -> list[Effect]:
    def draw() -> Iterator[Message]:
        yield ask.reply("371", "so far so good")
        raise RuntimeError("secret-detail")

    return [Send(draw())]


def answer_unencodable(ask: Ask) -> list[Effect]:
    return [Send([ask.reply("371", "secret-detail\r\n:bob!bob@securechat PRIVMSG alice :forged")])]


@pytest.mark.parametrize("handler", [fail_at_once, fail_while_drawn, answer_unencodable])
@pytest.mark.parametrize(
    "before", [[], ["PRIVMSG #general :first"], ["CHATHISTORY LATEST #general * 5"], ["PING x"] * 200]
)
async def test_an_error_of_ours_ends_the_connection_it_happened_on_and_no_other(
    server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    before: list[str],
    handler: commands.Handler,
) -> None:
    broken = dataclasses.replace(commands.COMMANDS["VERSION"], handler=handler)
    monkeypatch.setitem(commands.COMMANDS, "VERSION", broken)
    alice, other, bob = await server.gather("alice", "alice", "bob")
    alice.send(*before, "VERSION", "PRIVMSG #general :behind the error")
    lines = await alice.ended()
    assert lines[-1].params == ("Closing link: internal error",)
    assert "secret-detail" not in str(lines)
    heard = [line.params[1] for line in await bob.fence()]
    assert heard == [line.split(":")[1] for line in before if line.startswith("PRIVMSG")]
    assert [line.command for line in await other.ask("PRIVMSG #general :still here")][-1] == "PRIVMSG"
    assert len(await bob.fence()) == 1
    assert len(server.node.connections) == 2
    assert server.failures == []


async def test_an_error_of_ours_in_the_middle_of_a_batch_keeps_nothing_from_the_others(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await server.gather("alice", "bob")
    broken = dataclasses.replace(commands.COMMANDS["VERSION"], handler=fail_at_once)
    monkeypatch.setitem(commands.COMMANDS, "VERSION", broken)
    held = HeldHistory(server.node)
    alice.send("PRIVMSG #general :one", "VERSION")
    await held.until(1)
    bob.send("PRIVMSG #general :two", "TOPIC #general")
    await held.until(2)
    held.release()
    assert [line.command for line in await alice.ended()] == ["PRIVMSG", "PRIVMSG", "ERROR"]
    assert [line.params[-1] for line in await bob.fence()] == ["one", "two", "No topic is set"]


async def test_an_error_before_sign_in_ends_only_that_connection(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await server.sign_in("alice")
    broken = dataclasses.replace(commands.COMMANDS["USER"], handler=fail_at_once)
    monkeypatch.setitem(commands.COMMANDS, "USER", broken)
    stranger = await server.connect()
    stranger.send("NICK x", "USER x 0 * :x")
    assert [line.params for line in await stranger.ended()] == [("Closing link: internal error",)]
    assert await alice.fence() == []


async def test_a_check_of_credentials_that_fails_ends_only_that_connection(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret-detail")

    alice = await server.sign_in("alice")
    monkeypatch.setattr(server.node.verification, "verify", fail)
    stranger = await server.connect()
    stranger.send("PASS :bob:correct horse battery", "NICK bob", "USER bob 0 * :bob")
    assert [line.params for line in await stranger.ended()] == [("Closing link: internal error",)]
    assert await alice.fence() == []


async def test_a_history_that_cannot_be_read_ends_only_the_connection_that_asked(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret-detail")

    alice, bob = await server.gather("alice", "bob")
    monkeypatch.setattr(server.node.history, "read", fail)
    alice.send("CHATHISTORY LATEST #general * 5")
    assert [line.params for line in await alice.ended()] == [("Closing link: internal error",)]
    assert await bob.fence() == []


# ── limits ──


async def is_served(client: RawClient) -> bool:
    client.send("PING x")
    try:
        return (await client.next()).command == "PONG"
    except (EOFError, OSError):
        return False


async def connect_or_none(server: RunningServer) -> RawClient | None:
    try:
        return await server.connect()
    except OSError:
        return None


@pytest.mark.parametrize("limits", [Limits(strangers=3), Limits(strangers_per_address=3)])
async def test_no_more_strangers_are_let_in_than_configured_and_members_do_not_count(
    tmp_path: Path, limits: Limits
) -> None:
    async with running_server(tmp_path, Config(limits=limits)) as server:
        await server.add("alice")
        members = [await server.sign_in("alice") for _ in range(5)]
        strangers = [await server.connect() for _ in range(3)]
        assert [await is_served(each) for each in strangers] == [True, True, True]
        assert await connect_or_none(server) is None
        before = len(server.node.connections)
        await strangers[0].close()
        async with asyncio.timeout(DEADLINE):
            while len(server.node.connections) >= before:
                await members[0].fence()
        assert await is_served(await server.connect())
        assert [await is_served(each) for each in members] == [True] * 5


async def test_a_stranger_who_signs_in_makes_room(tmp_path: Path) -> None:
    async with running_server(tmp_path, Config(limits=Limits(strangers=1))) as server:
        await server.add("alice")
        for _ in range(5):
            await server.sign_in("alice")
        assert len(server.node.connections) == 5


async def test_a_silent_member_is_asked_for_a_sign_of_life_and_then_dropped(tmp_path: Path) -> None:
    async with running_server(tmp_path, Config(limits=Limits(silence=0.2))) as server:
        await server.add("alice", "bob")
        alice, bob = await server.gather("alice", "bob")
        silent = bob.writer.transport
        silent.pause_reading()
        async with asyncio.timeout(DEADLINE):
            while len(server.node.connections) > 1:
                await alice.fence()
        assert [line.command for line in alice.seen].count("ERROR") == 0


async def test_a_member_who_only_answers_pings_stays(tmp_path: Path) -> None:
    async with running_server(tmp_path, Config(limits=Limits(silence=0.1))) as server:
        await server.add("alice")
        alice = await server.sign_in("alice")
        for _ in range(4):
            assert (await alice.until("PING")).params == ("chat.example",)
        assert await is_served(alice)

"""Channels over real TLS: slow mode, masks for a time, other names, invitations, several at once, KILL and WALLOPS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from securechat.chat.effects import Append, Entry
from securechat.chat.events import BanSet
from securechat.chat.ports import Outcome
from securechat.chat.streams import StreamId, channel_stream
from securechat.config import Chat, Config
from securechat.errors import StorageError
from securechat.server import expiries
from securechat.server.requests import ChannelList, ChannelShow
from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, DEADLINE, RawClient, RunningServer, milliseconds, running_server

QUIET = Config(chat=Chat(default_channels=[]))


def stream_of(server: RunningServer, name: str) -> StreamId:
    channel = server.node.world.directory.channel_named(name)
    assert channel is not None
    return channel_stream(channel.id)


async def open_room(server: RunningServer, *names: str, caps: str = ALL_CAPS) -> list[RawClient]:
    """Sign people in and have them join #room; the first owns it."""
    await server.add(*names)
    clients = [await server.sign_in(name, caps=caps) for name in names]
    for client in clients:
        await client.ask("JOIN #room")
    for client in clients:
        await client.fence()
    return clients


def commands(lines: list[Message]) -> list[str]:
    return [line.command for line in lines]


# ── slow mode ──


async def test_neither_a_burst_nor_a_second_device_gets_around_slow_mode(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        alice, bob = await open_room(server, "alice", "bob")
        phone = await server.sign_in("bob")
        await alice.ask("MODE #room +W 3600")
        await bob.fence()
        for client in (bob, phone):
            client.send(*(f"PRIVMSG #room :{i}" for i in range(20)))
        refused = [*await bob.fence(), *await phone.fence()]
        assert commands(refused).count("404") == 39
        heard = [line for line in await alice.fence() if line.command == "PRIVMSG"]
        assert len(heard) == 1
        assert "wait 3600 s" in next(line.param(2) for line in refused if line.command == "404")
        await alice.ask("MODE #room -W")
        bob.send(*(f"PRIVMSG #room :{i}" for i in range(20)))
        await bob.fence()
        # The control: it was slow mode that held them back.
        assert commands(await alice.fence()).count("PRIVMSG") == 20


# ── masks for a time ──


async def ban(server: RunningServer, mask: str, milliseconds_left: int) -> None:
    until = milliseconds() + milliseconds_left
    owner = server.node.world.directory.account_named("alice")
    assert owner is not None
    entry = Entry(stream_of(server, "#room"), BanSet(owner.id, mask, "b", until))
    await server.node.append(lambda: Append((entry,)))


async def test_a_ban_whose_time_is_over_is_lifted_by_the_server(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        alice, bob = await open_room(server, "alice", "bob")
        await ban(server, "~t:60:bob!*@*", 3_600_000)
        await ban(server, "~t:1:~q:bob!*@*", 300)
        assert commands(await bob.ask("PRIVMSG #room :x")) == ["MODE", "MODE", "404"]
        line = await alice.until("MODE", "#room", "-b")
        assert (line.source, line.params) == ("chat.example", ("#room", "-b", "~t:1:~q:bob!*@*"))
        # The control: the other one holds.
        assert [line.param(2) for line in await alice.ask("MODE #room b") if line.command == "367"] == ["~t:60:bob!*@*"]


async def test_it_is_lifted_too_when_its_time_was_over_while_the_server_was_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(expiries.Expiries, "follow", lambda *_: None)
        async with running_server(tmp_path, QUIET) as server:
            alice, _ = await open_room(server, "alice", "bob")
            await ban(server, "~t:1:bob!*@*", -1)
            await ban(server, "~t:2:bob!*@*", 3_600_000)
            assert commands(await alice.ask("MODE #room b")) == ["MODE", "MODE", "367", "367", "368"]
    async with running_server(tmp_path, QUIET) as server:
        alice = await server.sign_in("alice")
        async with asyncio.timeout(DEADLINE):
            while commands(lines := await alice.ask("MODE #room b")) != ["367", "368"]:
                pass
        assert lines[0].param(2) == "~t:2:bob!*@*"


async def test_what_the_disk_could_not_take_is_lifted_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiries, "RETRY_SECONDS", 0.05)
    async with running_server(tmp_path, QUIET) as server:
        alice, _ = await open_room(server, "alice", "bob")
        append = server.node.append
        failures: list[StorageError] = []

        async def fail_once(build: Callable[[], Append | None]) -> Outcome | None:
            if not failures:
                failures.append(StorageError("the disk is full"))
                raise failures[0]
            return await append(build)

        monkeypatch.setattr(server.node.hub.expiries, "_append", fail_once)
        await ban(server, "~t:1:bob!*@*", 50)
        await alice.until("MODE", "#room", "-b")
        assert len(failures) == 1


# ── another name. (IRCv3 channel-rename) ──


async def test_who_knows_rename_is_told_so_and_who_does_not_leaves_and_comes_back(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        (alice,) = await open_room(server, "alice", caps="server-time message-tags batch draft/channel-rename")
        bob, carol = await open_room(server, "bob", "carol", caps="extended-join")
        await alice.ask("TOPIC #room :about", "PRIVMSG #room :before")
        for client in (bob, carol):
            await client.fence()
        told = await alice.ask("RENAME #room #hall :We moved")
        assert [(line.source, line.command, line.params) for line in told] == [
            ("alice!alice@securechat", "RENAME", ("#room", "#hall", "We moved"))
        ]
        for client, name in ((bob, "bob"), (carol, "carol")):
            lines = await client.fence()
            assert commands(lines) == ["PART", "JOIN", "332", "333", "353", "366"]
            assert (lines[0].source, lines[0].params) == (f"{name}!{name}@securechat", ("#room", "We moved"))
            assert (lines[1].source, lines[1].params) == (f"{name}!{name}@securechat", ("#hall", name, name))
            assert {line.params[-2] for line in lines[4:5]} == {"#hall"}
        bob.send("PRIVMSG #hall :after", "PRIVMSG #room :lost")
        assert commands(await bob.fence()) == ["403"]
        assert (await alice.until("PRIVMSG")).params == ("#hall", "after")


async def test_who_renames_without_knowing_rename_is_shown_the_same_in_its_place(tmp_path: Path) -> None:
    """`the server SHOULD rename the channel, but use the fallback mechanism`."""
    async with running_server(tmp_path, QUIET) as server:
        alice, bob = await open_room(server, "alice", "bob", caps="echo-message")
        alice.send("RENAME #room #hall", "PRIVMSG #hall :here")
        lines = await alice.fence()
        assert commands(lines) == ["PART", "JOIN", "353", "366", "PRIVMSG"]
        assert lines[0].params == ("#room",)
        await bob.fence()
        # A change of case alone is not worth leaving for.
        assert commands(await alice.ask("RENAME #hall #Hall")) == []
        assert commands(await bob.fence()) == []
        assert (await alice.ask("TOPIC #hall"))[0].param(1) == "#Hall"


async def test_history_stays_under_the_new_name_after_a_restart_too(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        (alice,) = await open_room(server, "alice")
        await alice.ask("PRIVMSG #room :before", "RENAME #room #hall", "PRIVMSG #hall :after")
    async with running_server(tmp_path, QUIET) as server:
        await server.add("bob")
        alice = await server.sign_in("alice")
        lines = await alice.ask("CHATHISTORY LATEST #hall * 10")
        assert [line.params for line in lines if line.command == "PRIVMSG"] == [("#hall", "before"), ("#hall", "after")]
        assert commands(await alice.ask("CHATHISTORY LATEST #room * 10")) == ["FAIL"]
        bob = await server.sign_in("bob")
        assert [line.params[1:3] for line in await bob.ask("JOIN #room")] == [("#room", "#hall")]
        assert [row["name"] for row in await server.office.perform(ChannelList())] == ["#hall"]
        assert (await server.office.perform(ChannelShow("#hall")))["messages"] == 2


# ── invitations. (IRCv3 invite-notify) ──


async def test_those_who_may_invite_hear_of_an_invitation_and_nobody_else(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        alice, oscar, bob = await open_room(server, "alice", "oscar", "bob", caps="invite-notify")
        (deaf,) = await open_room(server, "deaf", caps="")
        await server.add("dave", "eve")
        dave = await server.sign_in("dave", caps="")
        await alice.ask("MODE #room +iooo oscar oscar deaf", "INVITE dave #room")
        expected = [("alice!alice@securechat", ("dave", "#room"))]
        for client, hears in ((oscar, True), (dave, True), (alice, False), (bob, False), (deaf, False)):
            told = [(line.source, line.params) for line in await client.fence() if line.command == "INVITE"]
            assert told == (expected if hears else []), client.seen[-1]
        await alice.ask("MODE #room -i", "INVITE eve #room")
        # The control: into an open channel bob may invite, so he hears of it.
        assert "INVITE" in commands(await bob.fence())


async def test_names_are_left_out_for_who_asked_for_none(tmp_path: Path) -> None:
    """IRCv3 no-implicit-names: after JOIN, and after a connection is put into its channels."""
    async with running_server(tmp_path, QUIET) as server:
        await open_room(server, "alice")
        brief = await server.sign_in("alice", caps="no-implicit-names")
        assert "JOIN" in commands(brief.seen)
        assert "353" not in commands(brief.seen)
        assert commands(await brief.ask("JOIN #new", "NAMES #new")) == ["JOIN", "353", "366"]


async def test_several_are_kicked_by_one_command_and_each_is_told_alone(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        alice, _bob, carol = await open_room(server, "alice", "bob", "carol")
        lines = await alice.ask("@label=k KICK #room bob,nobody,carol :out")
        assert commands(lines) == ["BATCH", "KICK", "401", "KICK", "BATCH"]
        assert [line.params for line in await carol.fence()] == [("#room", "bob", "out"), ("#room", "carol", "out")]


# ── administrators ──


async def test_a_kill_ends_all_of_somebodys_connections_with_the_reason(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        await server.add("anna", role="admin")
        anna = await server.sign_in("anna")
        bob, carol = await open_room(server, "bob", "carol")
        phone = await server.sign_in("bob")
        assert commands(await anna.ask("KILL bob :that is enough")) == []
        for client in (bob, phone):
            kill, error = (await client.ended())[-2:]
            assert (kill.source, kill.params) == ("anna!anna@securechat", ("bob", "that is enough"))
            assert (error.command, error.param(0)) == ("ERROR", "Closing link: Killed (anna (that is enough))")
        assert commands(await carol.ask("NAMES #room")) == ["353", "366"]
        again = await server.sign_in("bob")
        assert "JOIN" in commands(again.seen)


async def test_wallops_reaches_every_administrator_and_nobody_else(tmp_path: Path) -> None:
    async with running_server(tmp_path, QUIET) as server:
        await server.add("anna", "adam", role="admin")
        await server.add("bob")
        anna, adam, bob = await server.gather("anna", "adam", "bob")
        lines = [*await anna.ask("WALLOPS :hear me"), *await adam.fence()]
        assert [(line.source, line.params) for line in lines] == [("anna!anna@securechat", ("hear me",))] * 2
        assert commands(await bob.fence()) == []

"""IRCv3 monitor, extended-monitor and pre-away over real TLS: who is told that somebody came, went, or is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from securechat.chat.presence import PresenceChanged
from securechat.chat.signals import Watched
from securechat.config import Chat, Config
from securechat.server.monitoring import Monitoring
from securechat.server.requests import UserDelete, UserRename
from securechat.wire.message import Message, encode
from tests.server.harness import DEADLINE, RawClient, RunningServer, running_server

ABSENCE = 0.3
CAPS = "away-notify message-tags server-time account-tag"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(chat=Chat(absence=ABSENCE, default_channels=[]))) as server:
        await server.add("alice", "bob", "carol")
        yield server


def shown(lines: list[Message]) -> list[str]:
    """Write lines as they came, without their tags."""
    return [encode(Message(line.command, line.params, line.source)).decode().strip() for line in lines]


async def leave(server: RunningServer, client: RawClient) -> None:
    before = len(server.node.connections)
    await client.close()
    async with asyncio.timeout(DEADLINE):
        while len(server.node.connections) >= before:
            await asyncio.sleep(0)


def index(server: RunningServer) -> dict[str, int]:
    return {name: len(members) for name, members in server.node.hub.absences.monitoring._watchers.items()}


# 730: "a target has just become online"; 731: "a target has just left the irc network".
async def test_coming_and_going_is_told_to_who_watches_and_to_nobody_else(server: RunningServer) -> None:
    watcher, other = await server.gather("alice", "carol", caps="")
    assert shown(await watcher.ask("MONITOR + bob")) == [":chat.example 731 alice bob"]
    bob = await server.sign_in("bob")
    assert shown(await watcher.fence()) == [":chat.example 730 * bob!bob@securechat"]
    await leave(server, bob)
    line = await watcher.until("731")
    assert shown([line]) == [":chat.example 731 * bob"]
    assert await other.fence() == []


async def test_a_quick_return_is_not_noticed(server: RunningServer) -> None:
    watcher, bob = await server.gather("alice", "bob", caps="")
    await watcher.ask("MONITOR + bob")
    await leave(server, bob)
    assert shown(await watcher.ask("MONITOR S")) == [":chat.example 730 alice bob!bob@securechat"]
    bob = await server.sign_in("bob")
    phone = await server.sign_in("bob")
    await leave(server, phone)
    assert await watcher.fence() == []
    await leave(server, bob)
    assert (await watcher.until("731")).params == ("*", "bob")
    assert [line.command for line in watcher.seen if line.command in ("730", "731")] == ["730", "730", "731"]


async def test_who_was_taken_out_of_the_list_is_not_told_of(server: RunningServer) -> None:
    alice, carol = await server.gather("alice", "carol", caps="")
    await alice.ask("MONITOR + bob,carol", "MONITOR - bob")
    await carol.ask("MONITOR + bob", "MONITOR C")
    await server.sign_in("bob")
    assert await alice.fence() == []
    assert await carol.fence() == []


async def test_the_index_holds_who_watches_and_forgets_with_the_connection(server: RunningServer) -> None:
    alice, phone = await server.gather("alice", "alice", caps="")
    await alice.ask("MONITOR + Bob,carol")
    await phone.ask("MONITOR + bob")
    assert index(server) == {"bob": 2, "carol": 1}
    await leave(server, alice)
    assert index(server) == {"bob": 1}
    await phone.ask("MONITOR - BOB")
    assert index(server) == {}


class Listener:
    """A connection, as far as it is told of others."""

    transport = SimpleNamespace(write_live=lambda _line: True)


async def test_a_change_costs_as_much_as_there_are_watchers_of_that_person(server: RunningServer) -> None:
    touched: list[Any] = []
    monitoring = Monitoring(server.node.world, touched.append)
    crowd: list[Any] = [Listener() for _ in range(500)]
    for number, connection in enumerate(crowd):
        monitoring.follow(connection, Watched(added=("bob",) if number < 3 else ("alice", "carol")))
    account = server.node.world.directory.account_named("bob")
    assert account is not None
    for online in (True, None, False):
        monitoring.announce(PresenceChanged(account.id, None, online=online))
    assert touched == crowd[:3] * 2


# Privacy considerations: "Observer receives RPL_MONOFFLINE for nick A, RPL_MONONLINE for nick B".
async def test_another_name_is_another_nick(server: RunningServer) -> None:
    watcher, _bob = await server.gather("alice", "bob", caps="")
    await watcher.ask("MONITOR + bob,robert")
    await server.office.perform(UserRename("bob", "robert"))
    assert shown(await watcher.fence()) == [
        ":chat.example 731 * bob",
        ":chat.example 730 * robert!robert@securechat",
    ]
    assert shown(await watcher.ask("MONITOR S")) == [
        ":chat.example 730 alice robert!robert@securechat",
        ":chat.example 731 alice bob",
    ]


async def test_another_name_of_who_is_not_here_is_no_news(server: RunningServer) -> None:
    """The control."""
    async with asyncio.timeout(DEADLINE):
        while server.node.world.presence.is_online(server.node.world.directory.account_named("bob").id):  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
    watcher = await server.sign_in("alice", caps="")
    await watcher.ask("MONITOR + bob,robert")
    await server.office.perform(UserRename("bob", "robert"))
    assert await watcher.fence() == []


async def test_who_is_deleted_has_gone(server: RunningServer) -> None:
    watcher, _bob = await server.gather("alice", "bob", caps="")
    await watcher.ask("MONITOR + bob")
    await server.office.perform(UserDelete("bob"))
    assert shown(await watcher.fence()) == [":chat.example 731 * bob"]


# ── extended-monitor ──


# "If away-notify is also enabled, the client will get AWAY notifications for monitored nicks."
async def test_who_watches_is_told_of_absence_without_a_common_channel(server: RunningServer) -> None:
    bob = await server.sign_in("bob")
    watcher = await server.sign_in("alice", caps=f"extended-monitor {CAPS}")
    without = await server.sign_in("carol", caps=CAPS)
    unaware = await server.sign_in("alice", caps="extended-monitor")
    for client in (watcher, without, unaware):
        await client.ask("MONITOR + bob")
    await bob.ask("AWAY :lunch")
    (line,) = await watcher.fence()
    assert shown([line]) == [":bob!bob@securechat AWAY lunch"]
    assert line.tags["account"] == "bob"
    assert await without.fence() == []
    assert await unaware.fence() == []


async def test_who_watches_and_shares_a_channel_is_told_once(server: RunningServer) -> None:
    bob = await server.sign_in("bob")
    watcher = await server.sign_in("alice", caps=f"extended-monitor {CAPS}")
    await bob.ask("JOIN #room")
    await watcher.ask("JOIN #room", "MONITOR + bob")
    await bob.ask("AWAY :lunch", "AWAY")
    assert shown(await watcher.fence()) == [":bob!bob@securechat AWAY lunch", ":bob!bob@securechat AWAY"]


# ── away-notify ──


# "as well as when a user joins and has an away message set"
async def test_who_joins_while_away_is_announced_as_such(server: RunningServer) -> None:
    alice = await server.sign_in("alice", caps=CAPS)
    bob = await server.sign_in("bob", caps="")
    plain = await server.sign_in("carol", caps="")
    await alice.ask("JOIN #room")
    await plain.ask("JOIN #room")
    await alice.fence()
    await bob.ask("AWAY :lunch", "JOIN #room")
    assert shown(await alice.fence()) == [":bob!bob@securechat JOIN #room", ":bob!bob@securechat AWAY lunch"]
    assert shown(await plain.fence()) == [":bob!bob@securechat JOIN #room"]


# ── pre-away ──


async def come(server: RunningServer, name: str, away: str) -> RawClient:
    """Sign in after having said this of being away."""
    client = await server.connect()
    client.send("CAP LS 302", "CAP REQ :draft/pre-away", away)
    await client.until("306")
    await client.sign_in(name, caps="")
    return client


# "does not inhibit reporting of the change in nickname status, e.g. via monitor"
async def test_who_comes_to_fetch_what_it_missed_is_online_and_nothing_else(server: RunningServer) -> None:
    bob = await server.sign_in("bob")
    await bob.ask("JOIN #room")
    watcher = await server.sign_in("alice", caps=CAPS)
    await watcher.ask("JOIN #room", "MONITOR + bob")
    await leave(server, bob)
    await watcher.until("731")
    await watcher.fence()
    bob = await come(server, "bob", "AWAY *")
    assert shown(await watcher.fence()) == [":chat.example 730 * bob!bob@securechat"]
    assert ":chat.example 301 alice bob :Not connected" in shown(await watcher.ask("WHOIS bob"))
    await bob.ask("AWAY")
    assert shown(await watcher.fence()) == [":bob!bob@securechat AWAY"]


async def test_a_reason_given_before_signing_in_holds_from_the_start(server: RunningServer) -> None:
    await come(server, "bob", "AWAY :in a meeting")
    alice = await server.sign_in("alice")
    assert shown(await alice.ask("PRIVMSG bob :hello"))[-1] == ":chat.example 301 alice bob :in a meeting"

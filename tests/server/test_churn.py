"""Memory stays flat: names, rooms and connections that came and went leave nothing behind in any register."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from securechat.chat.directory import DROPPED_REMEMBERED
from securechat.config import Config, Limits
from securechat.server.requests import ChannelDrop
from securechat.storage.sqlite.indexing import WORTHWHILE
from tests.server.harness import DEADLINE, RawClient, RunningServer, running_server
from tests.server.registers import count_everything
from tests.server.webclient import sign_in_web

ROUNDS = 8
BOUNDED = {"Directory._names_of_dropped": DROPPED_REMEMBERED, "Indexing._touched": WORTHWHILE}
"""What may grow so far, and has a test of its own or is emptied when there is enough in it."""
Churn = Callable[[RunningServer, RawClient, RawClient, range], Awaitable[None]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(limits=Limits(rate=0, owned_channels=10_000))) as server:
        await server.add("alice", "bob", "carol")
        yield server


async def rooms(_server: RunningServer, alice: RawClient, bob: RawClient, numbers: range) -> None:
    """Rooms are made, filled, changed in every way there is, and left; nobody wrote, so they disappear."""
    for n in numbers:
        room = f"#room-{n}"
        await alice.ask(f"JOIN {room}", f"TOPIC {room} :about {n}", f"INVITE bob {room}", f"MODE {room} +k key{n}")
        await bob.ask(f"JOIN {room} key{n}")
        await alice.ask(f"MODE {room} +bbe m{n}!*@* ~t:5:n{n} x{n}", f"RENAME {room} {room}-renamed")
        await bob.ask(f"PART {room}-renamed", f"NAMES {room}", f"JOIN {room}")
        await alice.ask(f"KICK {room}-renamed bob", f"PART {room}-renamed")


async def dropped_rooms(server: RunningServer, alice: RawClient, bob: RawClient, numbers: range) -> None:
    """Rooms that were written to are dropped by an administrator."""
    for n in numbers:
        room = f"#written-{n}"
        await alice.ask(f"JOIN {room}", f"PRIVMSG {room} :{n}", f"MODE {room} +W 1")
        await bob.ask(f"JOIN {room}", f"PRIVMSG {room} :{n}", f"TAGMSG {room}", f"MARKREAD {room}")
        await server.office.perform(ChannelDrop(room))
    await asyncio.gather(alice.fence(), bob.fence())


async def names(_server: RunningServer, alice: RawClient, bob: RawClient, numbers: range) -> None:
    """Names that nobody has are written to, watched, asked for and searched for."""
    for n in numbers:
        await alice.ask(
            f"PRIVMSG nobody{n} :hello",
            f"PRIVMSG #nowhere{n} :hello",
            f"@+typing=active TAGMSG nobody{n}",
            f"MONITOR + nobody{n},no{n},bob",
            f"WHOIS nobody{n}",
            f"WHOWAS nobody{n}",
            f"WHO no*{n}",
            f"ISON nobody{n} nope{n}",
            f"USERHOST nobody{n}",
            f"LIST #no*{n}",
            f"NAMES #nowhere{n}",
            f"CHATHISTORY LATEST nobody{n} * 10",
            f"MARKREAD #nowhere{n}",
            f"METADATA nobody{n} LIST",
            f"ACCOUNT IGNORE nobody{n}",
            f"NONSENSE{n} x{n}",
            f"AWAY :reason {n}",
            f"SETNAME :Alice {n}",
            "MONITOR C",
            "AWAY",
            "SETNAME :Alice",
        )
        await bob.ask(f"@label=l{n} PING {n}", f"BATCH +b{n} draft/multiline #general", f"BATCH -b{n}")


async def comings(server: RunningServer, _alice: RawClient, _bob: RawClient, numbers: range) -> None:
    """Strangers and members come and go, by TLS and by WebSocket, politely and not."""
    for n in numbers:
        strangers = [await server.connect() for _ in range(2)]
        await strangers[0].ask("CAP LS 302", f"NICK stranger{n}", f"USER u{n} 0 * :u{n}", f"PASS x{n}")
        member, other = await server.sign_in("carol"), await sign_in_web(server, "carol")
        await member.ask("MONITOR + alice,bob", f"AWAY :{n}", f"PRIVMSG bob :from carol {n}")
        member.send("QUIT")
        await member.ended()
        for client in (*strangers, other):
            client.writer.transport.abort()
        server.clients.clear()


async def settled(server: RunningServer, connections: int) -> Counter[str]:
    """Return the sizes of all registers once only the two are left that watch."""
    async with asyncio.timeout(DEADLINE):
        while len(server.node.connections) > connections or server.node.entrances:
            await asyncio.sleep(0.01)
    gc.collect()
    return count_everything(server.node)


@pytest.mark.parametrize("churn", [rooms, dropped_rooms, names, comings])
async def test_what_came_and_went_leaves_nothing_behind(server: RunningServer, churn: Churn) -> None:
    alice, bob = await server.gather("alice", "bob")
    watchers = list(server.clients)
    await churn(server, alice, bob, range(25))
    await asyncio.gather(alice.fence(), bob.fence())
    before = await settled(server, 2)
    for turn in range(1, ROUNDS):
        await churn(server, alice, bob, range(25 * turn, 25 * turn + 25))
        await asyncio.gather(alice.fence(), bob.fence())
    after = await settled(server, 2)
    grown = {place: (before[place], size) for place, size in after.items() if size > before[place] + 3}
    assert {place: sizes for place, sizes in grown.items() if sizes[1] > BOUNDED.get(place, 0)} == {}
    server.clients = watchers


async def test_control_what_stays_is_found(server: RunningServer) -> None:
    alice, _bob = await server.gather("alice", "bob")
    before = await settled(server, 2)
    await alice.ask(*(f"JOIN #stays-{n}" for n in range(30)))
    after = await settled(server, 2)
    grown = {place for place, size in after.items() if size > before[place] + 3}
    assert {"Directory.channels", "Directory._channel_ids", "Audiences._channels"} <= grown

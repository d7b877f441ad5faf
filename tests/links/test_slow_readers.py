"""Readers that stop: a real server cuts them at its limit, keeps no more than that for them, and nobody else notices.

What it costs the others in time is measured by `scripts/bench slow-reader`; here nothing depends on the clock.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from securechat.wire.message import Message
from tests.links.remote import Remote, forget_peak, read_peak
from tests.scenario.processes import Programs, Server, port_of
from tests.server.harness import RawClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

LIMIT = 262_144
"""Bytes that may wait for a reader."""
ENDLESS = 1 << 30
SLOW = ("bob", "carol", "dave")
BUFFER = 65_536
"""Bytes of a slow reader's receive buffer. With less than a segment of loopback has, the kernel opens its window late, if ever."""
CHANNEL = "#general"
MESSAGES = 4000
PACKET = 20
PADDING = "x" * 4000
"""In a tag, which may be longer than a text: few messages make many bytes."""
BOUND = len(SLOW) * LIMIT + (4 << 20)
"""Bytes by which the server may grow: what waits, a batch under way, and what the allocator does not give back."""


@dataclass
class Room:
    """A server in a process of its own, a writer and a good reader in a channel, and how others get in."""

    server: Server
    remote: Remote
    writer: RawClient
    reader: RawClient

    async def talk(self, first: int) -> None:
        """Have the writer say a great deal, numbered from `first`, until both of them have heard all of it."""
        last = first + MESSAGES - 1
        await asyncio.gather(self._write(first), self.reader.until("PRIVMSG", CHANNEL, str(last)))

    async def _write(self, first: int) -> None:
        for packet in range(first, first + MESSAGES, PACKET):
            await self.writer.ask(*(f"@+pad={PADDING} PRIVMSG {CHANNEL} :{packet + i}" for i in range(PACKET)))

    async def talk_to_the_slow(self) -> tuple[list[RawClient], int]:
        """Talk while some do not read; return them, and by how many bytes the server's memory grew at its peak."""
        slow = [await self.remote.sign_in(name, buffer=BUFFER) for name in SLOW]
        for client in slow:
            client.writer.transport.pause_reading()
        # From here on: the 64 MiB that it takes to check a password are none of the queue's.
        before = forget_peak(self.server.pid)
        await self.talk(MESSAGES)
        return slow, read_peak(self.server.pid) - before

    def count_cut(self) -> int:
        """Count the connections that the server says it has cut."""
        return sum("send queue exceeded" in line for line in self.server.err)


@pytest.fixture
async def open_room(programs: Programs, tmp_path: Path) -> AsyncIterator[Callable[[int], Awaitable[Room]]]:
    """Opens a room on a server with this limit that has grown already as such a talk with good readers makes it grow."""
    remotes: list[Remote] = []

    async def open_one(limit: int) -> Room:
        config, data = tmp_path / "config.toml", tmp_path / "data"
        config.write_text(f"[limits]\nsend_queue = {limit}\nrate = 0\n")
        server = programs.server(data, "--config", str(config))
        remotes.append(Remote(port_of(server.wait_ready()[0]), data / "ca.pem"))
        programs.add_people(data, "alice", "erin", *SLOW)
        room = Room(server, remotes[0], await remotes[0].sign_in("alice"), await remotes[0].sign_in("erin"))
        await room.talk(0)
        return room

    yield open_one
    for remote in remotes:
        await remote.end_all()


def numbers(lines: list[Message]) -> list[int]:
    return [int(line.params[1]) for line in lines if line.command == "PRIVMSG"]


async def test_who_stops_reading_is_cut_at_the_limit_costs_nobody_a_line_and_resumes_without_a_gap(
    open_room: Callable[[int], Awaitable[Room]],
) -> None:
    room = await open_room(LIMIT)
    (bob, *_), grown = await room.talk_to_the_slow()
    assert grown <= BOUND
    room.server.wait_for("send queue exceeded", times=len(SLOW))
    assert numbers(room.writer.seen) == numbers(room.reader.seen) == list(range(2 * MESSAGES))

    bob.writer.transport.resume_reading()
    await bob.ended()
    heard = [line for line in bob.seen if line.command == "PRIVMSG"]
    bound = f"msgid={heard[-1].tags['msgid']}"
    bob = await room.remote.sign_in("bob")
    while page := (await bob.ask(f"CHATHISTORY AFTER {CHANNEL} {bound} 100"))[1:-1]:
        heard += page
        bound = f"msgid={page[-1].tags['msgid']}"
    assert numbers(heard) == list(range(MESSAGES, 2 * MESSAGES))


async def test_control_without_a_limit_nobody_is_cut_and_the_server_grows_beyond_the_bound(
    open_room: Callable[[int], Awaitable[Room]],
) -> None:
    room = await open_room(ENDLESS)
    slow, grown = await room.talk_to_the_slow()
    assert grown > BOUND
    for client in slow:
        client.writer.transport.resume_reading()
        await client.fence()
        assert numbers(client.seen) == list(range(MESSAGES, 2 * MESSAGES))
    assert room.count_cut() == 0

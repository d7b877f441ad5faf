"""The floor: the smallest program that fans out the bytes our server would, over the transport of our server.

    python -m tests.bench.floor CERT KEY        says `listening on HOST:PORT` on stderr, runs until it is killed

It lets the load in, adds the tags and the prefix to what a sender says, in the two variants that members ask for, and
sends it to the room: one write per connection and turn of the loop, with the pause between two fan-outs and the settings of
the collector that our server has, so that it differs in nothing but what it leaves out. Nothing is parsed that need not be, nothing is
checked, nothing is kept.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import sys
from functools import partial
from pathlib import Path

from securechat.server.pause import Pause
from securechat.server.tls import build_context
from securechat.server.transport import Transport

TAGS = (
    b"@time=2026-01-01T00:00:00.000Z;msgid=01M81T1VFAJA55NTD78DYCB0D9 ",
    b"@time=2026-01-01T00:00:00.000Z;msgid=01M81T1VFAJA55NTD78DYCB0D9;account=%s ",
)
"""What our server puts before a line for those without and for those with account-tag; always of the same length."""
QUEUE_LIMIT = 1 << 30
HANDSHAKE_SECONDS = 30.0


class Member:
    """A connection: a `Receiver` of its transport."""

    transport: Transport

    def __init__(self, floor: Floor) -> None:
        self.variant = 0
        self._floor = floor
        self._rest = b""
        self._name = b""
        self._heads: list[bytes] = []

    def connected(self, transport: Transport) -> None:
        self.transport = transport

    def received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            if line[:1] == b"@":
                _, text = line.split(b" ", 1)
                self._floor.pass_on(text, self._heads)
            else:
                self._answer(line)

    def drained(self) -> None:
        pass

    def closed(self, reason: str) -> None:
        self._floor.forget(self)

    def _answer(self, line: bytes) -> None:
        """Answer as much as the load waits for."""
        command, _, rest = line.partition(b" ")
        if line.startswith(b"CAP REQ"):
            self.variant = int(b"account-tag" in line)
        elif command == b"NICK":
            self._name = rest
        elif line == b"CAP END":
            prefix = b":%s!%s@securechat " % (self._name, self._name)
            self._heads = [tags.replace(b"%s", self._name) + prefix for tags in TAGS]
            self._reply(b":floor 001 " + self._name + b" :Welcome\r\n")
        elif command == b"JOIN":
            for room in rest.split(b","):
                self._floor.rooms.setdefault(room, {})[self] = None
        elif command == b"PING":
            self._reply(b":floor PONG floor " + rest + b"\r\n")

    def _reply(self, line: bytes) -> None:
        self.transport.write(line)
        self.transport.flush()


class Floor:
    """The rooms, and what has been said in them since the last turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext) -> None:
        self.rooms: dict[bytes, dict[Member, None]] = {}
        self._said: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
        self._loop = loop
        self._context = context
        self._pause = Pause(loop.time)

    def accept(self, listener: socket.socket) -> None:
        """Let a connection in."""
        sock, _ = listener.accept()
        sock.setblocking(False)
        Transport(
            self._loop,
            sock,
            self._context,
            Member(self),
            handshake_timeout=HANDSHAKE_SECONDS,
            queue_limit=QUEUE_LIMIT,
        )

    def pass_on(self, text: bytes, heads: list[bytes]) -> None:
        """Have everybody in a room sent a line at the end of this turn, or of the pause. text: `PRIVMSG ROOM :…`"""
        if not self._said:
            pause = self._pause.remaining
            begin = self._loop.call_soon if not pause else partial(self._loop.call_later, pause)
            begin(self._pause.follow, self._fan_out)
        room = text.split(b" ", 2)[1]
        plain, tagged = self._said.setdefault(room, ([], []))
        plain.append(heads[0] + text + b"\r\n")
        tagged.append(heads[1] + text + b"\r\n")

    def forget(self, member: Member) -> None:
        """Take somebody out of all rooms."""
        for members in self.rooms.values():
            members.pop(member, None)

    def _fan_out(self) -> None:
        hearers: dict[Member, None] = {}
        deliver = Transport.send_live if len(self._said) == 1 else Transport.write_live
        for room, variants in self._said.items():
            bodies = [b"".join(lines) for lines in variants]
            members = self.rooms[room]
            for member in members:
                deliver(member.transport, bodies[member.variant])
            if deliver is Transport.write_live:
                hearers.update(members)
        self._said = {}
        for member in hearers:
            member.transport.flush()


async def _serve(cert: Path, key: Path) -> None:
    loop = asyncio.get_running_loop()
    floor = Floor(loop, build_context(cert, key))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    loop.add_reader(listener, floor.accept, listener)
    sys.stderr.write(f"listening on 127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stderr.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2])))

"""A TCP proxy in front of a server that cuts a link after an exact number of bytes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Direction = Literal["to the server", "to the client"]

_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Cut:
    """Where a connection ends, both ways at once.

    after: bytes let through in that direction, TLS records and their handshake as they are on the wire.
    reset: by RST, which both ends see as an error; else by FIN, which looks like a good-bye without one.
    """

    direction: Direction
    after: int
    reset: bool


class Proxy:
    """Passes connections on to a port of loopback. The next one is cut as `cut` says, those after it are not.

    carried: bytes of the last connection that was not to be cut, by direction.
    has_cut: whether the last plan was carried out, or the connection ended of itself before.
    """

    def __init__(self, port: int) -> None:
        self.cut: Cut | None = None
        self.has_cut = False
        self.carried: dict[Direction, int] = {}
        self._target = port
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)
        cut, self.cut = self.cut, None
        if cut is None:
            await self._relay(reader, writer, None)
            return
        self.has_cut = False
        with ended_by(cut, writer):
            if cut.after:
                await self._relay(reader, writer, cut)
            else:
                self.has_cut = True

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Cut | None) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        if cut is None:
            self.carried = {"to the server": 0, "to the client": 0}
        limits = {} if cut is None else {cut.direction: cut.after}
        with ended_by(cut, writer), ended_by(cut, far_writer):
            ways = [
                asyncio.ensure_future(self._pump(reader, far_writer, "to the server", limits)),
                asyncio.ensure_future(self._pump(far_reader, writer, "to the client", limits)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        direction: Direction,
        limits: dict[Direction, int],
    ) -> None:
        left = limits.get(direction)
        try:
            while data := await source.read(65_536):
                if left is not None:
                    sink.write(data[:left])
                    left -= len(data[:left])
                    if not left:
                        self.has_cut = True
                        return
                    continue
                sink.write(data)
                if not limits:
                    self.carried[direction] += len(data)
        except ConnectionError:
            return


@contextmanager
def ended_by(cut: Cut | None, writer: asyncio.StreamWriter) -> Iterator[None]:
    """End one of the two connections behind what was written to it, in the cut's manner."""
    try:
        yield
    finally:
        if cut is not None and cut.reset:
            sock: socket.socket = writer.get_extra_info("socket")
            if not writer.transport.is_closing():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            writer.transport.abort()
        else:
            writer.close()

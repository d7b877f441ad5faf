"""A client that knows, for each line it got, how many encrypted bytes had come before the line began to arrive."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.flush.trace import Arrival
from tests.scenario.processes import DEADLINE, PASSWORD

HEADER = 5
"""Bytes before each TLS record; the last two of them are its length (RFC 8446, 5.1)."""


class TappedClient:
    """One connection. TLS is taken off record by record, so that each line is known by the record it began in.

    lines: with the offset of that record among all bytes the server sent.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._received = 0
        self._begun = b"", 0
        self.port: int = writer.get_extra_info("sockname")[1]
        self.lines: list[tuple[str, int]] = []

    async def shake_hands(self) -> None:
        """Do the TLS handshake."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                await self._take_record()
            else:
                self._flush()
                return

    def send(self, *lines: str) -> None:
        """Send lines, all in one go."""
        self._tls.write("".join(f"{line}\r\n" for line in lines).encode())
        self._flush()

    async def read_until(self, condition: Callable[[], bool]) -> None:
        """Read until something holds of `lines`; raises EOFError when the connection ends before."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self._read_record()

    async def read_count(self, pattern: str, count: int) -> None:
        """Read until so many lines with this pattern have come in all."""
        await self.read_until(lambda: len(self.arrivals(pattern)) >= count)

    async def read_to_end(self) -> None:
        """Read until the connection ends, however it does."""
        try:
            await self.read_until(lambda: False)
        except (EOFError, ConnectionError, ssl.SSLError):
            pass

    async def ask(self, line: str) -> list[str]:
        """Send a line and return what came up to the answer to a PING behind it."""
        before = len(self.lines)
        self.send(line, f"PING :fence-{before}")
        await self.read_until(lambda: any(f"fence-{before}" in line for line, _ in self.lines[before:]))
        return [line for line, _ in self.lines[before:] if f"fence-{before}" not in line]

    def arrivals(self, pattern: str) -> list[Arrival]:
        """Return what came that has this pattern in it."""
        found = ((re.search(pattern, line), offset) for line, offset in self.lines)
        return [Arrival(self.port, offset, match[0]) for match, offset in found if match]

    def texts(self, pattern: str) -> list[str]:
        """Return the parts of lines that fit the pattern, in the order in which they came."""
        return [arrival.text for arrival in self.arrivals(pattern)]

    def leave(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()

    async def _take_record(self) -> int:
        """Hand one record to TLS; return how many bytes came before it."""
        start = self._received
        try:
            header = await self._reader.readexactly(HEADER)
            body = await self._reader.readexactly(int.from_bytes(header[3:], "big"))
        except asyncio.IncompleteReadError:
            raise EOFError from None
        self._incoming.write(header + body)
        self._received += HEADER + len(body)
        return start

    async def _read_record(self) -> None:
        start = await self._take_record()
        try:
            data = self._tls.read(1 << 20)
        except ssl.SSLWantReadError:
            return
        if not data:
            raise EOFError
        rest, began = self._begun
        *lines, rest_after = (rest + data).split(b"\n")
        for line in lines:
            self.lines.append((line.decode().rstrip("\r"), began if rest else start))
            rest = b""
        self._begun = rest_after, began if rest and not lines else start

    def _flush(self) -> None:
        self._writer.write(self._outgoing.read())


@asynccontextmanager
async def tapped_client(port: int, ca: Path, name: str, secret: str = PASSWORD) -> AsyncIterator[TappedClient]:
    """Sign somebody in who asks for echoes and sends with ids."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    client = TappedClient(reader, writer, ssl.create_default_context(cafile=str(ca)))
    try:
        await client.shake_hands()
        capabilities = "echo-message message-tags batch draft/chathistory securechat.internal/once"
        client.send(f"CAP REQ :{capabilities}", f"PASS :{name}:{secret}", f"NICK {name}", "USER u 0 * :u", "CAP END")
        await client.read_until(lambda: any(" 001 " in line for line, _ in client.lines))
        await client.ask("PING :in")
        yield client
    finally:
        client.leave()

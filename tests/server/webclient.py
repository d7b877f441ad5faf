"""Web clients for the tests: the `websockets` library's behind the raw client's face, bare frames, bare requests."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tests.server.harness import DEADLINE, RawClient, RunningServer

TEXT, BINARY = "text.ircv3.net", "binary.ircv3.net"


class _Lines:
    """A WebSocket as a stream reader and a stream writer of lines: all that `RawClient` asks of the two."""

    def __init__(self, socket: ClientConnection, as_text: bool) -> None:
        self.socket = socket
        self.transport = socket.transport
        self.frames: list[str | bytes] = []
        self._as_text = as_text
        self._sending: list[asyncio.Task[None]] = []

    async def readline(self) -> bytes:
        try:
            message = await self.socket.recv()
        except ConnectionClosed:
            return b""
        self.frames.append(message)
        return (message.encode() if isinstance(message, str) else message) + b"\r\n"

    def write(self, data: bytes) -> None:
        for line in data.split(b"\r\n")[:-1]:
            self._sending.append(asyncio.ensure_future(self.socket.send(line, text=self._as_text)))

    def close(self) -> None:
        self._sending.append(asyncio.ensure_future(self.socket.close()))

    async def wait_closed(self) -> None:
        await self.socket.wait_closed()


class WebClient(RawClient):
    """Speaks lines over a WebSocket; what came in is in `frames`, as it came."""

    def __init__(self, socket: ClientConnection, as_text: bool) -> None:
        self.socket = socket
        self._lines = _Lines(socket, as_text)
        super().__init__(self._lines, self._lines)  # type: ignore[arg-type]

    @property
    def frames(self) -> list[str | bytes]:
        return self._lines.frames


def trust(server: RunningServer, *protocols: str) -> ssl.SSLContext:
    """Return a client's context that trusts the server's CA alone and offers these by ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.ca.configure_trust(context)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


async def open_web(
    server: RunningServer,
    *subprotocols: str,
    path: str = "/",
    origin: str | None = None,
    alpn: Sequence[str] = ("http/1.1",),
    **options: Any,
) -> WebClient:
    """Open a WebSocket that has said nothing yet."""
    socket = await connect(
        f"wss://localhost:{server.port}{path}",
        host="127.0.0.1",
        ssl=options.pop("ssl", None) or trust(server, *alpn),
        server_hostname="localhost",
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        origin=origin,  # type: ignore[arg-type]
        proxy=None,
        ping_interval=None,
        **options,
    )
    client = WebClient(socket, as_text=socket.subprotocol != BINARY)
    server.clients.append(client)
    return client


async def sign_in_web(server: RunningServer, name: str, *subprotocols: str, **options: Any) -> WebClient:
    """Return a client on a WebSocket that has signed in and read everything up to its first fence."""
    client = await open_web(server, *subprotocols)
    await client.sign_in(name, **options)
    return client


class FrameClient:
    """A WebSocket whose frames the test makes itself, byte by byte if it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = True) -> None:
        self.writer.write(Frame(opcode, data, fin).serialize(mask=mask))

    async def next(self) -> Frame:
        """Return the next frame; raises EOFError at the end."""
        async with asyncio.timeout(DEADLINE):
            try:
                first, size = await self.reader.readexactly(2)
                if size == 126:
                    size = int.from_bytes(await self.reader.readexactly(2), "big")
                data = await self.reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                raise EOFError from None
        return Frame(Opcode(first & 0x0F), data, bool(first & 0x80))

    async def until(self, opcode: Opcode) -> Frame:
        """Read up to the next frame of this type."""
        while (frame := await self.next()).opcode is not opcode:
            pass
        return frame

    async def goodbye(self) -> tuple[int, str]:
        """Read to the server's close frame, and that nothing comes behind it; return its code and reason."""
        frame = await self.until(Opcode.CLOSE)
        async with asyncio.timeout(DEADLINE):
            assert await self.reader.read() == b""
        close = Close.parse(frame.data)
        return int(close.code), close.reason


async def open_tls(server: RunningServer, *alpn: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TLS connection that has said nothing yet."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=trust(server, *alpn), server_hostname="localhost", limit=1 << 20
    )
    server.clients.append(RawClient(reader, writer))
    return reader, writer


async def open_frames(server: RunningServer, *subprotocols: str, behind: bytes = b"") -> FrameClient:
    """Shake hands for a WebSocket and leave the rest to the test. behind: what follows the request at once."""
    reader, writer = await open_tls(server, "http/1.1")
    names = [Subprotocol(name) for name in subprotocols] or None
    protocol = ClientProtocol(parse_uri(f"wss://localhost:{server.port}/"), subprotocols=names)
    protocol.send_request(protocol.connect())
    writer.write(b"".join(protocol.data_to_send()) + behind)
    async with asyncio.timeout(DEADLINE):
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
    assert protocol.handshake_exc is None
    return FrameClient(reader, writer)


async def fetch(server: RunningServer, request: bytes, *alpn: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request and read the response to the end of the connection; return status, headers and body."""
    reader, writer = await open_tls(server, *alpn or ("http/1.1",))
    writer.write(request)
    async with asyncio.timeout(DEADLINE):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    return int(first.split()[1]), dict(field.split(": ", 1) for field in fields), body

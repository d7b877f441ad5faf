"""Real TLS over loopback for the tests of the server's I/O: certificates, pairs of sockets, a receiver that notes all."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trustme

from securechat.server.receiver import Receiver
from securechat.server.tls import build_context
from securechat.server.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 10.0
"""Seconds after which a test stops waiting for what should come at once."""
SMALL = 8_192
"""Bytes of a socket buffer that is soon full."""

AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert("localhost", "127.0.0.1")


def write_pair(directory: Path, leaf: trustme.LeafCert = LEAF) -> tuple[Path, Path]:
    """Write certificate and key into a directory, and return where they are."""
    directory.mkdir(exist_ok=True)
    cert, key = directory / "server.crt", directory / "server.key"
    leaf.cert_chain_pems[0].write_to_path(cert)
    leaf.private_key_pem.write_to_path(key)
    return cert, key


def make_client_context(*, alpn: bool = True) -> ssl.SSLContext:
    """Make a client context that trusts the authority alone, checks the name, and asks for IRC."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    if alpn:
        context.set_alpn_protocols(["irc"])
    return context


class Recorder:
    """A receiver that notes what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.transport: Transport | None = None
        self.taken = bytearray()
        self.drains = 0
        self.reasons: list[str] = []
        self._news = asyncio.Event()

    def connected(self, transport: Transport) -> None:
        assert self.transport is None
        assert not self.reasons
        self.transport = transport
        self._news.set()

    def received(self, data: bytes) -> None:
        assert data
        assert not self.reasons
        self.taken += data
        self._news.set()

    def drained(self) -> None:
        assert not self.reasons
        self.drains += 1
        self._news.set()

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something told to this receiver makes the condition hold."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def end(self) -> str:
        """Wait for the end and return its reason."""
        await self.until(lambda: self.reasons)
        return self.reasons[0]


class Echo(Recorder):
    """A receiver that sends back what it gets."""

    def received(self, data: bytes) -> None:
        super().received(data)
        assert self.transport is not None
        self.transport.write(data)
        self.transport.flush()


@dataclass
class Pair:
    """Both ends of one connection; `client` blocks, so call it in a thread."""

    client: Any
    recorder: Any
    transport: Transport

    async def ask(self, data: bytes, count: int) -> bytes:
        """Send, then read exactly `count` bytes, at the client's end."""
        await asyncio.to_thread(self.client.sendall, data)
        return await self.read(count)

    async def read(self, count: int) -> bytes:
        """Read exactly `count` bytes at the client's end."""
        return await asyncio.to_thread(read_exactly, self.client, count)


class Stage:
    """Makes connections, and checks when all is over that each ended exactly once."""

    def __init__(self, directory: Path) -> None:
        self.cert, self.key = write_pair(directory)
        self.context = build_context(self.cert, self.key)
        self.client_context = make_client_context()
        self._ends: list[tuple[Transport, Recorder]] = []
        self._clients: list[socket.socket] = []

    def accept(self, recorder: Recorder | None = None, **options: Any) -> Pair:
        """Connect over TCP; the client has not said anything yet.

        options: `send_buffer` in bytes, `context`, and those of Transport.
        """
        recorder = recorder or Recorder()
        client, accepted = connect_tcp(options.pop("send_buffer", None))
        self._clients.append(client)
        context = options.pop("context", self.context)
        options = {"handshake_timeout": PATIENCE, "queue_limit": 1_000_000} | options
        receiver: Receiver = recorder
        transport = Transport(asyncio.get_running_loop(), accepted, context, receiver, **options)
        self._ends.append((transport, recorder))
        return Pair(client, recorder, transport)

    async def open(self, recorder: Recorder | None = None, **options: Any) -> Pair:
        """Connect and shake hands."""
        pair = self.accept(recorder, **options)
        pair.client = await self.shake_hands(pair.client)
        await pair.recorder.until(lambda: pair.recorder.transport)
        return pair

    async def shake_hands(self, client: socket.socket) -> ssl.SSLSocket:
        """Start TLS at the client's end."""
        wrapped = await asyncio.to_thread(self.client_context.wrap_socket, client, server_hostname="localhost")
        self._clients.append(wrapped)
        return wrapped

    async def clear(self) -> None:
        """End everything, and check that nobody was told twice."""
        for transport, _ in self._ends:
            transport.abort("the test is over")
        for _, recorder in self._ends:
            await recorder.end()
        await asyncio.sleep(0)
        for client in self._clients:
            client.close()
        assert [len(recorder.reasons) for _, recorder in self._ends] == [1] * len(self._ends)


def connect_tcp(send_buffer: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection; `send_buffer` makes the accepted end, and its peer, hold little."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.socket()
        client.settimeout(PATIENCE)
        if send_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, send_buffer)
        client.connect(listening.getsockname())
        accepted, _ = listening.accept()
    if send_buffer is not None:
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    return client, accepted


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """Read `count` bytes, or fewer when the peer ends."""
    taken = bytearray()
    while len(taken) < count:
        part = sock.recv(count - len(taken))
        if not part:
            break
        taken += part
    return bytes(taken)


def read_to_the_end(sock: socket.socket) -> bytes:
    """Read whatever comes before the end, however it ends."""
    taken = bytearray()
    try:
        while part := sock.recv(65_536):
            taken += part
    except ConnectionError:
        pass
    return bytes(taken)


async def fill_until_stuck(pair: Pair, waiting: int = 100_000) -> int:
    """Write until the peer, who does not read, leaves that many bytes waiting; return how many were written.

    The kernel holds some 50 KB for the two ends of a connection with small buffers.
    """
    total = 0
    while pair.transport.queued < waiting:
        pair.transport.write_live(b"x" * 5_000)
        total += 5_000
        pair.transport.flush()
    return total


def make_noise(count: int) -> bytes:
    """Return bytes that look random, the same ones for the same count."""
    return random.Random(count).randbytes(count)

"""Readers that take a byte at a time: what they asked for is never held against them, what others send is."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.config import Config, Limits
from securechat.server.connection import MEMBER
from securechat.wire.message import Message, parse
from securechat.wire.sasl import encode_plain
from tests.server.harness import ALL_CAPS, DEADLINE, PASSWORD, RunningServer, running_server

QUEUE = 65_536
BUFFER = 65_536
"""Bytes of every socket buffer: fixed, or the kernel would take in megabytes that a reader leaves lying."""


class Trickler:
    """A client that takes from the kernel as many bytes as it is told to, and decrypts what they complete."""

    def __init__(self, server: RunningServer) -> None:
        self.seen: list[Message] = []
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket()
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = server.trust.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._address = ("127.0.0.1", server.port)
        self._rest = b""

    async def sign_in(self, name: str) -> None:
        """Connect, sign in and read up to a fence, all at an ordinary pace."""
        await self._loop.sock_connect(self._sock, self._address)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._loop.sock_sendall(self._sock, self._outgoing.read())
                self._incoming.write(await self._loop.sock_recv(self._sock, 65_536))
        commands = [f"CAP REQ :sasl {ALL_CAPS}", f"NICK {name}", f"USER {name} 0 * :{name}", "AUTHENTICATE PLAIN"]
        commands += [f"AUTHENTICATE {chunk}" for chunk in encode_plain(name, PASSWORD)]
        await self.send(*commands, "CAP END")
        await self.drink_to("signed-in")

    async def send(self, *lines: str) -> None:
        self._tls.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._loop.sock_sendall(self._sock, self._outgoing.read())

    async def sip(self, most: int = 1) -> bool:
        """Take some bytes of ciphertext; False at the end of the connection."""
        async with asyncio.timeout(DEADLINE):
            try:
                data = await self._loop.sock_recv(self._sock, most)
            except ConnectionError:
                return False
        self._incoming.write(data)
        try:
            while data:
                *lines, self._rest = (self._rest + self._tls.read(65_536)).split(b"\r\n")
                self.seen += [parse(line) for line in lines]
        except ssl.SSLWantReadError:
            pass
        return bool(data)

    async def drink_to(self, token: str) -> None:
        """Read on at an ordinary pace until a PING sent now is answered."""
        await self.send(f"PING {token}")
        while not any(line.command == "PONG" and line.params[-1] == token for line in self.seen):
            assert await self.sip(65_536), "the connection has ended"

    def texts(self) -> list[str]:
        """Return what was said live."""
        return [line.params[1] for line in self.seen if line.command == "PRIVMSG" and "batch" not in line.tags]

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def queue() -> int:
    """Bytes that may wait for a reader."""
    return QUEUE


@pytest.fixture
async def server(tmp_path: Path, queue: int) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(limits=Limits(send_queue=queue))) as server:
        server.listener._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        await server.add("alice", "bob")
        yield server


@pytest.fixture
async def bob(server: RunningServer) -> AsyncIterator[Trickler]:
    bob = Trickler(server)
    yield bob
    bob.close()


async def test_who_asks_for_much_and_takes_a_byte_at_a_time_is_not_cut(server: RunningServer, bob: Trickler) -> None:
    alice = await server.sign_in("alice")
    await alice.ask(*(f"PRIVMSG #general :{number} {'x' * 300}" for number in range(200)))
    await bob.sign_in("bob")
    await bob.send(*["CHATHISTORY LATEST #general * 200"] * 20)
    for number in range(100):
        await alice.ask(f"PRIVMSG #general :meanwhile {number}")
        assert await bob.sip()
    await bob.drink_to("all-there")
    assert [line.command for line in bob.seen].count("BATCH") == 20 * 2
    assert [line.command for line in bob.seen if "batch" in line.tags] == ["PRIVMSG"] * 20 * 200
    assert bob.texts() == [f"meanwhile {number}" for number in range(100)]


async def test_who_takes_a_byte_at_a_time_is_cut_by_what_others_say_beyond_the_limit(
    server: RunningServer, bob: Trickler
) -> None:
    await bob.sign_in("bob")
    (connection,) = server.node.connections
    alice = await server.sign_in("alice")
    said: list[str] = []
    while connection in server.node.connections:
        packet = [f"{len(said) + number} {'x' * 300}" for number in range(20)]
        said += packet
        await alice.ask(*(f"PRIVMSG #general :{text}" for text in packet))
        await bob.sip()
    assert len(said) * 300 > QUEUE
    assert [line.params[1] for line in alice.seen if line.command == "PRIVMSG"] == said
    while await bob.sip(65_536):
        pass
    assert bob.texts() == said[: len(bob.texts())]
    assert len(bob.texts()) < len(said)


@pytest.mark.parametrize("queue", [4 * MEMBER.bytes])
async def test_an_answer_that_waited_behind_what_others_said_leaves_without_anything_else_happening(
    server: RunningServer, bob: Trickler
) -> None:
    await bob.sign_in("bob")
    (connection,) = server.node.connections
    alice = await server.sign_in("alice")
    while connection.transport.queued <= MEMBER.bytes:
        await alice.ask(*(f"PRIVMSG #general :{'x' * 300}" for _ in range(50)))
    await bob.drink_to("all-there")

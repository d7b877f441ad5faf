"""A real server in the test's own loop (real TLS, real SQLite) and a raw client that speaks lines to it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import argon2
import trustme

from securechat.auth.passwords import PasswordChecker
from securechat.chat.ports import Store
from securechat.config import Chat, Config
from securechat.server.entrance import Entrance
from securechat.server.listener import Listener
from securechat.server.node import Node
from securechat.server.office import Office
from securechat.server.preface import parse_balancers
from securechat.server.requests import NewPerson, UserAdd
from securechat.server.strangers import ConnectionLimits
from securechat.server.tls import build_context
from securechat.server.web import Site
from securechat.storage.sqlite import SqliteStore
from securechat.wire.message import Message, parse
from securechat.wire.sasl import encode_plain

CHEAP = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64, parallelism=1
)
PASSWORD = "correct horse battery"
ALL_CAPS = (
    "server-time message-tags echo-message batch labeled-response account-tag away-notify extended-join multi-prefix "
    "draft/chathistory securechat.internal/once"
)
DEADLINE = 20.0


def milliseconds() -> int:
    import time

    return time.time_ns() // 1_000_000


@dataclass
class RunningServer:
    """A node behind a TLS listener on loopback."""

    node: Node
    office: Office
    listener: Listener
    ca: trustme.CA
    site: Site = field(default_factory=Site)
    failures: list[Exception] = field(default_factory=list)
    clients: list[RawClient] = field(default_factory=list)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """A client's context that trusts this server's CA alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        return context

    @property
    def port(self) -> int:
        return self.listener.address[1]

    async def add(self, *names: str, role: str = "member") -> None:
        """Add accounts whose password is PASSWORD."""
        await self.office.perform(UserAdd([NewPerson(name, PASSWORD) for name in names], role))

    async def connect(self) -> RawClient:
        """Open a TLS connection that has said nothing yet."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trust, server_hostname="localhost", limit=1 << 20
        )
        self.clients.append(RawClient(reader, writer))
        return self.clients[-1]

    async def sign_in(self, name: str, *, caps: str = ALL_CAPS, secret: str = PASSWORD) -> RawClient:
        """Return a client that has signed in by SASL and read everything up to its first fence."""
        client = await self.connect()
        await client.sign_in(name, caps=caps, secret=secret)
        return client

    async def gather(self, *names: str, caps: str = ALL_CAPS) -> list[RawClient]:
        """Sign several in; none of them has anything unread of the others' coming."""
        clients = [await self.sign_in(name, caps=caps) for name in names]
        for client in clients:
            await client.fence()
        return clients


class RawClient:
    """Speaks lines. Every line it received is in `seen`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.seen: list[Message] = []
        self._fences = 0

    async def sign_in(self, name: str, *, caps: str = ALL_CAPS, secret: str = PASSWORD) -> None:
        """Sign in by SASL and read everything up to the first fence."""
        self.send("CAP LS 302", f"CAP REQ :sasl {caps}".rstrip(), "AUTHENTICATE PLAIN")
        self.send(*(f"AUTHENTICATE {chunk}" for chunk in encode_plain(name, secret)))
        self.send("CAP END", f"NICK {name.partition('@')[0]}", "USER u 0 * :u")
        await self.until("001")
        await self.fence()

    def send(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)

    async def next(self) -> Message:
        """Return the next line; raises EOFError at the end of the connection."""
        async with asyncio.timeout(DEADLINE):
            line = await self.reader.readline()
        if not line:
            raise EOFError
        message = parse(line.rstrip(b"\r\n"))
        if message.command == "PING":
            self.send(f"PONG :{message.param(0)}")
        self.seen.append(message)
        return message

    async def until(self, command: str, *params: str) -> Message:
        """Read up to the next line with this command whose parameters begin with (or, for None, are any) `params`."""
        while True:
            message = await self.next()
            if message.command == command and message.params[: len(params)] == params:
                return message

    async def fence(self) -> list[Message]:
        """Return everything up to the answer to a PING sent now: all that was asked before has been answered."""
        self._fences += 1
        token = f"fence-{self._fences}"
        self.send(f"PING {token}")
        lines = []
        while True:
            message = await self.next()
            if message.command == "PONG" and message.params[-1] == token:
                return lines
            lines.append(message)

    async def ask(self, *lines: str) -> list[Message]:
        """Send lines and return everything that comes up to a fence behind them."""
        self.send(*lines)
        return await self.fence()

    async def ended(self) -> list[Message]:
        """Read to the end of the connection and return the lines."""
        lines = []
        try:
            while True:
                lines.append(await self.next())
        except (EOFError, ConnectionError, ssl.SSLError):
            return lines

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            pass


@asynccontextmanager
async def running_server(
    directory: Path,
    config: Config | None = None,
    store: Callable[[Path], Store] | None = None,
    passwords: PasswordChecker | None = None,
) -> AsyncIterator[RunningServer]:
    """Run a server on a directory's database; `store` makes another than SQLite's."""
    loop = asyncio.get_running_loop()
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(directory / "server.pem")
    certificate.private_key_pem.write_to_path(directory / "server.key")
    config = config or Config(chat=Chat(absence=60))
    opened = (store or open_sqlite)(directory)
    failures: list[Exception] = []
    passwords = passwords or PasswordChecker(parameters=CHEAP)
    node = Node(
        config, opened.attach(), passwords, server_name="chat.example", randbytes=os.urandom, failed=failures.append
    )
    await node.start()
    listener = Listener(
        loop,
        "127.0.0.1",
        0,
        context=build_context(directory / "server.pem", directory / "server.key"),
        receivers=lambda: Entrance(node, server.site),
        limits=ConnectionLimits(config.limits.strangers, config.limits.strangers_per_address),
        handshake_timeout=config.limits.handshake,
        queue_limit=config.limits.send_queue,
        balancers=parse_balancers(config.balancers),
    )
    listener.start()
    server = RunningServer(node, Office(node), listener, ca, failures=failures)
    try:
        yield server
    finally:
        listener.stop()
        await node.close()
        await opened.close()
        for client in server.clients:
            client.writer.transport.abort()


def open_sqlite(directory: Path) -> Store:
    return SqliteStore.open(directory / "chat.db", clock=milliseconds, randbytes=os.urandom)

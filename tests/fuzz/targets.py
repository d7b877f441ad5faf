"""Where inputs go: one connection after the other, what comes back held against the texts and counted by class."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from websockets.frames import Opcode

from securechat.wire.message import Message
from tests.fuzz import words
from tests.fuzz.inputs import Input
from tests.fuzz.oracle import FuzzFailure, judged, leave, require_no_faults
from tests.server.harness import DEADLINE, PASSWORD, RunningServer
from tests.server.webclient import BINARY, TEXT, FrameClient, open_frames, open_tls
from tests.server.witness import Judge, Witness

GONE = (EOFError, ConnectionError, ssl.SSLError)
ROLES = ("member", "bot", "admin")
WELCOME = ("001", "900", "903")
TLS_ANSWERS = (b"\x15", b"\x16", b"\x14", b"\x17")
SWITCHING = b"HTTP/1.1 101 "


class Target(Protocol):
    """Takes inputs of one kind."""

    replies: Counter[str]

    async def feed(self, inputs: Sequence[Input], chance: random.Random) -> None:
        """Send inputs and take what comes back. Raises: FuzzFailure."""


def classify(line: Message) -> str:
    """Name the class of a reply."""
    command = line.command
    if command.isdigit():
        return f"{command[0]}xx"
    return (
        command if command in ("FAIL", "WARN", "NOTE", "ERROR", "PONG", "CAP", "AUTHENTICATE", "BATCH") else "relayed"
    )


class Lines:
    """Lines of who has signed in, by one of a few accounts whose rights differ."""

    def __init__(self, server: RunningServer) -> None:
        self.replies: Counter[str] = Counter()
        self._server = server
        self._client: Witness | None = None
        self._made = 0
        """Accounts made because one had changed its own password, as people do."""

    async def feed(self, inputs: Sequence[Input], chance: random.Random) -> None:
        """Send all of them in one packet, and a fence behind them."""
        client = await self._enter(chance)
        client.seen.clear()
        client.send_bytes(b"".join(each.sent for each in inputs) + b"\r\n")
        try:
            await client.fence()
        except GONE:
            self._leave()
        except TimeoutError:
            raise FuzzFailure("no answer to a PING behind the lines") from None
        self.replies.update(classify(line) for line in client.seen)
        require_no_faults(client)
        client.judge.labels.clear()
        if self._client is not None and chance.random() < 0.1:
            self._leave()

    async def _enter(self, chance: random.Random) -> Witness:
        if self._client is None:
            name = f"mallory{chance.randrange(len(ROLES))}"
            caps = " ".join(chance.sample(words.CAPABILITIES, chance.randint(0, len(words.CAPABILITIES))))
            try:
                self._client = await judged(self._server, name, caps)
            except GONE:
                self._made += 1
                await self._server.add(f"stand-in{self._made}")
                self._client = await judged(self._server, f"stand-in{self._made}", caps)
            self._client.send("JOIN #fuzz,#fuzz2")
        return self._client

    def _leave(self) -> None:
        if self._client is not None:
            leave(self._server, self._client.writer)
            self._client = None


class Strangers:
    """Attempts to sign in, several on one connection until it is closed. None may succeed."""

    def __init__(self, server: RunningServer) -> None:
        self.replies: Counter[str] = Counter()
        self._server = server

    async def feed(self, inputs: Sequence[Input], chance: random.Random) -> None:
        """Send each, and a fence behind it."""
        client: Witness | None = None
        for each in inputs:
            if client is None:
                raw = await self._server.connect()
                client = Witness(raw.reader, raw.writer, Judge("x"))
                client.send("CAP LS 302", "CAP REQ :sasl batch labeled-response")
            client = await self._try(client, each)
        if client is not None:
            leave(self._server, client.writer)

    async def _try(self, client: Witness, each: Input) -> Witness | None:
        """Make one attempt; return the client if the connection is still there."""
        client.seen.clear()
        client.send_bytes(each.sent)
        is_there = True
        try:
            await client.fence()
        except GONE:
            is_there = False
            leave(self._server, client.writer)
        except TimeoutError:
            raise FuzzFailure("a stranger's PING was not answered") from None
        self.replies.update(classify(line) for line in client.seen)
        if any(line.command in WELCOME for line in client.seen):
            raise FuzzFailure(f"signed in by {each.sent!r}")
        require_no_faults(client)
        return client if is_there else None


class Frames:
    """WebSocket frames of who has signed in there, or has not."""

    def __init__(self, server: RunningServer) -> None:
        self.replies: Counter[str] = Counter()
        self._server = server
        self._fences = 0

    async def feed(self, inputs: Sequence[Input], chance: random.Random) -> None:
        """Send each on a connection that is opened again whenever it ends."""
        client: FrameClient | None = None
        for each in inputs:
            if client is None:
                client = await self._open(chance)
            client.writer.write(each.sent)
            if each.is_last:
                self.replies["left"] += 1
                leave(self._server, client.writer)
                client = None
            elif chance.random() < 0.3:
                client = await self._fence(client)
        if client is not None and await self._fence(client) is not None:
            leave(self._server, client.writer)

    async def _open(self, chance: random.Random) -> FrameClient:
        client = await open_frames(self._server, *chance.choice(((TEXT,), (BINARY,), ())))
        if chance.random() < 0.7:
            caps = " ".join(chance.sample(words.CAPABILITIES, 8))
            for line in (f"CAP REQ :{caps}", "CAP END", f"PASS :mallory0:{PASSWORD}", "NICK x", "USER x 0 * :x"):
                client.send(Opcode.TEXT, line.encode())
        return client

    async def _fence(self, client: FrameClient) -> FrameClient | None:
        """Read up to an answer; return the client if the connection is still there."""
        self._fences += 1
        token = f"frame-fence-{self._fences}".encode()
        client.send(Opcode.TEXT, b"PING " + token)
        try:
            while True:
                frame = await client.next()
                self._judge(frame.opcode, frame.data)
                if frame.data.endswith(token):
                    return client
        except EOFError:
            self.replies["ended"] += 1
            leave(self._server, client.writer)
            return None
        except TimeoutError:
            raise FuzzFailure("no answer to a PING in a frame") from None

    def _judge(self, opcode: Opcode, payload: bytes) -> None:
        if opcode not in (Opcode.TEXT, Opcode.BINARY):
            self.replies[opcode.name] += 1
            return
        judge = Judge("*")
        self.replies[classify(judge.hear(payload + b"\r\n"))] += 1
        if b"\r" in payload or b"\n" in payload or b"\0" in payload or any("length" in fault for fault in judge.faults):
            raise FuzzFailure(f"malformed in a frame: {payload!r}")


class Requests:
    """HTTP requests, one a connection, by ALPN and without."""

    def __init__(self, server: RunningServer) -> None:
        self.replies: Counter[str] = Counter()
        self._server = server

    async def feed(self, inputs: Sequence[Input], chance: random.Random) -> None:
        """Send each on a connection of its own."""
        await asyncio.gather(*(self._ask(each, chance.choice((("http/1.1",), ()))) for each in inputs))

    async def _ask(self, each: Input, alpn: tuple[str, ...]) -> None:
        reader, writer = await open_tls(self._server, *alpn)
        writer.write(each.sent + b"PING web-fence\r\n")
        answer = b""
        try:
            async with asyncio.timeout(DEADLINE):
                while not answer.startswith(SWITCHING) and b"web-fence\r\n" not in answer:
                    received = await reader.read(65_536)
                    if not received:
                        break
                    answer += received
        except TimeoutError:
            raise FuzzFailure(f"neither an answer nor an end to {each.sent!r}") from None
        except GONE:
            pass
        finally:
            leave(self._server, writer)
        first = answer.partition(b"\r\n")[0]
        status = first.split()[1].decode() if first.startswith(b"HTTP/1.1 ") else ("irc" if answer else "nothing")
        self.replies[status] += 1
        if status == "500" or (alpn and status == "irc"):
            raise FuzzFailure(f"{each.sent!r} was answered {answer[:300]!r}")


class Beginnings:
    """What is no chat at all: bytes on a TCP connection, after which our end is closed. TLS answers, or nobody does.

    source: the address they come from.
    """

    def __init__(self, server: RunningServer, source: str = "127.0.0.1") -> None:
        self.replies: Counter[str] = Counter()
        self._source = source
        self._server = server

    async def feed(self, inputs: Sequence[Input], chance: random.Random) -> None:
        """Send each on a connection of its own."""
        await asyncio.gather(*(self._begin(each) for each in inputs))

    async def _begin(self, each: Input) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port, local_addr=(self._source, 0))
        answer = b""
        try:
            writer.write(each.sent)
            writer.write_eof()
            async with asyncio.timeout(DEADLINE):
                answer = await reader.read()
        except TimeoutError:
            raise FuzzFailure(f"a connection stayed open whose end was sent: {each.sent!r}") from None
        except (ConnectionError, OSError):
            pass
        finally:
            writer.transport.abort()
        if answer and not answer.startswith(TLS_ANSWERS):
            raise FuzzFailure(f"{each.sent!r} was answered {answer[:100]!r}")
        self.replies[{b"": "nothing", b"\x15": "alert"}.get(answer[:1], "handshake")] += 1

"""Who talks and who listens: connections over TLS, several in a process, each through one visit after another."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from securechat.wire.message import Message, parse
from tests.crash.transcript import Line, Visit

WINDOW = 32
"""Messages that a writer has under way at once."""
HANDSHAKE_SECONDS = 20.0
_ALL_THERE, _LAST_WORD = "all-there", "last-word"
_ID = "securechat.internal/id"


@dataclass(frozen=True)
class Part:
    """What one connection does.

    user: account@device. says_to: targets it writes to in turn, none for a reader. follows: conversations whose every
    message it is to see; page: how many messages of what it missed it asks history for at once, 0: it never asks.
    """

    name: str
    user: str
    caps: str
    says_to: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    page: int = 100

    @property
    def account(self) -> str:
        return self.user.partition("@")[0]


class Person(asyncio.Protocol):
    """Plays a part. Lines are taken as they arrive: a stream would drop what it holds when the connection is reset."""

    def __init__(self, part: Part, token: str) -> None:
        self.part = part
        self._token = token
        self.visit = Visit(part.name)
        self._finishing = False

    async def attend(self, port: int, trust: ssl.SSLContext, finishing: bool) -> None:
        """Go through one visit: to the end of the connection, or, finishing, until nothing is left to do."""
        loop = asyncio.get_running_loop()
        self.visit = Visit(self.part.name)
        self._finishing = finishing
        self._rest = b""
        self.settled = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        try:
            await loop.create_connection(
                lambda: self,
                *("127.0.0.1", port),
                ssl=trust,
                server_hostname="localhost",
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
            await self._ended
        except OSError:
            pass  # The server was killed before the connection stood.
        finally:
            self.settle()

    def settle(self) -> None:
        """Note that the part is under way."""
        if not self.settled.done():
            self.settled.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        secret = base64.b64encode(f"\0{self.part.user}\0{self._token}".encode()).decode()
        account = self.part.account
        self.send(f"CAP REQ :sasl {self.part.caps}", f"NICK {account}", f"USER {account} 0 * :{account}")
        self.send("AUTHENTICATE PLAIN", f"AUTHENTICATE {secret}", "CAP END", f"PING {_ALL_THERE}")

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            self._take(parse(line))
        self.go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set_result(None)

    def send(self, *lines: str) -> None:
        """Send lines in one packet."""
        self._transport.write("".join(f"{line}\r\n" for line in lines).encode())

    def leave(self) -> None:
        """End the visit."""
        self._transport.abort()

    def _take(self, message: Message) -> None:
        match message.command:
            case "PING":
                self.send(f"PONG :{message.param(0)}")
            case "PONG" if message.params[-1] == _ALL_THERE:
                self.enter()
            case "PONG" if message.params[-1] == _LAST_WORD:
                self.leave()
            case "FAIL" | "ERROR" | "904":
                self.visit.refusals.append(f"{self.part.name}: {message!r}")
                self.refused(message)
            case "BATCH":
                self.batched(message)
            case "PRIVMSG":
                line = Line(sys.intern(message.tags["msgid"]), sys.intern(message.params[1]))
                self.visit.told.add(line.msgid)
                self.heard(self._conversation(message), line, "batch" in message.tags)

    def _conversation(self, message: Message) -> str:
        target = message.params[0]
        return target if target[0] == "#" else name_direct(message.source.partition("!")[0], target)

    def enter(self) -> None:
        """Begin, once signed in."""

    def go_on(self) -> None:
        """Do what is due after something has arrived."""

    def heard(self, conversation: str, line: Line, of_page: bool) -> None:
        """Take a message."""

    def batched(self, message: Message) -> None:
        """Take the beginning or end of a batch."""

    def refused(self, message: Message) -> None:
        """Go on after a refusal."""


class Writer(Person):
    """Keeps a window of messages under way, each with an id of its own, and sends again what was not acknowledged."""

    def __init__(self, part: Part, token: str) -> None:
        super().__init__(part, token)
        self._said = 0
        self._pending: dict[str, str] = {}
        self._entered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._entered = False
        super().connection_made(transport)

    def enter(self) -> None:
        self._entered = True
        self._say(self._pending)

    def go_on(self) -> None:
        if not self._entered:
            return
        if self._finishing:
            if not self._pending:
                self.leave()
            return
        fresh = {}
        while len(self._pending) < WINDOW:
            text = f"{self.part.name}-{self._said:08}"
            fresh[text] = self._pending[text] = self.part.says_to[self._said % len(self.part.says_to)]
            self._said += 1
        self._say(fresh)

    def heard(self, conversation: str, line: Line, of_page: bool) -> None:
        if line.text.startswith(f"{self.part.name}-"):
            self.visit.acknowledged.append((conversation, line))
            self._pending.pop(line.text, None)
            self.settle()

    def _say(self, messages: dict[str, str]) -> None:
        if messages:
            self.send(*(f"@{_ID}={text} PRIVMSG {target} {text}" for text, target in messages.items()))


class Reader(Person):
    """Follows conversations live and asks history, page by page, for what it has missed."""

    def __init__(self, part: Part, token: str) -> None:
        super().__init__(part, token)
        self._last: dict[str, str] = {}
        self._page: list[Line] = []

    def enter(self) -> None:
        self._waiting = list(self.part.follows) if self.part.page else []
        self._page = []
        self._ask()

    def heard(self, conversation: str, line: Line, of_page: bool) -> None:
        if of_page:
            self._page.append(line)
        elif conversation in self.part.follows:
            self.visit.live.setdefault(conversation, []).append(line)

    def batched(self, message: Message) -> None:
        if not message.params[0].startswith("-"):
            return
        page, self._page = self._page, []
        conversation = self._waiting[0]
        live = self.visit.live.get(conversation)
        self.visit.pages.setdefault(conversation, []).extend(page)
        if page:
            self._last[conversation] = page[-1].msgid
        if not page or (live and live[0] in page):
            self.visit.caught_up.add(conversation)
            del self._waiting[0]
        self._ask()

    def refused(self, message: Message) -> None:
        """Give the conversation up for this visit."""
        if message.params[0] == "CHATHISTORY":
            del self._waiting[0]
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        for conversation in self.visit.caught_up:
            if lines := self.visit.new_lines(conversation):
                self._last[conversation] = lines[-1].msgid
        super().connection_lost(exc)

    def _ask(self) -> None:
        if self._waiting:
            conversation = self._waiting[0]
            last = self._last.get(conversation)
            since = f"msgid={last}" if last else "timestamp=1970-01-01T00:00:00.000Z"
            self.send(f"CHATHISTORY AFTER {self._target(conversation)} {since} {self.part.page}")
            return
        self.settle()
        if self._finishing:
            self.send(f"PING {_LAST_WORD}")

    def _target(self, conversation: str) -> str:
        names = conversation.split(" & ")
        return next((name for name in names if name != self.part.account), names[0])


def name_direct(one: str, other: str) -> str:
    """Return the name of the direct conversation of two accounts."""
    return " & ".join(sorted((one, other)))


def play(orders: Connection, parts: Sequence[tuple[Part, str]], ca: str) -> None:
    """Play parts in a process of their own until the orders end.

    Each order (port, finishing) is one visit of all of them. Answers: "settled" once everybody is under way or gone, then
    the list of visits.
    """
    trust = ssl.create_default_context(cafile=ca)
    people = [Writer(part, token) if part.says_to else Reader(part, token) for part, token in parts]

    async def attend_all(port: int, finishing: bool) -> None:
        asyncio.get_running_loop().set_exception_handler(_give_up)
        visits = [asyncio.ensure_future(person.attend(port, trust, finishing)) for person in people]
        await asyncio.sleep(0)  # Let each make its `settled`.
        await asyncio.gather(*(person.settled for person in people))
        orders.send("settled")
        await asyncio.gather(*visits)

    while True:
        try:
            port, finishing = orders.recv()
        except EOFError:
            return
        asyncio.run(attend_all(port, finishing))
        orders.send([person.visit for person in people])


def _give_up(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """End the process: whoever waits for it is told by the end of the pipe."""
    loop.default_exception_handler(context)
    sys.stderr.flush()
    os._exit(1)

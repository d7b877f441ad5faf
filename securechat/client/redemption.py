"""An invitation redeemed: REGISTER and VERIFY over a connection whose CA and host name were verified.

    LISTING -> REQUESTING -> REGISTERING -> VERIFYING -> ENDED

`Redemption` is the conversation without a connection, `redeem` holds it over one. A line that has no place in a phase is
skipped, so that no server gets either secret twice. (IRCv3 account-registration; docs/protocol.md)
"""

from __future__ import annotations

import asyncio
import enum
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from securechat.client.address import Address
from securechat.client.connection import ENDINGS, Connection, Lost, explain_end
from securechat.client.signin import TRY_LATER, last_words
from securechat.client.timing import Timing
from securechat.client.trust import GONE, NO_SERVER_OF_OURS
from securechat.errors import ProtocolError, UnreachableError
from securechat.wire.framing import MAX_REST, MAX_TAGS, LineSplitter, Overlong
from securechat.wire.message import Message, encode, parse

CAPABILITY: Final = "draft/account-registration"
MAX_LINES: Final = 1000
"""Of a server that says much and never what it was asked."""


class Outcome(enum.Enum):
    """What became of an attempt; only `ACCEPTED` uses the invitation up."""

    ACCEPTED = enum.auto()
    INVALID = enum.auto()
    NAME_TAKEN = enum.auto()
    NAME_FIXED = enum.auto()
    NAME_REFUSED = enum.auto()
    CLOSED = enum.auto()
    TRY_LATER = enum.auto()
    REFUSED = enum.auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The server's answer. reason: its words, not yet made fit for a terminal; fixed: the name that it wants instead."""

    outcome: Outcome
    reason: str = ""
    fixed: str = ""


class Unanswered(UnreachableError):
    """The connection was lost when the invitation had been sent: whether it was redeemed is not known."""


class Phase(enum.Enum):
    """How far a redemption has come."""

    LISTING = enum.auto()
    REQUESTING = enum.auto()
    REGISTERING = enum.auto()
    VERIFYING = enum.auto()
    ENDED = enum.auto()


class Redemption:
    """Asks for one account by one invitation.

    name: of the account. secret: the device's token that it is to have. code: the invitation's token.
    put: called with a command and its parameters for each line to be sent.
    """

    def __init__(self, name: str, secret: str, code: str, put: Callable[..., None]) -> None:
        self.phase = Phase.LISTING
        self._name = name
        self._secret = secret
        self._code = code
        self._put = put
        self._offered: set[str] = set()
        put("CAP", "LS", "302")

    def __repr__(self) -> str:
        return f"Redemption({self._name!r}, {self.phase.name})"

    def take(self, line: Message) -> Verdict | None:
        """Take a line of the server; return its verdict when that is it."""
        if line.command == "PING":
            self._put("PONG", *line.params[-1:])
            return None
        if line.command == "FAIL":
            return self._end(_judge(line))
        step = _STEPS.get((self.phase, line.command))
        return None if step is None else step(self, line)

    def _list_capabilities(self, line: Message) -> Verdict | None:
        if line.param(1) != "LS":
            return None
        self._offered.update(word.partition("=")[0] for word in last_words(line).split())
        if line.param(2) == "*" and len(line.params) > 3:
            return None
        if CAPABILITY not in self._offered:
            return self._end(Verdict(Outcome.CLOSED))
        self.phase = Phase.REQUESTING
        self._put("CAP", "REQ", CAPABILITY)
        self._put("NICK", self._name)
        self._put("USER", self._name, "0", "*", self._name)
        return None

    def _register(self, line: Message) -> Verdict | None:
        if line.param(1) == "NAK":
            return self._end(Verdict(Outcome.CLOSED))
        if line.param(1) == "ACK" and CAPABILITY in last_words(line).split():
            self.phase = Phase.REGISTERING
            self._put("REGISTER", self._name, "*", self._secret)
        return None

    def _verify(self, line: Message) -> Verdict | None:
        if line.param(0) == "VERIFICATION_REQUIRED":
            self.phase = Phase.VERIFYING
            self._put("VERIFY", self._name, self._code)
        return None

    def _succeed(self, line: Message) -> Verdict | None:
        return self._end(Verdict(Outcome.ACCEPTED)) if line.param(0) == "SUCCESS" else None

    def _end(self, verdict: Verdict) -> Verdict:
        self.phase = Phase.ENDED
        return verdict


async def redeem(
    address: Address, context: ssl.SSLContext, name: str, secret: str, code: str, timing: Timing | None = None
) -> Verdict:
    """Ask a server for an account by an invitation, and hang up.

    context: from `trust.build_context`; nothing is sent before CA and host name are verified by it.
    name, secret, code: as those of `Redemption`.

    Raises:
        UnreachableError: there is no connection, or it was lost before the invitation was sent.
        Unanswered: it was lost after that.
    """
    timing = timing or Timing()
    written: list[bytes] = []
    redemption = Redemption(
        name, secret, code, lambda command, *params: written.append(encode(Message(command, params)))
    )
    connection: Connection | None = None
    try:
        connection = await Connection.open(address, context, timing)
        verdict = await _converse(redemption, connection, written, timing.sign_in)
        connection.write(encode(Message("QUIT")))
        return verdict
    except ENDINGS as error:
        failure = explain_end(error, address.host, connected=connection is not None)
        kind = Unanswered if redemption.phase is Phase.VERIFYING else UnreachableError
        raise kind(f"{address}: {failure}", failure.remedy or GONE, failure.fault) from None
    finally:
        if connection is not None:
            await connection.close(at_once=False)


async def _converse(redemption: Redemption, connection: Connection, written: list[bytes], patience: float) -> Verdict:
    try:
        async with asyncio.timeout(patience):
            return await _exchange(redemption, connection, written)
    except TimeoutError:
        raise Lost("the server does not answer in time") from None


async def _exchange(redemption: Redemption, connection: Connection, written: list[bytes]) -> Verdict:
    splitter = LineSplitter(MAX_TAGS, MAX_REST)
    seen = 0
    while seen < MAX_LINES:
        connection.write(b"".join(written))
        written.clear()
        await connection.drain()
        for line in splitter.feed(await connection.read(_keep_still)):
            seen += 1
            verdict = None if isinstance(line, Overlong) else _take(redemption, line)
            if verdict is not None:
                return verdict
    raise Lost("the server says much, and not what it was asked", NO_SERVER_OF_OURS)


def _take(redemption: Redemption, line: bytes) -> Verdict | None:
    try:
        message = parse(line)
    except ProtocolError:
        return None
    if message.command == "ERROR":
        raise Lost(f"the server closed the connection: {last_words(message)}")
    return redemption.take(message)


async def _keep_still() -> None:
    """Nothing but what was asked is expected here: nobody is asked for a sign of life."""


def _judge(line: Message) -> Verdict:
    code, reason = line.param(1), last_words(line)
    if code == "NAME_FIXED":
        return Verdict(Outcome.NAME_FIXED, reason, line.param(3))
    outcome = Outcome.TRY_LATER if code in TRY_LATER else _OUTCOMES.get(code, Outcome.REFUSED)
    return Verdict(outcome, f"{reason} ({code})")


_OUTCOMES: Final = {
    "INVALID_CODE": Outcome.INVALID,
    "ACCOUNT_EXISTS": Outcome.NAME_TAKEN,
    "BAD_ACCOUNT_NAME": Outcome.NAME_REFUSED,
}
"""By the codes of a FAIL. (IRCv3 account-registration, Errors)"""
_STEPS: Final[dict[tuple[Phase, str], Callable[[Redemption, Message], Verdict | None]]] = {
    (Phase.LISTING, "CAP"): Redemption._list_capabilities,
    (Phase.REQUESTING, "CAP"): Redemption._register,
    (Phase.REGISTERING, "REGISTER"): Redemption._verify,
    (Phase.VERIFYING, "VERIFY"): Redemption._succeed,
}

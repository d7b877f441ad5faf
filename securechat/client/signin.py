"""Signing in, step by step, as a table of what may follow what.

    LISTING -> REQUESTING -> AUTHENTICATING -> REGISTERING -> WELCOMED -> ACTIVE
    and from each of them -> ENDED

A line that has no place in a phase is skipped, so no server can talk the client into sending its secret twice, or
before the capabilities are settled. (IRCv3 capability-negotiation, sasl-3.1)
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

from securechat.client.events import Event, SignedIn, SignInRefused
from securechat.errors import ConfigError, Fault, NoEntryError
from securechat.wire.message import Message
from securechat.wire.names import is_account_name
from securechat.wire.numerics import (
    ERR_ALREADYREGISTERED,
    ERR_ERRONEUSNICKNAME,
    ERR_INVALIDUSERNAME,
    ERR_NICKCOLLISION,
    ERR_NICKLOCKED,
    ERR_NICKNAMEINUSE,
    ERR_NOMOTD,
    ERR_NONICKNAMEGIVEN,
    ERR_NOTREGISTERED,
    ERR_PASSWDMISMATCH,
    ERR_SASLABORTED,
    ERR_SASLALREADY,
    ERR_SASLFAIL,
    ERR_SASLTOOLONG,
    ERR_UNAVAILRESOURCE,
    ERR_YOUREBANNEDCREEP,
    RPL_ENDOFMOTD,
    RPL_ISUPPORT,
    RPL_SASLMECHS,
    RPL_SASLSUCCESS,
    RPL_WELCOME,
)
from securechat.wire.sasl import encode_plain

REQUIRED: Final = (
    "sasl",
    "server-time",
    "message-tags",
    "echo-message",
    "batch",
    "labeled-response",
    "draft/chathistory",
    "securechat.internal/once",
)
"""Without these nothing could be promised: no sign-in, no acknowledgement, no gap filled, no repeat without a double."""
WELCOME_IF_THERE: Final = ("account-tag", "away-notify", "extended-join", "multi-prefix")

DEFAULT_PAGE: Final = 100
"""Messages of history asked for at once, where the server does not say that fewer are allowed."""
MAX_OFFERED: Final = 200
TRY_LATER: Final = frozenset({"TEMPORARILY_UNAVAILABLE", "THROTTLED", "RATE_LIMITED", "TRY_AGAIN"})
"""Codes of a FAIL after which another attempt makes sense."""

_WRONG_PASSWORD: Final = frozenset({ERR_SASLFAIL, ERR_PASSWDMISMATCH})


class Phase(enum.Enum):
    """How far a session has come."""

    LISTING = enum.auto()
    REQUESTING = enum.auto()
    AUTHENTICATING = enum.auto()
    REGISTERING = enum.auto()
    WELCOMED = enum.auto()
    ACTIVE = enum.auto()
    ENDED = enum.auto()


class SignIn:
    """Answers the server until it has let us in or refused to.

    put: called with a command and its parameters for each line to be sent.

    Raises:
        ConfigError: the name is none an account can have, or the secret none that SASL can carry.
    """

    def __init__(self, user: str, secret: str, put: Callable[..., None]) -> None:
        self.phase = Phase.LISTING
        self.nick = user.partition("@")[0]
        self.page = DEFAULT_PAGE
        if not is_account_name(self.nick):
            raise ConfigError(f"{user!r} is no account name: a letter, then letters, digits, _ or -, at most 32 in all")
        try:
            self._response = encode_plain(user, secret)
        except ValueError as error:
            raise ConfigError("the password or token must not be empty and not contain NUL") from error
        self._user = user
        self._put = put
        self._offered: set[str] = set()
        self._last_fail = ("", "")
        put("CAP", "LS", "302")

    def __repr__(self) -> str:
        return f"SignIn({self._user!r}, {self.phase.name})"

    def take(self, line: Message) -> list[Event]:
        """Take a line of the server that came before `ACTIVE`."""
        step = _STEPS[self.phase].get(line.command)
        return [] if step is None else step(self, line)

    def activate(self) -> list[Event]:
        """End the welcome: what follows is the chat."""
        self.phase = Phase.ACTIVE
        return [SignedIn(self.nick, self.page)]

    def note_support(self, line: Message) -> list[Event]:
        """Read a line of ISUPPORT for what matters here. (Modern IRC, RPL_ISUPPORT)"""
        for token in line.params[1:-1]:
            name, _, number = token.partition("=")
            if name == "CHATHISTORY" and number.isascii() and number.isdigit() and int(number[:6]) > 0:
                self.page = min(DEFAULT_PAGE, int(number[:6]))
        return []

    def _list_capabilities(self, line: Message) -> list[Event]:
        if line.param(1) != "LS":
            return []
        self._offered.update(word.partition("=")[0] for word in line.params[-1].split()[:MAX_OFFERED])
        if len(self._offered) > MAX_OFFERED:
            return self._refuse("CAP", "the server lists too many capabilities")
        if line.param(2) == "*" and len(line.params) > 3:
            return []
        missing = [name for name in REQUIRED if name not in self._offered]
        if missing:
            return self._refuse("CAP", f"this is no securechat server: it does not offer {', '.join(missing)}")
        self.phase = Phase.REQUESTING
        self._put("CAP", "REQ", " ".join([*REQUIRED, *(name for name in WELCOME_IF_THERE if name in self._offered)]))
        return []

    def _choose_mechanism(self, line: Message) -> list[Event]:
        if line.param(1) == "NAK":
            return self._refuse("CAP", "the server does not keep to the capabilities it offers")
        if line.param(1) == "ACK":
            if not set(REQUIRED) <= set(last_words(line).split()):
                return self._refuse("CAP", "the server acknowledges other capabilities than it was asked for")
            self.phase = Phase.AUTHENTICATING
            self._put("AUTHENTICATE", "PLAIN")
        return []

    def _answer_challenge(self, line: Message) -> list[Event]:
        if line.param(0) != "+":
            return []
        for chunk in self._response:
            self._put("AUTHENTICATE", chunk)
        self._response = []
        return []

    def _register(self, line: Message) -> list[Event]:
        self.phase = Phase.REGISTERING
        self._put("CAP", "END")
        self._put("NICK", self.nick)
        self._put("USER", self.nick, "0", "*", self.nick)
        return []

    def _welcome(self, line: Message) -> list[Event]:
        self.nick = line.param(0) or self.nick
        self.phase = Phase.WELCOMED
        return []

    def _end_welcome(self, line: Message) -> list[Event]:
        return self.activate()

    def _refused(self, line: Message) -> list[Event]:
        code, reason = self._last_fail
        return self._refuse(code or line.command, reason or last_words(line))

    def _fail(self, line: Message) -> list[Event]:
        self._last_fail = (line.param(1)[:64], last_words(line))
        # A FAIL for another command is followed by a numeric, or by ERROR.
        return self._refuse(*self._last_fail) if line.param(0) in ("*", "AUTHENTICATE") else []

    def _refuse(self, code: str, reason: str) -> list[Event]:
        self.phase = Phase.ENDED
        return [SignInRefused(code, reason, final=code not in TRY_LATER)]


def rename_user(user: str, nick: str) -> str:
    """Return `account` or `account@device` with another name of the account, or as it was where none has that name."""
    _, at, device = user.partition("@")
    return nick + at + device if is_account_name(nick) else user


def explain_refusal(event: SignInRefused) -> NoEntryError:
    """Say in one line why the server does not let us in, in another what to do, and which fault it is."""
    said = f"{event.reason} ({event.code})"
    if not event.final:
        return NoEntryError(f"the server lets nobody in now: {said}", "try again in a minute", Fault.TRY_LATER)
    if event.code == ERR_NICKLOCKED:
        return NoEntryError(f"the account is disabled: {said}", "ask the server's admin", Fault.DISABLED)
    if event.code in _WRONG_PASSWORD:
        cause = f"wrong name or password ({event.reason}, {event.code})"
        remedy = "check both: a token that was revoked is wrong too; who was given another name says --user NAME"
        return NoEntryError(cause, remedy, Fault.CREDENTIALS)
    return NoEntryError(said, "ask the server's admin", Fault.REFUSED)


def last_words(line: Message) -> str:
    """Return the last parameter of a line, or ""."""
    return line.params[-1] if line.params else ""


_Step = Callable[[SignIn, Message], list[Event]]

_NOT_LET_IN: Final[dict[str, _Step]] = dict.fromkeys(
    (
        ERR_NONICKNAMEGIVEN,
        ERR_ERRONEUSNICKNAME,
        ERR_NICKNAMEINUSE,
        ERR_NICKCOLLISION,
        ERR_UNAVAILRESOURCE,
        ERR_NOTREGISTERED,
        ERR_ALREADYREGISTERED,
        ERR_PASSWDMISMATCH,
        ERR_YOUREBANNEDCREEP,
        ERR_INVALIDUSERNAME,
    ),
    SignIn._refused,
)
_NOT_AUTHENTICATED: Final[dict[str, _Step]] = dict.fromkeys(
    (ERR_NICKLOCKED, ERR_SASLFAIL, ERR_SASLTOOLONG, ERR_SASLABORTED, ERR_SASLALREADY, RPL_SASLMECHS), SignIn._refused
)
_STEPS: Final[dict[Phase, dict[str, _Step]]] = {
    Phase.LISTING: {"FAIL": SignIn._fail, "CAP": SignIn._list_capabilities},
    Phase.REQUESTING: {"FAIL": SignIn._fail, "CAP": SignIn._choose_mechanism},
    Phase.AUTHENTICATING: {
        **_NOT_LET_IN,
        **_NOT_AUTHENTICATED,
        "FAIL": SignIn._fail,
        "AUTHENTICATE": SignIn._answer_challenge,
        RPL_SASLSUCCESS: SignIn._register,
    },
    Phase.REGISTERING: {**_NOT_LET_IN, "FAIL": SignIn._fail, RPL_WELCOME: SignIn._welcome},
    Phase.WELCOMED: {
        RPL_ISUPPORT: SignIn.note_support,
        RPL_ENDOFMOTD: SignIn._end_welcome,
        ERR_NOMOTD: SignIn._end_welcome,
    },
    Phase.ACTIVE: {},
    Phase.ENDED: {},
}

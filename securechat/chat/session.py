"""What one client has negotiated and may do: a state machine as a table, and no socket."""

from __future__ import annotations

import enum
from typing import NamedTuple

from securechat.chat.certificates import PeerCertificate
from securechat.wire.sasl import ExternalExchange, PlainExchange


class State(enum.Enum):
    """How far a session has come."""

    NEW = "new"
    AUTHENTICATING = "authenticating"
    VERIFYING = "verifying"
    AUTHENTICATED = "authenticated"
    READY = "ready"
    CLOSED = "closed"


class Trigger(enum.Enum):
    """What moves a session on."""

    SASL_BEGUN = "sasl begun"
    CREDENTIALS_GIVEN = "credentials given"
    SASL_ENDED = "sasl ended"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WELCOMED = "welcomed"
    ENDED = "ended"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.NEW, Trigger.SASL_BEGUN): State.AUTHENTICATING,
    (State.NEW, Trigger.CREDENTIALS_GIVEN): State.VERIFYING,
    (State.AUTHENTICATING, Trigger.CREDENTIALS_GIVEN): State.VERIFYING,
    (State.AUTHENTICATING, Trigger.SASL_ENDED): State.NEW,
    (State.VERIFYING, Trigger.ACCEPTED): State.AUTHENTICATED,
    (State.VERIFYING, Trigger.REJECTED): State.NEW,
    (State.AUTHENTICATED, Trigger.WELCOMED): State.READY,
    **{(state, Trigger.ENDED): State.CLOSED for state in State},
}
"""Every move a session can make; what is not here is a bug and raises KeyError."""


class Registration(NamedTuple):
    """The account that somebody wants, until a code comes: a password, or the token of its first device."""

    name: str
    secret: str

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"Registration({self.name!r})"


class Session:
    """One client's side of the chat. Handlers may change the asking session, and only that.

    id: names the connection in logs.
    caps: negotiated capabilities, as bits of `wire.capabilities`.
    cap_version: the highest version given to CAP LS, 0 before it.
    negotiating: between CAP LS or REQ and CAP END, when signing in waits.
    account: the account's id once authenticated.
    certificate: what the client showed of itself by TLS, None for nothing.
    device: the id of the device whose token signed in, the serial of the certificate, "" after a password.
    device_name: what the client called its device (`account@device`).
    rejections: how often credentials were rejected.
    registration: the account that was asked for by REGISTER, until it is there.
    lingers: it has no account and was told how to get one, so it has more time for that.
    away: what it said of being away before it was welcomed (IRCv3 pre-away); afterwards `presence` knows.
    monitored: the nicks whose coming and going it is told, by the nick folded.
    subscriptions: the metadata keys that it is told of, in the order asked for.
    spoke: when its last message was judged (ms since 1970), 0 for never.
    """

    __slots__ = (
        "account",
        "away",
        "cap_version",
        "caps",
        "certificate",
        "device",
        "device_name",
        "exchange",
        "id",
        "lingers",
        "monitored",
        "negotiating",
        "nick",
        "password",
        "registration",
        "rejections",
        "spoke",
        "state",
        "subscriptions",
        "user",
    )

    def __init__(self, session_id: str) -> None:
        self.id = session_id
        self.state = State.NEW
        self.caps = 0
        self.cap_version = 0
        self.negotiating = False
        self.nick = ""
        self.user = ""
        self.password = ""
        self.exchange: PlainExchange | ExternalExchange | None = None
        self.certificate: PeerCertificate | None = None
        self.account = ""
        self.device = ""
        self.device_name = ""
        self.rejections = 0
        self.registration: Registration | None = None
        self.lingers = False
        self.away: str | None = None
        self.monitored: dict[str, str] = {}
        self.subscriptions: dict[str, None] = {}
        self.spoke = 0

    def move(self, trigger: Trigger) -> None:
        """Change state by the table.

        Raises: KeyError for a move that the table does not have.
        """
        self.state = TRANSITIONS[self.state, trigger]
        if self.state is State.AUTHENTICATED or self.state is State.CLOSED:
            self.registration = None

    @property
    def is_ready(self) -> bool:
        """Whether the client has signed in and been welcomed."""
        return self.state is State.READY

    @property
    def is_registering(self) -> bool:
        """Whether the client has not been welcomed yet (and is not gone)."""
        return self.state not in (State.READY, State.CLOSED)

    def has(self, capability: int) -> bool:
        """Tell whether a capability was negotiated."""
        return bool(self.caps & capability)

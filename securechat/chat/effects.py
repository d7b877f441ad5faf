"""What a command asks for. Six effects and no more: a handler does nothing itself and cannot reach another client."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from securechat.chat.certificates import PeerCertificate
from securechat.chat.event import Event
from securechat.chat.streams import StreamId
from securechat.errors import SecurechatError
from securechat.wire.message import Message

if TYPE_CHECKING:
    from securechat.chat.ask import Ask
    from securechat.chat.ports import Query
    from securechat.chat.signals import Signal


class Refusal(SecurechatError):
    """Understood and denied: what the peer is told, and apart from it the reason for the log.

    replies: the numerics or standard replies, in order.
    """

    def __init__(self, *replies: Message, reason: str = "") -> None:
        super().__init__(reason or (replies[0].command if replies else ""))
        self.replies = replies
        self.reason = reason


class Send(NamedTuple):
    """Lines for the asker. May be lazy: they are drawn at the pace the asker reads."""

    lines: Iterable[Message]


class Entry(NamedTuple):
    """An event and the stream it goes into."""

    stream: StreamId
    event: Event


class Once(NamedTuple):
    """The key under which a message is stored once: account id, the client's id, a digest of what it says."""

    account: str
    id: str
    digest: bytes


class Append(msgspec.Struct, frozen=True):
    """Put events into the history: all of them or none, next to each other.

    entries: none means: only look up `once`, if there is one.
    expects: (stream, epoch) pairs this was judged on; where an epoch has passed the command is judged again.
    once: looked up before anything else.
    refusal: what to answer when a look-up finds nothing (policy had refused).
    answer: what the asker is told once it is stored, beside what the records themselves show it.
    then: how the command goes on once it is stored, instead of any answer (an invitation that lets its asker in).
    """

    entries: tuple[Entry, ...]
    expects: tuple[tuple[StreamId, int], ...] = ()
    once: Once | None = None
    refusal: Refusal | None = None
    answer: tuple[Message, ...] = ()
    then: Callable[[Ask], Iterable[Effect]] | None = None


class Broadcast(NamedTuple):
    """An ephemeral signal for others: nothing keeps it."""

    signal: Signal


class Purpose(enum.Enum):
    """Why credentials are verified, which decides how the verdict is answered."""

    SASL = "sasl"
    PASS = "pass"  # noqa: S105 (the command's name)
    PASSWD = "passwd"  # noqa: S105 (the command's name)
    DELETE = "delete"
    INVITATION = "invitation"
    EXTERNAL = "external"


class Verify(msgspec.Struct, frozen=True):
    """Check a password or token off the loop; the verdict comes back through `signin.conclude`.

    secret: of an invitation, its code. new_secret: hashed in the same go when the check succeeds (PASSWD, INVITATION).
    keep_devices: PASSWD leaves the account's other tokens alone.
    certificate: what EXTERNAL goes by; `name` is whom the client wants to act as then, "" for whom it names.
    """

    purpose: Purpose
    name: str
    secret: str
    device: str = ""
    new_secret: str = ""
    keep_devices: bool = False
    certificate: PeerCertificate | None = None

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"Verify({self.purpose.value}, {self.name!r})"


class ReadHistory(NamedTuple):
    """Read for the asker, then go on with the command.

    then: (ask, what was read, a name for a batch) to what follows; it may raise Refusal. None for writings, which are
    handed out page by page.
    """

    query: Query
    then: Callable[[Ask, Any, str], Iterable[Effect]] | None = None


class Close(NamedTuple):
    """End the asker's connection, with ERROR and this reason as its last words."""

    reason: str


Effect: TypeAlias = Send | Append | Broadcast | Verify | ReadHistory | Close

"""What a session tells its client: one frozen object for each thing that happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """One page of history asked for. (IRCv3 chathistory)

    bound: `msgid=…`, `timestamp=…` or `*`.
    filling: asked by the gap filler and not by the user.
    """

    subcommand: str
    target: str
    bound: str
    limit: int
    filling: bool = False


@dataclass(frozen=True, slots=True)
class TargetsRequest:
    """The conversations with messages after a time, asked for; milliseconds since 1970. (IRCv3 chathistory TARGETS)

    filling: asked by the gap filler and not by the user.
    """

    after: int
    limit: int
    filling: bool = True


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The server has let us in as `nick`; it returns at most `page` messages of history at once."""

    nick: str
    page: int


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """The server did not let us in; `final` when trying again would change nothing."""

    code: str
    reason: str
    final: bool = True


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """A message, live or from history.

    target: as the line has it; conversation: the channel, or the other person's nick.
    time: milliseconds since 1970 UTC; msgid is "" when the server gave none.
    replayed: from history, or the echo of a repeated message; it can be older than what was seen.
    reply_to: the msgid of the message that it answers, or "". (IRCv3 draft/reply)
    """

    conversation: str
    target: str
    sender: str
    text: str
    msgid: str
    time: int
    command: str = "PRIVMSG"
    own: bool = False
    replayed: bool = False
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody, or we, came into a channel."""

    channel: str
    nick: str
    own: bool


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody, or we, left a channel; `by` is who threw them out, or ""."""

    channel: str
    nick: str
    own: bool
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Departed:
    """Somebody left the server."""

    nick: str
    reason: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """Somebody, or we, has another name."""

    nick: str
    new_nick: str
    own: bool


@dataclass(frozen=True, slots=True)
class TopicSet:
    """A channel's topic as somebody set it, or (`by` is "") as it is."""

    channel: str
    topic: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class NamesListed:
    """All members of a channel, each as (role prefixes such as `@`, nick); none of one that we may not look into."""

    channel: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AwayChanged:
    """Somebody is away with a message, or is back (None)."""

    nick: str
    message: str | None


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """A channel's or our own modes were changed; `changes` as the line has them."""

    target: str
    by: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody invited `nick` (mostly us) into a channel."""

    channel: str
    nick: str
    by: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The echo of our message `id` came: it is stored as `msgid`."""

    id: str
    msgid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Our message `id` was refused: it is not stored."""

    id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of history, oldest first."""

    request: HistoryRequest
    messages: tuple[MessageSeen, ...]


@dataclass(frozen=True, slots=True)
class TargetsPage:
    """Conversations and the time of the latest message in each, in milliseconds since 1970."""

    request: TargetsRequest
    targets: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class HistoryFailed:
    """The server did not answer a request for history."""

    request: HistoryRequest | TargetsRequest
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class GapSuspected:
    """What was missed in a conversation could not be fetched in full."""

    conversation: str
    reason: str


@dataclass(frozen=True, slots=True)
class Following:
    """A conversation is caught up: from here on its messages come as they are sent."""

    conversation: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something else we asked for was refused; `context` is what a FAIL has between its code and its words."""

    command: str
    code: str
    reason: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Other words of the server; `code` is the numeric, or "" for a notice."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that was asked for, complete.

    kind: `who`, `whois`, `channels`, `bans` or `devices`; `listings` says what a row of each holds.
    subject: the channel, nick or mask that was asked about, or "".
    """

    kind: str
    subject: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """Our password is another one now."""


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A row of our own data that ACCOUNT EXPORT asked for: `text` is one JSON object; numbered from 1. (docs/protocol.md)"""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class ExportEnded:
    """There are no more rows."""


@dataclass(frozen=True, slots=True)
class AccountDeleted:
    """Our account is no more; the server closes the connection."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The server said that it closes the connection."""

    reason: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; the next attempt is in `delay` seconds. What had no echo is unknown now."""

    reason: str
    delay: float


Event: TypeAlias = (
    SignedIn
    | SignInRefused
    | MessageSeen
    | Joined
    | Left
    | Departed
    | Renamed
    | TopicSet
    | NamesListed
    | AwayChanged
    | ModeChanged
    | Invited
    | Acknowledged
    | Refused
    | HistoryPage
    | TargetsPage
    | HistoryFailed
    | GapSuspected
    | Following
    | Failed
    | Noticed
    | Listing
    | PasswordChanged
    | ExportRow
    | ExportEnded
    | AccountDeleted
    | Closed
    | Disconnected
)

"""What the rules need of the world outside: the history, and what it hands in and out.

`storage` implements `Store` and `History`; `server` drives them. One store may be followed by several nodes: each
attaches with a `History` of its own, submits its own appends and is told of everybody's records in commit order.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec

from securechat.chat.arrears import Arrears, ArrearsQuery, Missed, MissedQuery, Note, ReadMark
from securechat.chat.durations import Durations
from securechat.chat.effects import Append
from securechat.chat.events import Record
from securechat.chat.guesses import GuessState
from securechat.chat.searchwords import Phrase
from securechat.chat.server_state import ServerState
from securechat.chat.streams import StreamId
from securechat.chat.trail import Trail, TrailQuery


class Lane:
    """The order of one connection's appends.

    When an append is refused as stale, everything of the same lane and attempt that was submitted after it is refused
    as stale too, whether it was queued already or comes later; so nothing overtakes it. Once all of them have come
    back, the connection raises `attempt` and submits them again in their order.

    attempt: the current attempt, set by the submitter.
    refused: the last attempt that met a stale append, set by the storage's writer (an int store: no lock is needed).
    """

    __slots__ = ("attempt", "refused")

    def __init__(self) -> None:
        self.attempt = 0
        self.refused = -1


class Submission:
    """One append on its way into the history; `ticket` is the submitter's and comes back untouched."""

    __slots__ = ("append", "attempt", "lane", "ticket")

    def __init__(self, append: Append, lane: Lane, ticket: Any = None) -> None:
        self.append = append
        self.lane = lane
        self.attempt = lane.attempt
        self.ticket = ticket


class Verdict(enum.Enum):
    """What the history says to an append."""

    STORED = "stored"
    """Committed and flushed; `records` are its records in the order of its entries."""
    REPEATED = "repeated"
    """The (account, id) was stored before with the same content; `records` holds that one record."""
    MISMATCHED = "mismatched"
    """The (account, id) was stored before with another target, command or text."""
    ABSENT = "absent"
    """A look-up only (no entries), and the id is unknown."""
    REDACTED = "redacted"
    """The (account, id) was stored before, and what it said is gone since."""
    STALE = "stale"
    """An expected epoch has passed, a name or membership was not as judged, or the lane is held up: judge again."""
    UNAVAILABLE = "unavailable"
    """Nothing was stored, because the disk is full or somebody else keeps the database locked; later it may be."""


class Outcome(NamedTuple):
    """One committed or refused append. `submission` is None where another node submitted it."""

    submission: Submission | None
    verdict: Verdict
    records: tuple[Record, ...] = ()


Sink = Callable[[Sequence[Outcome]], None]
"""Takes one committed batch, in order, on the loop. Must not raise."""


class Bound(msgspec.Struct, frozen=True):
    """A place in a conversation: a msgid, or where that is empty a time (ms since 1970)."""

    msgid: str = ""
    time: int = 0


class Form(enum.Enum):
    """The forms of CHATHISTORY that read messages (IRCv3 chathistory)."""

    BEFORE = "BEFORE"
    AFTER = "AFTER"
    LATEST = "LATEST"
    AROUND = "AROUND"
    BETWEEN = "BETWEEN"


class HistoryQuery(msgspec.Struct, frozen=True):
    """What to read of one conversation, for whom.

    start: where to read from; None only with LATEST (`*`).
    end: the far bound of BETWEEN; BETWEEN runs from start towards end, so newest first decides which are kept.
    limit: messages; a page that no msgid bounds (`LATEST *` too) may hold more, since it never splits a millisecond.
    events: names of the events that are wanted beside messages; they count as messages do.
    """

    account: str
    stream: StreamId
    form: Form
    limit: int
    start: Bound | None = None
    end: Bound | None = None
    events: frozenset[str] = frozenset()


class ConversationsQuery(msgspec.Struct, frozen=True):
    """Which conversations of an account have their newest readable message between two times (ms since 1970).

    They are counted from start towards end, neither included; where end is the earlier one, the newest first.
    """

    account: str
    start: int
    end: int
    limit: int


class Page(NamedTuple):
    """Messages, oldest first; `known` is False when a msgid of the query is not one the account may read there.

    expired: there are none, and some of what was asked for is not kept any more.
    """

    records: tuple[Record, ...]
    known: bool = True
    expired: bool = False


class WritingsQuery(msgspec.Struct, frozen=True):
    """What an account has written, wherever it is: up to `limit` messages behind a place in a stream (None: all)."""

    account: str
    after: tuple[StreamId, int] | None = None
    limit: int = 200


class Writings(NamedTuple):
    """Messages by stream and seq; fewer than asked for, even none, do not mean that there are no more.

    names: of the channels among their streams, those that are gone too.
    after: where to go on; None at the end.
    """

    records: tuple[Record, ...]
    names: dict[StreamId, str]
    after: tuple[StreamId, int] | None


class Reactions(NamedTuple):
    """The reactions of an account to a message that stand, and how many it has given and taken back by now."""

    standing: frozenset[str] = frozenset()
    changes: int = 0


class ReactionsQuery(msgspec.Struct, frozen=True):
    """The reactions of an account to a message of a conversation."""

    account: str
    stream: StreamId
    msgid: str


class SearchQuery(msgspec.Struct, frozen=True):
    """The newest messages that an account may read and that hold what is asked for, wherever they are.

    phrases: all of them must be in the text; none: whatever it says.
    stream: only of this conversation; author: only of this account (id); empty: of any.
    start, end: only of these times, both included (ms since 1970).
    """

    account: str
    phrases: tuple[Phrase, ...] = ()
    stream: StreamId = ""
    author: str = ""
    start: int = 0
    end: int = 1 << 62
    limit: int = 50


class Found(NamedTuple):
    """Messages by time, oldest first; `whole` is False when there are more, or looking for them would take too long."""

    records: tuple[Record, ...]
    whole: bool = True


class PlaybackQuery(msgspec.Struct, frozen=True):
    """The newest messages of some of an account's conversations with start < time < end (ms since 1970).

    patterns: their names or masks, commas between.
    """

    account: str
    patterns: str
    start: int
    end: int


Query: TypeAlias = HistoryQuery | ConversationsQuery | WritingsQuery | ReactionsQuery | SearchQuery | PlaybackQuery


class ConversationTime(NamedTuple):
    """A conversation and when its newest message that the account may read was stored (ms since 1970)."""

    stream: StreamId
    time: int


class DeviceState(msgspec.Struct):
    """A device with a token; `created` in ms since 1970, `digest` the token's SHA-256 (hex)."""

    id: str
    label: str
    digest: str
    created: int


class AccountState(msgspec.Struct):
    """What is known of an account without its history; no secrets.

    skeletons: of every name it ever had; they stay reserved. names: these names, folded.
    ignored: ids of the accounts that it does not hear directly.
    metadata: what it says of itself, by key.
    """

    id: str
    name: str
    role: str = "member"
    enabled: bool = True
    epoch: int = 0
    created: int = 0
    devices: dict[str, DeviceState] = {}
    deleted: bool = False
    skeletons: set[str] = set()
    ignored: set[str] = set()
    names: set[str] = set()
    metadata: dict[str, str] = {}


class MemberState(msgspec.Struct):
    """A membership: role and the seq of the Joined that began it."""

    role: str
    since: int


class BanState(msgspec.Struct):
    """A mask of a list, who set it (account id), when, and until when it holds (ms since 1970; 0: for good)."""

    mask: str
    by: str
    time: int
    until: int = 0


class ChannelState(msgspec.Struct):
    """A channel as its records have made it. Account ids throughout.

    former_roles: roles of accounts that left and would hold them again.
    written: whether anybody ever posted.
    bans, exceptions, invitations: the lists b, e and I by mask.
    slow: seconds that a plain member waits between two messages, 0: none.
    spoken: when each account last posted while the channel was slow (ms since 1970).
    former_names: what it was called before, as far as these names are still its own, oldest first.
    renamed: when it was last given a name that differs in more than case (ms since 1970), 0: never.
    retention: for how many days it is kept, 0: for ever; None: as all channels are.
    """

    id: str
    name: str
    epoch: int = 0
    created: int = 0
    modes: str = ""
    key: str = ""
    limit: int = 0
    topic: str = ""
    topic_by: str = ""
    topic_time: int = 0
    written: bool = False
    members: dict[str, MemberState] = {}
    former_roles: dict[str, str] = {}
    bans: dict[str, BanState] = {}
    invited: set[str] = set()
    exceptions: dict[str, BanState] = {}
    invitations: dict[str, BanState] = {}
    slow: int = 0
    spoken: dict[str, int] = {}
    former_names: list[str] = []
    renamed: int = 0
    retention: int | None = None


class Snapshot(NamedTuple):
    """All accounts and living channels at one place of the history, and what is kept beside it by then.

    server: its own state. guesses: wrong passwords, and from where accounts signed in.
    """

    accounts: list[AccountState]
    channels: list[ChannelState]
    marks: Sequence[ReadMark] = ()
    server: ServerState | None = None
    guesses: GuessState = GuessState(b"", [], [])


class History(Protocol):
    """One node's hold on the durable, ordered history. commits: how long they took, of all nodes of a store."""

    commits: Durations

    async def start(self, sink: Sink, fatal: Callable[[Exception], None]) -> Snapshot:
        """Load the state, and from exactly there on hand every committed batch to `sink`, on the running loop.

        No batch reaches the sink before this has returned: take the snapshot over without awaiting anything in between.
        `fatal` is called once, on the loop, when a commit failed for good: nothing is acknowledged after it.
        """

    def submit(self, submission: Submission) -> None:
        """Queue an append; its outcome comes to the sink. Appends are committed in the order submitted."""

    async def read(self, query: HistoryQuery) -> Page:
        """Return the messages (Posted), and other events asked for, that the account may read, as of now."""

    async def conversations(self, query: ConversationsQuery) -> list[ConversationTime]:
        """Return the conversations asked for, by the time of their newest readable message, oldest first."""

    async def writings(self, query: WritingsQuery) -> Writings:
        """Return what an account has written, whether it may still read it or not."""

    async def search(self, query: SearchQuery) -> Found:
        """Return the newest messages (Posted) asked for that the account may read, all that are there by now."""

    async def reactions(self, query: ReactionsQuery) -> Reactions | None:
        """Return what an account did about a message; None when the msgid is of no message that the account may read there."""

    def note(self, note: Note) -> None:
        """Keep a note, which replaces an earlier one; it is on disk with the next batch, or a second later."""

    async def arrears(self, query: ArrearsQuery) -> Arrears:
        """Return what a device was not sent, by its newest position, on disk or not."""

    async def missed(self, query: MissedQuery) -> Missed:
        """Return the next messages (Posted) that the account may read, as of now."""

    async def count_messages(self, streams: Sequence[StreamId]) -> list[int]:
        """Return how many messages each of the streams holds."""

    async def trail(self, query: TrailQuery) -> Trail:
        """Return some of the audit trail, as of now."""

    async def forget_addresses(self, before: int) -> int:
        """Delete the addresses kept beside the audit trail before a time (ms since 1970); return how many there were."""

    async def verifier(self, account: str) -> tuple[str, int]:
        """Return an account's argon2 verifier ("" for none) and the account epoch it was read at."""

    async def close(self) -> None:
        """Commit what is queued, hand out its outcomes, and let go."""


class Store(Protocol):
    """One database, to be followed by one or several nodes."""

    def attach(self) -> History:
        """Return a hold for one more node."""

    async def close(self) -> None:
        """Close every hold, then the database."""

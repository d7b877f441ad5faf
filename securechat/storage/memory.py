"""The reference store: the same promises as the others but the lasting one, in the plainest way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import deepcopy

from securechat.chat import policy
from securechat.chat.directory import Directory
from securechat.chat.effects import Append, Entry
from securechat.chat.events import (
    OWNER,
    Created,
    DeviceAdded,
    DeviceRevoked,
    Dropped,
    Event,
    Joined,
    Kicked,
    Left,
    ModeSet,
    PasswordRehashed,
    PasswordSet,
    Posted,
    Record,
    Registered,
    RoleSet,
    StreamId,
    account_stream,
    parties,
)
from securechat.chat.policy import Access, Span
from securechat.chat.ports import (
    Bound,
    ChannelState,
    ConversationsQuery,
    ConversationTime,
    Form,
    HistoryQuery,
    Outcome,
    Page,
    Sink,
    Snapshot,
    Submission,
    Verdict,
)
from securechat.errors import StorageError
from securechat.storage.delivery import Follower, share_of
from securechat.storage.records import RANDOM_BYTES, Stale, make_msgid, next_time, without_secrets


class State:
    """Everything that follows from the records, and the check of each record against it.

    streams: the records of each stream; epochs: of each stream that has records.
    spans: the memberships that have ended, by (stream, account); closures: when a channel was not open to all.
    """

    def __init__(self) -> None:
        self.directory = Directory(Snapshot([], []))
        self.streams: dict[StreamId, list[Record]] = {}
        self.epochs: dict[StreamId, int] = {}
        self.verifiers: dict[str, str] = {}
        self.spans: dict[tuple[StreamId, str], list[Span]] = {}
        self.closures: dict[StreamId, list[Span]] = {}

    def channel_of(self, stream: StreamId) -> ChannelState | None:
        """Return the living channel whose stream this is."""
        return self.directory.channels.get(stream[2:]) if stream.startswith("c/") else None

    def epoch_of(self, stream: StreamId) -> int | None:
        """Return a stream's epoch; None for a channel or account that never was."""
        return self.epochs.get(stream, 0 if stream.startswith("d/") else None)

    def check(self, stream: StreamId, event: Event) -> None:
        """Raise Stale unless the event can happen now."""
        begins = isinstance(event, Created | Registered)
        if stream.startswith("d/"):
            holds = all(party in self.directory.accounts for party in parties(stream))
        elif begins or stream.startswith("a/"):
            holds = begins != (stream in self.streams)
        else:
            holds = self.channel_of(stream) is not None
        if not holds or not self._fits(stream, event):
            raise Stale

    def _fits(self, stream: StreamId, event: Event) -> bool:
        match event:
            case Registered(name=name):
                taken = self.directory.account_named(name) or self.directory.account_resembling(name)
                return taken is None
            case Created(name=name):
                return self.directory.channel_named(name) is None
            case DeviceAdded(device=device):
                return device not in self.directory.accounts[stream[2:]].devices
            case DeviceRevoked(device=device):
                return device in self.directory.accounts[stream[2:]].devices
        channel = self.channel_of(stream)
        return channel is None or self._fits_channel(channel, event)

    def _fits_channel(self, channel: ChannelState, event: Event) -> bool:
        match event:
            case Joined(account=account):
                full = 0 < channel.limit <= len(channel.members)
                return account in self.directory.accounts and account not in channel.members and not full
            case Left(account=account, role=role) | Kicked(account=account, role=role):
                return account in channel.members and channel.members[account].role == role
            case RoleSet(account=account, was=role):
                return account in channel.members and channel.members[account].role == role
            case Dropped():
                return not channel.members and not channel.written
        return True

    def require_owners(self, entries: tuple[Entry, ...]) -> None:
        """Refuse an owner's going that leaves others behind without one.

        Raises: Stale.
        """
        for stream, event in entries:
            channel = self.channel_of(stream)
            if isinstance(event, Left | Kicked) and event.role == OWNER and channel is not None:
                roles = {member.role for member in channel.members.values()}
                if roles and OWNER not in roles:
                    raise Stale

    def apply(self, record: Record, event: Event) -> None:
        """Fold a record that was checked; `event` is the record's with its secrets."""
        stream = record.stream
        channel = self.channel_of(stream)
        was_open = channel is None or policy.is_open(channel.modes, channel.key)
        if channel is not None and isinstance(event, Left | Kicked):
            since = channel.members[event.account].since
            self.spans.setdefault((stream, event.account), []).append(Span(since, record.seq))
        if isinstance(event, Registered | PasswordSet | PasswordRehashed):
            self.verifiers[stream[2:]] = event.verifier
        self.streams.setdefault(stream, []).append(record)
        self.epochs[stream] = self.epochs.get(stream, 0) + event.restricts
        self.directory.apply_record(record)
        if isinstance(event, Created | ModeSet):
            self._note_closure(record, was_open)

    def _note_closure(self, record: Record, was_open: bool) -> None:
        channel = self.channel_of(record.stream)
        assert channel is not None
        closures = self.closures.setdefault(record.stream, [])
        is_open = policy.is_open(channel.modes, channel.key)
        if was_open and not is_open:
            closures.append(Span(record.seq))
        elif is_open and not was_open:
            closures[-1] = Span(closures[-1].first, record.seq - 1)

    def readable_by(self, account: str, stream: StreamId) -> list[Record]:
        """Return the records of a stream that an account may read."""
        access = self._access(account, stream)
        return [record for record in self.streams.get(stream, ()) if policy.may_read(access, record)]

    def _access(self, account: str, stream: StreamId) -> Access:
        if stream.startswith("d/"):
            return Access(account in parties(stream), (Span(1),))
        channel = self.channel_of(stream)
        if channel is None or account not in channel.members:
            return Access(False)
        former = self.spans.get((stream, account), [])
        spans = (*former, Span(channel.members[account].since))
        return Access(True, spans, tuple(self.closures.get(stream, ())))


class MemoryStore:
    """A store that forgets everything with the process.

    clock: returns ms since 1970; randbytes: returns that many random bytes.
    """

    def __init__(self, clock: Callable[[], int], randbytes: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._randbytes = randbytes
        self._kept: list[tuple[Record, Event]] = []
        self._state = State()
        self._once: dict[tuple[str, str], tuple[bytes, Record]] = {}
        self._queue: list[tuple[Follower, Submission]] = []
        self.followers: list[Follower] = []

    @property
    def state(self) -> State:
        """What has been committed."""
        return self._state

    def attach(self) -> MemoryHistory:
        """Return a hold for one more node."""
        return MemoryHistory(self)

    def submit(self, follower: Follower, submission: Submission) -> None:
        """Queue an append; everything that is queued by the next turn of the loop is one batch."""
        if follower not in self.followers:
            return
        self._queue.append((follower, submission))
        if len(self._queue) == 1:
            follower.loop.call_soon(self.commit)

    def commit(self) -> None:
        """Judge what is queued, in order, and tell the followers."""
        queue, self._queue = self._queue, []
        try:
            batch = [(follower, self._judge(submission)) for follower, submission in queue]
        except Exception as error:
            self._fail(error)
            return
        for follower in list(self.followers):
            if share := share_of(follower, batch):
                follower.deliver(share)

    async def close(self) -> None:
        """Commit what is queued and let every follower go."""
        self.commit()
        self.followers.clear()

    def _fail(self, error: Exception) -> None:
        failure = StorageError(f"an append could not be folded: {error!r}")
        failure.__cause__ = error
        followers, self.followers = self.followers, []
        for follower in followers:
            follower.fail(failure)

    def _judge(self, submission: Submission) -> Outcome:
        append, lane = submission.append, submission.lane
        if lane.refused >= submission.attempt:
            return Outcome(submission, Verdict.STALE)
        found = self._once.get((append.once.account, append.once.id)) if append.once else None
        if append.once and found:
            same = append.once.digest == found[0]
            return (
                Outcome(submission, Verdict.REPEATED, (found[1],)) if same else Outcome(submission, Verdict.MISMATCHED)
            )
        if not append.entries:
            return Outcome(submission, Verdict.ABSENT)
        try:
            return Outcome(submission, Verdict.STORED, self._append(append))
        except Stale:
            lane.refused = submission.attempt
            return Outcome(submission, Verdict.STALE)

    def _append(self, append: Append) -> tuple[Record, ...]:
        if any(self._state.epoch_of(stream) != epoch for stream, epoch in append.expects):
            raise Stale
        before = len(self._kept)
        now = self._clock()
        try:
            records = tuple(self._add(entry, now) for entry in append.entries)
            self._state.require_owners(append.entries)
        except Stale:
            self._return_to(before)
            raise
        if append.once:
            self._once[append.once.account, append.once.id] = append.once.digest, records[0]
        return records

    def _add(self, entry: Entry, now: int) -> Record:
        self._state.check(entry.stream, entry.event)
        earlier = self._state.streams.get(entry.stream, [])
        time = next_time(now, earlier[-1].time) if earlier else now
        msgid = make_msgid(time, self._randbytes(RANDOM_BYTES))
        record = Record(entry.stream, len(earlier) + 1, msgid, time, without_secrets(entry.event))
        self._kept.append((record, entry.event))
        self._state.apply(record, entry.event)
        return record

    def _return_to(self, count: int) -> None:
        """Forget all but the first `count` records: what they amount to is what they amounted to the first time."""
        if count == len(self._kept):
            return
        del self._kept[count:]
        self._state = State()
        for record, event in self._kept:
            self._state.apply(record, event)


class MemoryHistory:
    """One node's hold on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._follower: Follower | None = None

    async def start(self, sink: Sink, fatal: Callable[[Exception], None]) -> Snapshot:
        """Load the state and follow from there. (`chat.ports.History`)"""
        self._follower = Follower(asyncio.get_running_loop(), sink, fatal)
        self._follower.open()
        self._store.followers.append(self._follower)
        directory = self._store.state.directory
        return deepcopy(Snapshot(list(directory.accounts.values()), list(directory.channels.values())))

    def submit(self, submission: Submission) -> None:
        """Queue an append. (`chat.ports.History`)"""
        assert self._follower is not None, "start first"
        self._store.submit(self._follower, submission)

    async def read(self, query: HistoryQuery) -> Page:
        """Return the messages the account may read. (`chat.ports.History`)"""
        readable = self._store.state.readable_by(query.account, query.stream)
        msgids = {record.msgid for record in readable}
        if any(bound and bound.msgid and bound.msgid not in msgids for bound in (query.start, query.end)):
            return Page((), known=False)
        messages = [record for record in readable if isinstance(record.event, Posted)]
        return Page(tuple(_select(query, messages, readable)))

    async def conversations(self, query: ConversationsQuery) -> list[ConversationTime]:
        """Return the conversations asked for. (`chat.ports.History`)"""
        found = []
        for stream in self._store.state.streams:
            messages = [
                record
                for record in self._store.state.readable_by(query.account, stream)
                if isinstance(record.event, Posted)
            ]
            if messages and query.start < messages[-1].time < query.end:
                found.append(ConversationTime(stream, messages[-1].time))
        return sorted(found, key=lambda each: (each.time, each.stream))[: query.limit]

    async def verifier(self, account: str) -> tuple[str, int]:
        """Return an account's argon2 verifier and its epoch. (`chat.ports.History`)"""
        state = self._store.state
        return state.verifiers.get(account, ""), state.epochs.get(account_stream(account), 0)

    async def close(self) -> None:
        """Commit what is queued and let go. (`chat.ports.History`)"""
        self._store.commit()
        if self._follower in self._store.followers:
            self._store.followers.remove(self._follower)


def _select(query: HistoryQuery, messages: list[Record], readable: list[Record]) -> list[Record]:
    """Return the messages a query asks for, oldest first; `readable` are the records a msgid may name."""
    seqs = {record.msgid: record.seq for record in readable}
    start, end, limit = query.start, query.end, query.limit
    if start is None:
        return _newest(messages, limit, whole=True)

    def is_before(record: Record, bound: Bound) -> bool:
        return record.seq < seqs[bound.msgid] if bound.msgid else record.time < bound.time

    def is_after(record: Record, bound: Bound) -> bool:
        return record.seq > seqs[bound.msgid] if bound.msgid else record.time > bound.time

    whole = not start.msgid
    before = [record for record in messages if is_before(record, start)]
    after = [record for record in messages if is_after(record, start)]
    match query.form:
        case Form.BEFORE:
            return _newest(before, limit, whole)
        case Form.AFTER:
            return _oldest(after, limit, whole)
        case Form.LATEST:
            return _newest(after, limit, whole)
        case Form.AROUND:
            rest = messages[len(before) :]
            return _newest(before, limit // 2, whole) + _oldest(rest, limit - limit // 2, whole)
    assert end is not None
    forwards = [record for record in after if is_before(record, end)]
    backwards = [record for record in before if is_after(record, end)]
    return _oldest(forwards, limit, whole) or _newest(backwards, limit, whole)


def _oldest(messages: list[Record], limit: int, whole: bool) -> list[Record]:
    """Return the first `limit` messages and, for `whole`, the rest of the last one's millisecond."""
    page = messages[:limit]
    if whole and page:
        page += [record for record in messages[limit:] if record.time == page[-1].time]
    return page


def _newest(messages: list[Record], limit: int, whole: bool) -> list[Record]:
    """Return the last `limit` messages and, for `whole`, the rest of the first one's millisecond."""
    return _oldest(messages[::-1], limit, whole)[::-1]

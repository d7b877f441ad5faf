"""The reference store: the same promises as the others but the lasting one, in the plainest way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from copy import deepcopy

from securechat.chat.arrears import Arrears, ArrearsQuery, Missed, MissedQuery, Note
from securechat.chat.durations import Durations
from securechat.chat.effects import Append, Entry
from securechat.chat.event import Event
from securechat.chat.events import Deleted, Erased, Posted, Record
from securechat.chat.ports import (
    ConversationsQuery,
    ConversationTime,
    Found,
    HistoryQuery,
    Outcome,
    Page,
    Reactions,
    ReactionsQuery,
    SearchQuery,
    Sink,
    Snapshot,
    Submission,
    Verdict,
    Writings,
    WritingsQuery,
)
from securechat.chat.streams import StreamId, account_stream
from securechat.chat.trail import Trail, TrailQuery
from securechat.errors import StorageError
from securechat.storage.delivery import Follower, share_of
from securechat.storage.finding import select_found
from securechat.storage.folded import State
from securechat.storage.notes import Notes, read_missed
from securechat.storage.pages import find_writings, select_conversations, select_messages
from securechat.storage.records import RANDOM_BYTES, Stale, make_msgid, next_time, without_secrets
from securechat.storage.retention import FOR_EVER, Floor, Retention


class MemoryStore:
    """A store that forgets everything with the process.

    clock: returns ms since 1970; randbytes: returns that many random bytes. retention: for how long what was said is
    kept; somebody calls `expire` now and then.
    """

    def __init__(
        self, clock: Callable[[], int], randbytes: Callable[[int], bytes], retention: Retention = FOR_EVER
    ) -> None:
        self._clock = clock
        self._retention = retention
        self._randbytes = randbytes
        self._kept: list[tuple[Record, Event]] = []
        self._state = State()
        self._expired: list[tuple[int, StreamId, Floor]] = []
        self._once: dict[tuple[str, str], tuple[bytes, Record]] = {}
        self.notes = Notes(randbytes(32))
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
            if self._is_gone(found[1]):
                return Outcome(submission, Verdict.REDACTED)
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

    def _is_gone(self, record: Record) -> bool:
        records = self._state.streams[record.stream]
        return all(each.seq != record.seq or isinstance(each.event, Erased) for each in records)

    def expire(self) -> None:
        """Take away what is older than it is to be kept."""
        for stream, floor in self._state.find_expired(self._retention, self._clock()):
            self._expired.append((len(self._kept), stream, floor))
            self._state.raise_floor(stream, floor)

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
        for stream, event in append.entries:
            self.notes.follow(stream, event)
            if isinstance(event, Deleted) and event.erase:
                self._forget_digests(stream[2:])
        if append.once:
            self._once[append.once.account, append.once.id] = append.once.digest, records[0]
        return records

    def _forget_digests(self, account: str) -> None:
        for key, (_, record) in self._once.items():
            if key[0] == account:
                self._once[key] = b"", record

    def _add(self, entry: Entry, now: int) -> Record:
        self._state.check(entry.stream, entry.event)
        self._state.require_turn(*entry, now)
        head = self._state.heads.get(entry.stream)
        seq, time = (1, now) if head is None else (head.seq + 1, next_time(now, head.time))
        msgid = make_msgid(time, self._randbytes(RANDOM_BYTES))
        record = Record(entry.stream, seq, msgid, time, without_secrets(entry.event))
        self._kept.append((record, entry.event))
        self._state.apply(record, entry.event)
        return record

    def _return_to(self, count: int) -> None:
        """Forget all but the first `count` records: what they amount to is what they amounted to the first time."""
        if count == len(self._kept):
            return
        del self._kept[count:]
        self._state = State()
        for place, (record, event) in enumerate(self._kept):
            self._expire_again(place)
            self._state.apply(record, event)
        self._expire_again(count)

    def _expire_again(self, place: int) -> None:
        for when, stream, floor in self._expired:
            if when == place:
                self._state.raise_floor(stream, floor)


class MemoryHistory:
    """One node's hold on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self.commits = Durations()
        self._store = store
        self._follower: Follower | None = None

    async def start(self, sink: Sink, fatal: Callable[[Exception], None]) -> Snapshot:
        """Load the state and follow from there. (`chat.ports.History`)"""
        self._follower = Follower(asyncio.get_running_loop(), sink, fatal)
        self._follower.open()
        self._store.followers.append(self._follower)
        directory = self._store.state.directory
        accounts, channels = list(directory.accounts.values()), list(directory.channels.values())
        notes = self._store.notes
        return deepcopy(Snapshot(accounts, channels, notes.marks(), directory.server, notes.guesses()))

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
        wanted = {"Posted", *query.events}
        messages = [record for record in readable if type(record.event).__name__ in wanted]
        records = tuple(select_messages(query, messages, readable))
        return Page(records, expired=not records and self._store.state.asks_below(query))

    async def conversations(self, query: ConversationsQuery) -> list[ConversationTime]:
        """Return the conversations asked for. (`chat.ports.History`)"""
        found = []
        first, last = sorted((query.start, query.end))
        for stream in self._store.state.streams:
            messages = [
                record
                for record in self._store.state.readable_by(query.account, stream)
                if isinstance(record.event, Posted)
            ]
            if messages and first < messages[-1].time < last:
                found.append(ConversationTime(stream, messages[-1].time))
        return select_conversations(query, found)

    async def writings(self, query: WritingsQuery) -> Writings:
        """Return what an account has written. (`chat.ports.History`)"""
        return find_writings(self._store.state.streams, self._store.state.names, query)

    async def search(self, query: SearchQuery) -> Found:
        """Return the newest messages asked for. (`chat.ports.History`)"""
        state = self._store.state
        return select_found(query, [state.readable_by(query.account, stream) for stream in state.streams])

    async def reactions(self, query: ReactionsQuery) -> Reactions | None:
        """Return what an account did about a message. (`chat.ports.History`)"""
        state = self._store.state
        for record in state.readable_by(query.account, query.stream):
            if record.msgid == query.msgid and isinstance(record.event, Posted):
                return state.reactions(query.stream, query.msgid, query.account)
        return None

    def note(self, note: Note) -> None:
        """Keep a note beside the history. (`chat.ports.History`)"""
        self._store.notes.add(note)

    async def arrears(self, query: ArrearsQuery) -> Arrears:
        """Return what a device was not sent. (`chat.ports.History`)"""
        return self._store.notes.find_arrears(query, self._store.state)

    async def missed(self, query: MissedQuery) -> Missed:
        """Return the next messages of a conversation. (`chat.ports.History`)"""
        return read_missed(query, self._store.state)

    async def count_messages(self, streams: Sequence[StreamId]) -> list[int]:
        """Return how many messages each of the streams holds. (`chat.ports.History`)"""
        history = self._store.state.streams
        return [sum(isinstance(record.event, Posted) for record in history.get(stream, ())) for stream in streams]

    async def trail(self, query: TrailQuery) -> Trail:
        """Return some of the audit trail. (`chat.ports.History`)"""
        return self._store.state.trail(query)

    async def forget_addresses(self, before: int) -> int:
        """Delete addresses kept beside the audit trail. (`chat.ports.History`)"""
        return self._store.state.forget_addresses(before)

    async def verifier(self, account: str) -> tuple[str, int]:
        """Return an account's argon2 verifier and its epoch. (`chat.ports.History`)"""
        state = self._store.state
        return state.verifiers.get(account, ""), state.epochs.get(account_stream(account), 0)

    async def close(self) -> None:
        """Commit what is queued and let go. (`chat.ports.History`)"""
        self._store.commit()
        if self._follower in self._store.followers:
            self._store.followers.remove(self._follower)

"""One transaction's worth of appends: each judged on what is there now, in order, and numbered if it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from securechat.chat.effects import Append, Entry, Once
from securechat.chat.event import Event
from securechat.chat.events import (
    OWNER,
    Created,
    Deleted,
    Dropped,
    Erased,
    Kicked,
    Left,
    ModeSet,
    Posted,
    Reacted,
    Record,
    Redacted,
    Registered,
    RetentionSet,
    Unreacted,
    decode_event,
    encode_event,
)
from securechat.chat.ports import Lane, Outcome, Submission, Verdict
from securechat.chat.streams import SERVER, StreamId
from securechat.storage.delivery import Follower
from securechat.storage.records import RANDOM_BYTES, Stale, make_msgid, next_time, without_secrets
from securechat.storage.sqlite.audit import tie
from securechat.storage.sqlite.database import savepoint
from securechat.storage.sqlite.tables import Tables

# Single tables throughout: a join costs several times as much even where it finds nothing.
_FIND_STREAM = "SELECT id, epoch, seq, time FROM streams WHERE name = ?"
_FIND_CHANNEL = "SELECT written, slow FROM channels WHERE stream = ?"
_INSERT_STREAM = "INSERT INTO streams (name) VALUES (?)"
_FIND_ONCE = "SELECT digest, stream, seq FROM once WHERE account = ? AND id = ?"
_FIND_RECORD = """
    SELECT name, records.seq, msgid, records.time, body FROM records JOIN streams ON streams.id = stream
    WHERE stream = ? AND records.seq = ?"""
_INSERT_RECORD = "INSERT INTO records (stream, seq, msgid, time, kind, body) VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_ONCE = "INSERT INTO once (account, id, digest, stream, seq) VALUES (?, ?, ?, ?, ?)"
_BY_THEMSELVES = ("d/", SERVER)
"""How streams begin that need no first event of their own to be there."""
# What is judged, erased or noted by records that are there must find those of this batch too.
_LOOKS_BACK = (Deleted, Redacted, Reacted, Unreacted, Left, Kicked, ModeSet)
_UPDATE_STREAM = "UPDATE streams SET epoch = ?, seq = ?, time = ? WHERE id = ?"


class Head:
    """A stream as the batch has it: its integer key, epoch, and the seq and time of its newest record.

    living: it can go on (a dropped channel cannot); written: nothing is left to be noted when somebody posts.
    slow: seconds that a member waits between two messages. stored: the seq that its row in the database shows.
    """

    __slots__ = ("epoch", "key", "living", "seq", "slow", "stored", "time", "written")

    def __init__(self, key: int, epoch: int, seq: int, time: int, living: bool, written: bool) -> None:
        self.key = key
        self.epoch = epoch
        self.seq = self.stored = seq
        self.time = time
        self.living = living
        self.written = written
        self.slow = 0

    def copy(self) -> Head:
        """Return the same head apart."""
        twin = Head(self.key, self.epoch, self.seq, self.time, self.living, self.written)
        twin.slow, twin.stored = self.slow, self.stored
        return twin


class Batch:
    """The appends of one transaction; to be used inside it, and given up when it is rolled back.

    may_store: whether there is room; without it what was stored before is found, and accounts can change: a right must
    be there to be taken away.
    outcomes: who submitted, and what the history says, in the order of submission; to be told after the commit.
    erases: something was erased, of which traces are in the files until they are scrubbed.
    redacts: something was redacted, and is in the WAL until that is settled.
    retains: a channel is to be kept for longer or shorter than it was.
    notes: those that were written with it.
    touched: the keys of streams that have new records, once they are written back.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        clock: Callable[[], int],
        randbytes: Callable[[int], bytes],
        *,
        may_store: bool,
    ) -> None:
        self.outcomes: list[tuple[Follower, Outcome]] = []
        self.erases = self.redacts = self.retains = False
        self.touched: list[int] = []
        self.notes: dict[Any, int] = {}
        self._connection = connection
        self._clock = clock
        self._randbytes = randbytes
        self._may_store = may_store
        self._tables = Tables(connection, self._newest_seq)
        self._heads: dict[StreamId, Head] = {}
        self._records: list[tuple[int, int, str, int, str, str]] = []
        self._once: dict[tuple[str, str], tuple[bytes, int, Record]] = {}
        self._held: dict[Lane, int] = {}

    def judge(self, follower: Follower, submission: Submission) -> None:
        """Store an append or refuse it, and note the outcome."""
        self.outcomes.append((follower, self._judge(submission)))

    def write_back(self) -> None:
        """Write what was collected; the transaction is complete then."""
        streams = [
            (head.epoch, head.seq, head.time, head.key) for head in self._heads.values() if head.seq != head.stored
        ]
        self.touched = [row[3] for row in streams]
        self._connection.executemany(_UPDATE_STREAM, streams)
        self._write_records()

    def _write_records(self) -> None:
        once = [(*key, digest, stream, record.seq) for key, (digest, stream, record) in self._once.items()]
        self._connection.executemany(_INSERT_RECORD, self._records)
        self._connection.executemany(_INSERT_ONCE, once)
        if (server := self._heads.get(SERVER)) is not None:
            tie(self._connection, [row for row in self._records if row[0] == server.key])
        self._records.clear()
        self._once.clear()

    def hold_lanes(self) -> None:
        """Hold up the lanes that met a stale append; called once the verdicts stand."""
        for lane, attempt in self._held.items():
            lane.refused = attempt

    def _judge(self, submission: Submission) -> Outcome:
        append, lane = submission.append, submission.lane
        if max(lane.refused, self._held.get(lane, -1)) >= submission.attempt:
            return Outcome(submission, Verdict.STALE)
        if append.once is not None and (found := self._find_once(append.once)):
            digest, record = found
            if isinstance(record.event, Erased):
                return Outcome(submission, Verdict.REDACTED)
            if digest == append.once.digest:
                return Outcome(submission, Verdict.REPEATED, (record,))
            return Outcome(submission, Verdict.MISMATCHED)
        if not append.entries:
            return Outcome(submission, Verdict.ABSENT)
        if not self._may_store and not all(stream.startswith(("a/", SERVER)) for stream, _ in append.entries):
            return Outcome(submission, Verdict.UNAVAILABLE)
        try:
            return Outcome(submission, Verdict.STORED, self._store(append))
        except Stale:
            self._held[lane] = submission.attempt
            return Outcome(submission, Verdict.STALE)

    def _find_once(self, once: Once) -> tuple[bytes, Record] | None:
        pending = self._once.get((once.account, once.id))
        if pending is not None:
            return pending[0], pending[2]
        row = self._connection.execute(_FIND_ONCE, (once.account, once.id)).fetchone()
        if row is None:
            return None
        digest, *place = row
        found = self._connection.execute(_FIND_RECORD, place).fetchone()
        if found is None:
            # Not kept any more: as good as redacted.
            return digest, Record("", place[1], "", 0, Erased(once.account))
        stream, seq, msgid, time, body = found
        return digest, Record(stream, seq, msgid, time, decode_event(body))

    def _store(self, append: Append) -> tuple[Record, ...]:
        if not self._epochs_hold(append):
            raise Stale
        now = self._clock()
        entries = append.entries
        # A message alone either fits or leaves nothing behind: it needs no savepoint.
        if len(entries) == 1 and type(entries[0].event) is Posted and entries[0].stream in self._heads:
            records: tuple[Record, ...] = (self._post(entries[0], now),)
        else:
            records = self._store_whole(entries, now)
            self._note_erasure(entries)
        if append.once is not None:
            key = self._heads[records[0].stream].key
            self._once[append.once.account, append.once.id] = append.once.digest, key, records[0]
        return records

    def _note_erasure(self, entries: tuple[Entry, ...]) -> None:
        for _, event in entries:
            self.erases |= isinstance(event, Deleted) and event.erase
            self.redacts |= isinstance(event, Redacted)
            self.retains |= isinstance(event, RetentionSet)

    def _epochs_hold(self, append: Append) -> bool:
        for stream, epoch in append.expects:
            head = self._heads.get(stream) or self._load(stream)
            known = head.epoch if head is not None else 0 if stream.startswith(_BY_THEMSELVES) else None
            if known != epoch:
                return False
        return True

    def _store_whole(self, entries: tuple[Entry, ...], now: int) -> tuple[Record, ...]:
        before = {entry.stream: self._heads.get(entry.stream) for entry in entries}
        copies = {stream: head.copy() for stream, head in before.items() if head is not None}
        if any(isinstance(event, _LOOKS_BACK) for _, event in entries):
            self._write_records()
        count = len(self._records)
        try:
            with savepoint(self._connection):
                records = tuple([self._add(entry, now) for entry in entries])
                self._require_owners(entries)
                return records
        except Stale:
            del self._records[count:]
            for stream in before:
                self._heads.pop(stream, None)
            self._heads.update(copies)
            raise

    def _require_owners(self, entries: tuple[Entry, ...]) -> None:
        """Refuse an owner's going that leaves others behind without one: somebody may have joined meanwhile."""
        for stream, event in entries:
            if isinstance(event, Left | Kicked) and event.role == OWNER:
                self._tables.require_owner(self._heads[stream].key)

    def _post(self, entry: Entry, now: int) -> Record:
        head = self._heads[entry.stream]
        if not head.living:
            raise Stale
        if not head.written:
            self._tables.mark_written(head.key)
            head.written = True
        if head.slow:
            return self._store_whole((entry,), now)[0]
        return self._place(head, entry, entry.event, now)

    def _add(self, entry: Entry, now: int) -> Record:
        event = entry.event
        head = self._head_for(entry)
        if isinstance(event, _LOOKS_BACK):
            self._write_records()
        record = self._place(head, entry, without_secrets(event), now)
        if isinstance(event, Deleted):
            # What the same append said before it is to be erased too.
            self._write_records()
        self._tables.apply(head.key, record, event)
        if isinstance(event, Dropped):
            head.living = False
        if head.slow and isinstance(event, Posted):
            self._tables.pass_slowly(head.key, record, event, head.slow, now)
        if isinstance(event, ModeSet) and event.slow is not None:
            head.slow = event.slow
        if event.restricts:
            head.epoch += 1
        return record

    def _place(self, head: Head, entry: Entry, event: Event, now: int) -> Record:
        head.seq = self._next_seq(head)
        head.time = time = next_time(now, head.time)
        msgid = make_msgid(time, self._randbytes(RANDOM_BYTES))
        record = Record(entry.stream, head.seq, msgid, time, event)  # type: ignore[arg-type]
        body = encode_event(event).decode()
        self._records.append((head.key, head.seq, msgid, time, type(event).__name__, body))
        return record

    def _next_seq(self, head: Head) -> int:
        return head.seq + 1

    def _head_for(self, entry: Entry) -> Head:
        stream, event = entry
        head = self._heads.get(stream) or self._load(stream)
        begins = isinstance(event, Created | Registered)
        if head is None:
            if not begins and not stream.startswith(_BY_THEMSELVES):
                raise Stale
            return self._begin(stream)
        if begins or not head.living or (stream.startswith("a/") and self._tables.is_deleted(head.key)):
            raise Stale
        return head

    def _newest_seq(self, stream: StreamId) -> int:
        head = self._heads.get(stream) or self._load(stream)
        return 0 if head is None else head.seq

    def _load(self, stream: StreamId) -> Head | None:
        row: tuple[Any, ...] | None = self._connection.execute(_FIND_STREAM, (stream,)).fetchone()
        if row is None:
            return None
        key, epoch, seq, time = row
        living, written, slow = True, 1, 0
        if stream.startswith("c/"):
            channel = self._connection.execute(_FIND_CHANNEL, (key,)).fetchone()
            living, (written, slow) = channel is not None, channel or (0, 0)
        head = Head(key, epoch, seq, time, living, bool(written))
        head.slow = slow
        self._heads[stream] = head
        return head

    def _begin(self, stream: StreamId) -> Head:
        self._connection.execute(_INSERT_STREAM, (stream,))
        key = self._connection.last_insert_rowid()
        head = Head(key, 0, 0, 0, True, not stream.startswith("c/"))
        if stream.startswith("d/"):
            self._tables.enter_parties(key, stream)
        self._heads[stream] = head
        return head

"""Reading for somebody: what `chat.policy` lets an account see, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apsw

from securechat.chat import policy
from securechat.chat.arrears import Arrears, ArrearsQuery, Missed, MissedQuery
from securechat.chat.events import Record, decode_event
from securechat.chat.policy import Access, Span
from securechat.chat.ports import (
    Bound,
    ConversationsQuery,
    ConversationTime,
    Form,
    Found,
    HistoryQuery,
    Page,
    Reactions,
    ReactionsQuery,
    SearchQuery,
    Writings,
    WritingsQuery,
)
from securechat.chat.streams import StreamId, other_party, parties
from securechat.chat.trail import Trail, TrailQuery
from securechat.storage.pages import select_conversations
from securechat.storage.retention import Floor, asks_below
from securechat.storage.sqlite.arrears import find_arrears, read_missed
from securechat.storage.sqlite.audit import load_trail
from securechat.storage.sqlite.bisection import first_at
from securechat.storage.sqlite.database import savepoint
from securechat.storage.sqlite.finding import Finder
from securechat.storage.sqlite.tables import load_reactions
from securechat.storage.sqlite.writings import Collector

_EXTENT = "SELECT id, seq, floor, floor_time FROM streams WHERE name = ?"
_RECORD = "SELECT seq, msgid, time, body FROM records WHERE "
_MESSAGE = """
    SELECT streams.id, records.seq, msgid, records.time, body FROM records JOIN streams ON streams.id = stream
    WHERE msgid = ? AND name = ? AND kind = 'Posted'"""
_OF_MSGID = _RECORD + "msgid = ? AND stream = ?"
_WITHIN = _RECORD + "stream = ? AND seq BETWEEN ? AND ? AND "
# Spelled as in the partial index, and named: SQLite would take the primary key, and look through all that is no message.
_MESSAGES = _WITHIN.replace("records", "records INDEXED BY messages") + "kind = 'Posted' "
_BY = "AND coalesce(json_extract(body, '$.account'), json_extract(body, '$.by')) = ? "
_COUNT = """
    SELECT count(*) FROM streams JOIN records ON records.stream = streams.id WHERE name = ? AND kind = 'Posted'"""
_CHANNELS_OF = """
    SELECT streams.id, name, seq FROM members JOIN streams ON streams.id = members.channel
    WHERE account = ? AND time > ?"""
_DIRECTS_OF = """
    SELECT streams.id, name, seq FROM directs JOIN streams ON streams.id = directs.stream
    WHERE account = ? AND time > ?"""
_VERIFIER = "SELECT verifier, epoch FROM accounts JOIN streams ON streams.id = accounts.stream WHERE accounts.id = ?"


class Place(NamedTuple):
    """The records that a bound means, by seq: those of its millisecond, or its one; none where last < first."""

    first: int
    last: int


class Reader:
    """Answers queries on a reading connection, each from one moment of the history."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def read(self, query: HistoryQuery) -> Page:
        """Return the messages asked for, oldest first."""
        with savepoint(self._connection):
            found = self._connection.execute(_EXTENT, (query.stream,)).fetchone()
            key, seq, *floor = found or (0, 0, 0, 0)
            access = self._load_access(query.account, key, query.stream)
            return Selection(self._connection, query, key, seq, Floor(*floor), access).page()

    def conversations(self, query: ConversationsQuery) -> list[ConversationTime]:
        """Return the conversations asked for, by the time of their newest readable message, oldest first."""
        first, last = sorted((query.start, query.end))
        with savepoint(self._connection):
            rows = [
                *self._connection.execute(_CHANNELS_OF, (query.account, first)),
                *self._connection.execute(_DIRECTS_OF, (query.account, first)),
            ]
            found = []
            for key, stream, seq in rows:
                access = self._load_access(query.account, key, stream)
                time = self._newest_time(key, seq, policy.readable(access))
                if time is not None and first < time < last:
                    found.append(ConversationTime(stream, time))
        return select_conversations(query, found)

    def trail(self, query: TrailQuery) -> Trail:
        """Return some of the audit trail."""
        return load_trail(self._connection, query)

    def writings(self, query: WritingsQuery) -> Writings:
        """Return a page of what an account has written."""
        with savepoint(self._connection):
            return Collector(self._connection, query).page()

    def search(self, query: SearchQuery) -> Found:
        """Return the newest messages asked for."""
        with savepoint(self._connection):
            return Finder(self._connection, query, self._load_access).find()

    def reactions(self, query: ReactionsQuery) -> Reactions | None:
        """Return what an account did about a message; None when it is none that the account may read there."""
        with savepoint(self._connection):
            row = self._connection.execute(_MESSAGE, (query.msgid, query.stream)).fetchone()
            if row is None:
                return None
            key, *columns = row
            access = self._load_access(query.account, key, query.stream)
            if not policy.may_read(access, _record_of(query.stream, columns)):
                return None
            return load_reactions(self._connection.execute, key, query.msgid, query.account)

    def arrears(self, query: ArrearsQuery, fresh: Mapping[StreamId, int]) -> Arrears:
        """Return what a device was not sent; `fresh` are positions that are not on disk yet, perhaps."""
        with savepoint(self._connection):
            return find_arrears(self._connection, query, fresh, self._load_access)

    def missed(self, query: MissedQuery) -> Missed:
        """Return the next messages of a conversation."""
        with savepoint(self._connection):
            return read_missed(self._connection, query, self._load_access)

    def count_messages(self, streams: Sequence[StreamId]) -> list[int]:
        """Return how many messages each of the streams holds."""
        run: Callable[..., Any] = self._connection.execute
        return [run(_COUNT, (stream,)).fetchone()[0] for stream in streams]

    def verifier(self, account: str) -> tuple[str, int]:
        """Return an account's verifier ("" for none) and its epoch."""
        row: tuple[str, int] | None = self._connection.execute(_VERIFIER, (account,)).fetchone()
        return row or ("", 0)

    def _load_access(self, account: str, key: int, stream: StreamId) -> Access:
        run = self._connection.execute
        if stream.startswith("d/"):
            if account not in parties(stream):
                return Access(False)
            other = other_party(stream, account)
            silences = run("SELECT first, last FROM ignores WHERE account = ? AND ignored = ?", (account, other))
            return Access(True, (Span(1),), silenced=tuple(Span(*row) for row in silences), viewer=account)
        row = run("SELECT since FROM members WHERE channel = ? AND account = ?", (key, account)).fetchone()
        if row is None:
            return Access(False)
        former = run("SELECT first, last FROM former_members WHERE channel = ? AND account = ?", (key, account))
        closures = run("SELECT first, last FROM closures WHERE channel = ?", (key,))
        spans = (*(Span(first, last) for first, last in former), Span(row[0]))
        return Access(True, spans, tuple(Span(first, last) for first, last in closures))

    def _newest_time(self, key: int, seq: int, spans: tuple[Span, ...]) -> int | None:
        for span in reversed(spans):
            last = seq if span.last is None else span.last
            statement, bindings = _narrow(_MESSAGES, (key, span.first, last), span)
            row = self._connection.execute(statement + "ORDER BY seq DESC LIMIT 1", bindings).fetchone()
            if row is not None:
                return int(row[2])
        return None


def _narrow(statement: str, bindings: tuple[int, ...], span: Span) -> tuple[str, tuple[Any, ...]]:
    """Have a statement find only what the author of the span wrote, where it has one."""
    return (statement + _BY, (*bindings, span.author)) if span.author else (statement, bindings)


def _statement_for(events: frozenset[str]) -> str:
    """Return the statement that finds messages within two seqs of a stream, and with them these events."""
    if not events:
        return _MESSAGES
    kinds = ", ".join(f"'{name}'" for name in sorted({"Posted", *events}))
    return f"{_WITHIN}kind IN ({kinds}) "


def _record_of(stream: StreamId, row: Sequence[Any]) -> Record:
    seq, msgid, time, body = row
    return Record(stream, seq, msgid, time, decode_event(body))


class Selection:
    """One query on one stream, within the transaction of its reader.

    key, seq, floor: the stream's integer key, the seq of its newest record, and the newest one that is gone.
    """

    def __init__(
        self, connection: apsw.Connection, query: HistoryQuery, key: int, seq: int, floor: Floor, access: Access
    ) -> None:
        self._connection = connection
        self._query = query
        self._key = key
        self._seq = seq
        self._floor = floor
        self._access = access
        self._spans = policy.readable(access)
        self._statement = _statement_for(query.events)

    def page(self) -> Page:
        """Return the page, or one that says nothing when a msgid is none that the account may read here."""
        query = self._query
        start = Place(self._seq + 1, 0) if query.start is None else self._find(query.start)
        end = None if query.end is None else self._find(query.end)
        if start is None or (query.end is not None and end is None):
            return Page((), known=False)
        records = tuple(self._select(start, end))
        return Page(records, expired=not records and asks_below(query, self._spans, self._floor))

    def _find(self, bound: Bound) -> Place | None:
        if not bound.msgid:
            return Place(self._first_at(bound.time), self._first_at(bound.time + 1) - 1)
        row = self._connection.execute(_OF_MSGID, (bound.msgid, self._key)).fetchone()
        if row is None or not policy.may_read(self._access, self._record(row)):
            return None
        return Place(row[0], row[0])

    def _first_at(self, time: int) -> int:
        return first_at(self._connection, self._key, self._floor.seq, self._seq, time)

    def _select(self, start: Place, end: Place | None) -> list[Record]:
        limit, newest = self._query.limit, self._seq
        match self._query.form:
            case Form.BEFORE:
                return self._last(1, start.first - 1, limit)
            case Form.AFTER:
                return self._first(start.last + 1, newest, limit)
            case Form.LATEST:
                return self._last(start.last + 1, newest, limit)
            case Form.AROUND:
                older = limit // 2
                return self._last(1, start.first - 1, older) + self._first(start.first, newest, limit - older)
        assert end is not None, "BETWEEN has two bounds"
        if start.first <= end.first:
            return self._first(start.last + 1, end.first - 1, limit)
        return self._last(end.last + 1, start.first - 1, limit)

    def _first(self, low: int, high: int, limit: int) -> list[Record]:
        return self._take(self._messages(self._spans, low, high, "ASC"), limit)

    def _last(self, low: int, high: int, limit: int) -> list[Record]:
        return self._take(self._messages(reversed(self._spans), low, high, "DESC"), limit)[::-1]

    def _messages(self, spans: Iterable[Span], low: int, high: int, order: str) -> Iterator[Record]:
        for span in spans:
            first, last = max(low, span.first), high if span.last is None else min(high, span.last)
            if first <= last:
                statement, bindings = _narrow(self._statement, (self._key, first, last), span)
                for row in self._connection.execute(f"{statement} ORDER BY seq {order}", bindings):
                    yield self._record(row)

    def _take(self, messages: Iterator[Record], limit: int) -> list[Record]:
        """Return the first `limit` messages and, unless the page is bounded by a msgid, all of the last one's ms.

        Who goes on by time from the page's last message would otherwise never see the rest of that millisecond.
        """
        whole = self._query.start is None or not self._query.start.msgid
        taken: list[Record] = []
        for record in messages:
            if len(taken) >= limit and not (whole and taken and record.time == taken[-1].time):
                break
            taken.append(record)
        return taken

    def _record(self, row: tuple[int, str, int, str]) -> Record:
        return _record_of(self._query.stream, row)

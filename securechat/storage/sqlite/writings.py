"""Finding what an account has written, wherever it is, a bounded piece of the history at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import apsw

from securechat.chat.events import Created, Record, decode_event
from securechat.chat.ports import Writings, WritingsQuery
from securechat.chat.streams import StreamId

SEQS_AT_ONCE: Final = 20_000
"""Records one page looks through: while it does, no WAL can be taken back behind it."""

_STREAMS = """
    SELECT id, name, floor, seq FROM streams WHERE id >= ? AND (
        name LIKE 'c/%' OR id IN (SELECT stream FROM directs WHERE account = ?)) ORDER BY id"""
_WRITTEN = """
    SELECT seq, msgid, time, body FROM records
    WHERE stream = ? AND kind IN ('Posted', 'TopicSet') AND seq > ? AND seq <= ?
    AND json_extract(body, iif(kind = 'Posted', '$.account', '$.by')) = ?
    ORDER BY seq LIMIT ?"""
_NAME = "SELECT name FROM channels WHERE stream = ?1 UNION ALL SELECT name FROM dropped WHERE channel = ?1"
_FIRST = "SELECT body FROM records WHERE stream = ? AND seq = 1"


class Collector:
    """One page of what an account has written, within the transaction of its reader."""

    def __init__(self, connection: apsw.Connection, query: WritingsQuery) -> None:
        self._run: Callable[..., Any] = connection.execute
        self._query = query
        self._records: list[Record] = []
        self._names: dict[StreamId, str] = {}

    def page(self) -> Writings:
        """Look through streams in the order in which they began, until the page or what may be looked at is full."""
        looked = 0
        for key, stream, start, newest in self._streams():
            last = min(newest, start + SEQS_AT_ONCE - looked)
            room = self._query.limit - len(self._records)
            found = self._look(key, stream, start, last, room)
            if found == room:
                return self._page((stream, self._records[-1].seq))
            if last < newest:
                return self._page((stream, last))
            looked += last - start
        return self._page(None)

    def _streams(self) -> Iterator[tuple[int, StreamId, int, int]]:
        """Yield key, name, the seq to begin behind and the newest seq of each stream it may have written into."""
        stream, seq = self._query.after or ("", 0)
        row = self._run("SELECT id FROM streams WHERE name = ?", (stream,)).fetchone()
        (begin,) = row or (0,)
        for key, name, floor, newest in self._run(_STREAMS, (begin, self._query.account)).fetchall():
            yield key, name, max(floor, seq) if key == begin else floor, newest

    def _look(self, key: int, stream: StreamId, start: int, last: int, room: int) -> int:
        bindings = (key, start, last, self._query.account, room)
        rows = self._run(_WRITTEN, bindings).fetchall()
        for seq, msgid, time, body in rows:
            self._records.append(Record(stream, seq, msgid, time, decode_event(body)))
        if rows and stream.startswith("c/"):
            self._names[stream] = self._name_of(key)
        return len(rows)

    def _name_of(self, key: int) -> str:
        row = self._run(_NAME, (key,)).fetchone()
        if row is not None:
            return str(row[0])
        # A channel that was dropped long ago has its name in the record it began with.
        ((body,),) = self._run(_FIRST, (key,)).fetchall()
        event = decode_event(body)
        assert isinstance(event, Created)
        return event.name

    def _page(self, after: tuple[StreamId, int] | None) -> Writings:
        return Writings(tuple(self._records), self._names, after)

"""Reading what a device was not sent yet: where that begins in each conversation, and then page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import apsw

from securechat.chat import policy
from securechat.chat.arrears import Arrear, Arrears, ArrearsQuery, Missed, MissedQuery
from securechat.chat.events import Record, decode_event
from securechat.chat.policy import Access, Span
from securechat.chat.streams import StreamId, account_stream

_CHANNELS_OF: Final = """
    SELECT streams.id, name, seq, since - 1 FROM members JOIN streams ON streams.id = members.channel WHERE account = ?"""
_DIRECTS_OF: Final = """
    SELECT streams.id, name, seq, 0 FROM directs JOIN streams ON streams.id = directs.stream WHERE account = ?"""
_POSITIONS: Final = """
    SELECT name, positions.seq FROM positions JOIN streams ON streams.id = stream WHERE account = ? AND device = ?"""
# Spelled as in the partial index, and named: SQLite would take the primary key, and look through all that is no message.
_WITHIN: Final = "FROM records INDEXED BY messages WHERE stream = ? AND kind = 'Posted' AND seq BETWEEN ? AND ? "
_BY: Final = "AND json_extract(body, '$.account') = ? "

LoadAccess = Callable[[str, int, StreamId], Access]


def find_arrears(
    connection: apsw.Connection, query: ArrearsQuery, fresh: Mapping[StreamId, int], load_access: LoadAccess
) -> Arrears:
    """Return what a device has not been sent; `fresh` are positions that the database may not have yet."""
    run: Callable[..., Any] = connection.execute
    positions = dict(run(_POSITIONS, (query.account, query.device)))
    for stream, seq in fresh.items():
        positions[stream] = max(seq, positions.get(stream, 0))
    known = account_stream(query.account) in positions
    conversations = []
    for key, stream, seq, begin in [*run(_CHANNELS_OF, (query.account,)), *run(_DIRECTS_OF, (query.account,))]:
        after = positions.get(stream, begin) if known else 0
        if after >= seq:
            conversations.append(Arrear(stream, seq, seq))
            continue
        spans = policy.readable(load_access(query.account, key, stream))
        most = query.most if known else query.first
        newest = _seqs(connection, key, spans, after, seq)
        found = list(islice(newest, most))
        more = sum(1 for _ in islice(newest, query.counted)) if known and len(found) == most else 0
        if not found:
            after = seq
        elif more or not known:
            after = found[-1] - 1
        conversations.append(Arrear(stream, after, seq, more))
    return Arrears(known, conversations)


def read_missed(connection: apsw.Connection, query: MissedQuery, load_access: LoadAccess) -> Missed:
    """Return the next messages of a conversation that the account may read."""
    found = connection.execute("SELECT id, seq FROM streams WHERE name = ?", (query.stream,)).fetchone()
    key, newest = found or (0, query.after)
    records: list[Record] = []
    for span in policy.readable(load_access(query.account, key, query.stream)):
        first, last = max(query.after + 1, span.first), newest if span.last is None else min(newest, span.last)
        if first <= last and len(records) < query.limit:
            statement, bindings = _narrow("SELECT seq, msgid, time, body ", (key, first, last), span)
            limited = f"{statement} ORDER BY seq LIMIT ?"
            for seq, msgid, time, body in connection.execute(limited, (*bindings, query.limit - len(records))):
                records.append(Record(query.stream, seq, msgid, time, decode_event(body)))
    is_full = len(records) == query.limit
    return Missed(tuple(records), records[-1].seq if is_full else max(newest, query.after), is_full)


def _seqs(connection: apsw.Connection, key: int, spans: tuple[Span, ...], after: int, newest: int) -> Iterator[int]:
    """Yield the seqs of readable messages behind a place, newest first."""
    for span in reversed(spans):
        first, last = max(after + 1, span.first), newest if span.last is None else min(newest, span.last)
        if first <= last:
            statement, bindings = _narrow("SELECT seq ", (key, first, last), span)
            for (seq,) in connection.execute(f"{statement} ORDER BY seq DESC", bindings):
                yield seq


def _narrow(columns: str, bindings: tuple[int, ...], span: Span) -> tuple[str, tuple[Any, ...]]:
    """Have a statement find only what the author of the span wrote, where it has one."""
    statement = columns + _WITHIN
    return (statement + _BY, (*bindings, span.author)) if span.author else (statement, bindings)

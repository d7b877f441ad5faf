"""What a query asks for, chosen among records in memory in the plainest way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from securechat.chat.events import Record
from securechat.chat.export import writer_of
from securechat.chat.ports import (
    Bound,
    ConversationsQuery,
    ConversationTime,
    Form,
    HistoryQuery,
    Writings,
    WritingsQuery,
)
from securechat.chat.streams import StreamId


def select_messages(query: HistoryQuery, messages: list[Record], readable: list[Record]) -> list[Record]:
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


def select_conversations(query: ConversationsQuery, found: list[ConversationTime]) -> list[ConversationTime]:
    """Return the conversations a query asks for, oldest first, out of all that lie between its times."""
    found = sorted(found, key=lambda each: (each.time, each.stream))
    return found[: query.limit] if query.start <= query.end else found[max(0, len(found) - query.limit) :]


def find_writings(
    streams: Mapping[StreamId, Sequence[Record]], channels: Mapping[StreamId, str], query: WritingsQuery
) -> Writings:
    """Return a page of what an account has written, out of all streams in the order in which they began.

    channels: their names.
    """
    place = query.after or ("", 0)
    begins = list(streams).index(place[0]) if place[0] else 0
    found: list[Record] = []
    names: dict[StreamId, str] = {}
    for stream, records in list(streams.items())[begins:]:
        for record in records:
            if writer_of(record.event) != query.account:
                continue
            if stream == place[0] and record.seq <= place[1]:
                continue
            found.append(record)
            if stream in channels:
                names[stream] = channels[stream]
            if len(found) == query.limit:
                return Writings(tuple(found), names, (stream, record.seq))
    return Writings(tuple(found), names, None)

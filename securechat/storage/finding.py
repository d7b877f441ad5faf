"""Whether a message is what a search asks for; and the search itself among records in memory, in the plainest way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from securechat.chat.events import Posted, Record
from securechat.chat.ports import Found, SearchQuery
from securechat.chat.searchwords import matches


def answers(query: SearchQuery, record: Record) -> bool:
    """Tell whether a record is a message that is asked for; who may read it is another question."""
    event = record.event
    return (
        isinstance(event, Posted)
        and query.author in ("", event.account)
        and query.start <= record.time <= query.end
        and matches(query.phrases, event.text)
    )


def select_found(query: SearchQuery, streams: Iterable[Sequence[Record]]) -> Found:
    """Return what is asked for among the readable records of streams, which come in the order in which they began."""
    found = [
        (record.time, place, record.seq, record)
        for place, records in enumerate(streams)
        for record in records
        if query.stream in ("", record.stream) and answers(query, record)
    ]
    found.sort(key=lambda each: each[:3])
    newest = found[max(0, len(found) - query.limit) :]
    return Found(tuple(record for *_, record in newest), whole=len(newest) == len(found))

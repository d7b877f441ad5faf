"""A whole conversation as rows for an export, as the history has it now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import apsw

from securechat.chat.events import Erased, Posted, Reacted, Record, TopicSet, Unreacted, decode_event
from securechat.chat.streams import StreamId
from securechat.wire.names import deleted_name
from securechat.wire.times import format_time

RECORDS_AT_ONCE: Final = 1000

_RECORDS: Final = """
    SELECT records.seq, msgid, records.time, body FROM records JOIN streams ON streams.id = stream
    WHERE name = ? AND records.seq > ? AND kind IN ('Posted', 'Erased', 'TopicSet', 'Reacted', 'Unreacted')
    ORDER BY records.seq LIMIT ?"""
_NAMES: Final = "SELECT id, CASE deleted WHEN 0 THEN name ELSE '' END FROM accounts"


def conversation_rows(connection: apsw.Connection, stream: StreamId, target: str) -> Iterator[dict[str, Any]]:
    """Yield what was said in a conversation, oldest first, as far as it is still kept; `target` is what it is called.

    Read a page at a time, so that nothing waits for who takes the rows. What was redacted is there without its text.
    """
    names: dict[str, str] = dict(connection.execute(_NAMES))
    last = 0
    while True:
        page = connection.execute(_RECORDS, (stream, last, RECORDS_AT_ONCE)).fetchall()
        for seq, msgid, time, body in page:
            record = Record(stream, int(seq or 0), str(msgid), int(time or 0), decode_event(str(body)))
            yield _row_of(record, target, names)
            last = record.seq
        if len(page) < RECORDS_AT_ONCE:
            return


def _row_of(record: Record, target: str, names: dict[str, str]) -> dict[str, Any]:
    event: Any = record.event
    account = event.by if isinstance(event, TopicSet) else event.account
    place = {
        "msgid": record.msgid,
        "time": format_time(record.time),
        "target": target,
        "sender": names.get(account) or deleted_name(account),
    }
    match event:
        case Posted():
            said = {"command": event.command, "text": event.text, "tags": event.tags}
            return {"type": "message", **place, **said}
        case TopicSet():
            return {"type": "topic", **place, "text": event.text}
        case Reacted() | Unreacted():
            kind = "reaction" if isinstance(event, Reacted) else "reaction taken back"
            return {"type": kind, **place, "text": event.reaction, "about": event.msgid}
    assert isinstance(event, Erased)
    return {"type": "redacted", **place, "text": None}

"""Erasing what was written: out of its records, then out of the files.

What a deleted account wrote leaves every byte of them, by writing the database anew. What was redacted leaves its record
and then the WAL: cheap enough to be done for one message.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Final

import apsw
import structlog

from securechat.chat.events import Erased, Redacted, encode_event
from securechat.storage.records import Stale
from securechat.storage.sqlite import fulltext

log = structlog.get_logger()

REST_SECONDS: Final = 5.0
"""How long the WAL is left alone after it was cut for what had been redacted: many redactions share one cut."""
IDS_AT_ONCE: Final = 10_000
"""Ids of messages looked through in one piece."""
PATIENCE_MS: Final = 20
"""How long a cut waits for readers that still need the WAL: nothing is stored meanwhile."""

_ERASE: Final = """
    UPDATE records SET kind = 'Erased', body = ?
    WHERE kind IN ('Posted', 'Reacted', 'Unreacted') AND json_extract(body, '$.account') = ?
    AND stream IN (SELECT stream FROM directs WHERE account = ? UNION ALL SELECT id FROM streams WHERE name LIKE 'c/%')"""
_FIND: Final = """
    SELECT seq, json_extract(body, '$.account') FROM records
    WHERE msgid = ? AND stream = ? AND kind IN ('Posted', 'Reacted', 'Unreacted')"""
_REPLACE: Final = "UPDATE records SET kind = 'Erased', body = ? WHERE stream = ? AND seq = ?"
_PIECE: Final = "SELECT max(id) FROM (SELECT id FROM once WHERE account = ? AND id > ? ORDER BY id LIMIT ?)"
_FORGET_DIGESTS: Final = """
    UPDATE once SET digest = x''
    WHERE account = ? AND id > ? AND id <= ? AND (stream, seq) IN (SELECT stream, seq FROM redactions)"""
# Topics and reasons: what happened stays told, without the words.
_CLEAR: Final = """
    UPDATE records SET body = CASE kind WHEN 'TopicSet' THEN json_set(body, '$.text', '')
        ELSE json_remove(body, '$.reason') END
    WHERE kind IN ('TopicSet', 'Kicked', 'Left', 'Redacted', 'ChannelRenamed')
    AND ? = json_extract(body, iif(kind = 'Left', '$.account', '$.by'))
    AND stream IN (SELECT stream FROM directs WHERE account = ? UNION ALL SELECT id FROM streams WHERE name LIKE 'c/%')"""


def erase_messages(run: Any, account: str) -> None:
    """Empty every message, reaction, topic and reason of an account, within the writer's transaction; their places and ids stay.

    run: executes a statement. The digests of what was sent with ids go too: they would tell whether a guess is right.
    """
    fulltext.forget_author(run, account)
    run(_ERASE, (encode_event(Erased(account)).decode(), account, account))
    run(_CLEAR, (account, account))
    run("UPDATE once SET digest = x'' WHERE account = ?", (account,))
    run("INSERT OR IGNORE INTO erasures (account) VALUES (?)", (account,))


def redact_message(run: Any, key: int, event: Redacted) -> None:
    """Empty one message or reaction of the stream with this key, within the writer's transaction.

    run: executes a statement. Raises: Stale when it is not there, or not any more.
    """
    row = run(_FIND, (event.msgid, key)).fetchone()
    if row is None:
        raise Stale
    seq, account = row
    fulltext.forget_message(run, key, seq)
    run(_REPLACE, (encode_event(Erased(account)).decode(), key, seq))
    run("INSERT INTO redactions (stream, seq, account) VALUES (?, ?, ?)", (key, seq, account))


def is_due(connection: apsw.Connection) -> bool:
    """Tell whether the text of erased accounts may still be somewhere in the files."""
    return connection.execute("SELECT 1 FROM erasures").fetchone() is not None


def scrub(connection: apsw.Connection) -> None:
    """Write the database anew without what was erased, and cut the WAL to nothing; outside of any transaction.

    Overwriting alone would not do: where a page of the tree was split, copies of its rows lie in the gaps. Without room
    for it, or while somebody reads for long, it stays due.
    """
    try:
        fulltext.settle(connection.execute)
        connection.execute("VACUUM")
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.execute("DELETE FROM erasures")
    except (apsw.FullError, apsw.BusyError, apsw.CantOpenError) as error:
        log.warning(
            "what was erased is still in free space of the database; the next start tries again", error=str(error)
        )


def settle(connection: apsw.Connection) -> bool:
    """Do all that `settle_by_pieces` does; return whether nothing is due any more."""
    pieces = settle_by_pieces(connection)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return bool(end.value)


def settle_by_pieces(connection: apsw.Connection) -> Generator[None, None, bool]:
    """Take what was redacted out of the WAL, and with it the digests by which a guess could be checked.

    Outside of any transaction. Yields after every few milliseconds' work, and returns whether nothing is due any more:
    while somebody reads, or without room, it stays due.
    """
    # What is due is noted until all is done: a crash in between leaves it to the next start.
    due = connection.execute("SELECT stream, seq, account FROM redactions").fetchall()
    if not due:
        return True
    try:
        for account in sorted({str(account) for _, _, account in due}):
            for place in _pieces(connection.execute, account):
                connection.execute(_FORGET_DIGESTS, (account, *place))
                yield
        cut_wal(connection)
        with connection:
            connection.executemany("DELETE FROM redactions WHERE stream = ? AND seq = ? AND account = ?", due)
    except (apsw.FullError, apsw.BusyError) as error:
        log.debug("what was redacted is still in the WAL", error=str(error))
        return False
    return connection.execute("SELECT 1 FROM redactions").fetchone() is None


def cut_wal(connection: apsw.Connection) -> None:
    """Cut the WAL to nothing, unless somebody needs it. Raises: apsw.BusyError."""
    patience = connection.pragma("busy_timeout")
    connection.set_busy_timeout(PATIENCE_MS)
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        connection.set_busy_timeout(patience)


def _pieces(run: Any, account: str) -> Iterator[tuple[str, str]]:
    """Yield the ids of an account's messages in pieces: those behind the first id up to the second."""
    last = ""
    while True:
        (end,) = run(_PIECE, (account, last, IDS_AT_ONCE)).fetchone()
        if end is None:
            return
        yield last, end
        last = end


class Settling:
    """When what was redacted is taken out of the WAL: at once, but many redactions share one cut."""

    def __init__(self) -> None:
        self._due: float | None = None
        self._rested = 0.0
        self._pieces: Generator[None, None, bool] | None = None

    def note(self, now: float) -> None:
        """Note that something was redacted, and committed."""
        if self._due is None:
            self._due = max(now, self._rested)

    def patience(self, now: float) -> float | None:
        """Return the seconds until something is to be done; None: nothing is."""
        return None if self._due is None else max(0.0, self._due - now)

    def proceed(self, connection: apsw.Connection, now: float) -> None:
        """Do the next piece of what is due by now; what cannot be done is tried again later."""
        if self._due is None or now < self._due:
            return
        self._pieces = self._pieces or settle_by_pieces(connection)
        try:
            next(self._pieces)
        except StopIteration as end:
            self._pieces = None
            self._rested = now + REST_SECONDS
            self._due = None if end.value else self._rested

"""Erasing what an account wrote: out of its records, then out of every byte of the database file and the WAL."""

from __future__ import annotations

from typing import Any, Final

import apsw
import structlog

from securechat.chat.events import Erased, encode_event

log = structlog.get_logger()

_ERASE: Final = """
    UPDATE records SET kind = 'Erased', body = ? WHERE kind = 'Posted' AND json_extract(body, '$.account') = ?
    AND stream IN (SELECT stream FROM directs WHERE account = ? UNION ALL SELECT id FROM streams WHERE name LIKE 'c/%')"""
# Topics and reasons: what happened stays told, without the words.
_CLEAR: Final = """
    UPDATE records SET body = CASE kind WHEN 'TopicSet' THEN json_set(body, '$.text', '')
        ELSE json_remove(body, '$.reason') END
    WHERE kind IN ('TopicSet', 'Kicked', 'Left') AND ? = json_extract(body, iif(kind = 'Left', '$.account', '$.by'))
    AND stream IN (SELECT id FROM streams WHERE name LIKE 'c/%')"""


def erase_messages(run: Any, account: str) -> None:
    """Empty every message, topic and reason of an account, within the writer's transaction; places and ids stay.

    run: executes a statement. The digests of what was sent with ids go too: they would tell whether a guess is right.
    """
    run(_ERASE, (encode_event(Erased(account)).decode(), account, account))
    run(_CLEAR, (account,))
    run("UPDATE once SET digest = x'' WHERE account = ?", (account,))
    run("INSERT OR IGNORE INTO erasures (account) VALUES (?)", (account,))


def is_due(connection: apsw.Connection) -> bool:
    """Tell whether erased text may still be somewhere in the files."""
    return connection.execute("SELECT 1 FROM erasures").fetchone() is not None


def scrub(connection: apsw.Connection) -> None:
    """Write the database anew without what was erased, and cut the WAL to nothing; outside of any transaction.

    Overwriting alone would not do: where a page of the tree was split, copies of its rows lie in the gaps. Without room
    for it, or while somebody reads for long, it stays due.
    """
    try:
        connection.execute("VACUUM")
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.execute("DELETE FROM erasures")
    except (apsw.FullError, apsw.BusyError, apsw.CantOpenError) as error:
        log.warning(
            "what was erased is still in free space of the database; the next start tries again", error=str(error)
        )

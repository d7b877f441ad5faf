"""The audit trail as rows: what ties its records together, and from where sign-ins were rejected, apart from them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import apsw

from securechat.chat.streams import SERVER
from securechat.chat.trail import BEGINNING, Head, Trail, TrailQuery, TrailRow, link_of
from securechat.errors import StorageError
from securechat.storage.sqlite.database import savepoint
from securechat.storage.sqlite.erasure import cut_wal

_LINK = "SELECT hash FROM audit WHERE seq = ?"
# A link that is there already was not put there by us: it stays, and shows that something is wrong.
_TIE = "INSERT OR IGNORE INTO audit (seq, hash) VALUES (?, ?)"
# As bytes: somebody may have put there what is no text.
_ROWS = """
    SELECT records.seq, CAST(msgid AS BLOB), records.time, CAST(kind AS BLOB), CAST(body AS BLOB), coalesce(hash, x''),
        CAST(coalesce(address, '') AS BLOB)
    FROM records LEFT JOIN audit ON audit.seq = records.seq LEFT JOIN audit_addresses ON audit_addresses.seq = records.seq
    WHERE records.stream = ? AND records.seq > ? AND records.time >= ? ORDER BY records.seq """
_NEWEST_LINK = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"


def tie(connection: apsw.Connection, rows: Iterable[tuple[int, int, str, int, str, str]]) -> None:
    """Tie new records of the server's stream to those before them, in the transaction that stores them.

    rows: as they go into the table `records`.
    """
    link: bytes | None = None
    links = []
    for _, seq, *content in rows:
        if link is None:
            link = (connection.execute(_LINK, (seq - 1,)).fetchone() or (BEGINNING,))[0]
        link = link_of(link, seq, *content)  # type: ignore[arg-type]
        links.append((seq, link))
    connection.executemany(_TIE, links)


def load_trail(connection: apsw.Connection, query: TrailQuery) -> Trail:
    """Return some of the trail as one moment of the history has it.

    Raises: StorageError when it cannot be read.
    """
    order = "DESC LIMIT ?" if query.newest else "LIMIT ?"
    try:
        with savepoint(connection):
            key, seq = connection.execute("SELECT id, seq FROM streams WHERE name = ?", (SERVER,)).fetchone() or (0, 0)
            found = connection.execute(_ROWS + order, (key, query.after, query.since, query.limit))
            rows = [_read_row(*row) for row in found]
            linked, link = connection.execute(_NEWEST_LINK).fetchone() or Head()
    except apsw.Error as error:
        raise StorageError(f"the audit trail cannot be read: {error}") from error
    return Trail(tuple(rows[::-1] if query.newest else rows), max(seq, linked), Head(linked, link))


def _read_row(seq: int, msgid: bytes, time: int, kind: bytes, body: bytes, link: bytes, address: bytes) -> TrailRow:
    def read(text: bytes) -> str:
        return text.decode(errors="replace")

    return TrailRow(seq, read(msgid), time, read(kind), read(body), link, read(address))


def note_address(run: Any, seq: int, time: int, address: str) -> None:
    """Note from where something came, beside its record; `run` executes a statement."""
    run("INSERT OR REPLACE INTO audit_addresses (seq, time, address) VALUES (?, ?, ?)", (seq, time, address))


def forget_addresses(connection: apsw.Connection, before: int) -> int:
    """Delete the addresses noted before a time (ms since 1970); return how many there were. Outside of any transaction.

    Raises: StorageError when there is no room for that, or the disk fails.
    """
    try:
        connection.execute("DELETE FROM audit_addresses WHERE time < ?", (before,))
    except apsw.Error as error:
        raise StorageError(f"addresses cannot be deleted: {error}") from error
    count = int(connection.changes())
    if count:
        # While somebody reads they stay in the WAL, until the next time that is taken back into the database.
        with suppress(apsw.BusyError):
            cut_wal(connection)
    return count

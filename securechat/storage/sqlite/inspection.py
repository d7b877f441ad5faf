"""Looking through a database file that may be anything, before it is used as ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from securechat.chat.events import decode_event
from securechat.storage.archive import BadArchiveError, Head
from securechat.storage.sqlite.migrations import MIGRATIONS

_SCHEMA: Final = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1, 2"
_HEADS: Final = "SELECT name, seq, time FROM streams WHERE seq > 0"
# Dense: as many records as there are numbers between floor and head, and none outside of them.
_GAPS: Final = """
    SELECT name, count(records.seq), coalesce(min(records.seq), {floor} + 1), coalesce(max(records.seq), {floor}),
        {floor}, streams.seq
    FROM streams LEFT JOIN records ON records.stream = streams.id GROUP BY streams.id
    HAVING count(records.seq) != streams.seq - {floor} OR min(records.seq) <= {floor} OR max(records.seq) > streams.seq"""
_BACKWARDS: Final = """
    SELECT name, newer.seq FROM records AS older JOIN records AS newer
        ON newer.stream = older.stream AND newer.seq = older.seq + 1 AND newer.time < older.time
    JOIN streams ON streams.id = older.stream LIMIT 1"""
_BODIES: Final = "SELECT name, records.seq, kind, body FROM records JOIN streams ON streams.id = stream"
_STRAY: Final = (
    "SELECT once.account, once.id FROM once JOIN streams ON streams.id = stream WHERE once.seq > streams.seq LIMIT 1",
    "SELECT account, channel FROM members JOIN streams ON streams.id = channel WHERE since > seq LIMIT 1",
    "SELECT name, indexed FROM streams WHERE indexed > seq LIMIT 1",
)


def inspect_database(path: Path, streams: dict[str, Head]) -> None:
    """Refuse a database file that is not whole, or in which the newest records are not those that `streams` says.

    The file is not to be in use. Raises: BadArchiveError with what is wrong.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # Nothing that stands in the schema of a stranger's file is to be run.
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            _inspect(connection, streams)
        finally:
            connection.close()
    except (apsw.Error, UnicodeDecodeError) as error:
        raise BadArchiveError(f"the database is damaged: {error}") from None


def read_heads(connection: apsw.Connection) -> dict[str, Head]:
    """Return the newest record of each stream that has had any."""
    return {name: Head(seq, time) for name, seq, time in connection.execute(_HEADS)}


def _inspect(connection: apsw.Connection, streams: dict[str, Head]) -> None:
    version = connection.pragma("user_version")
    if _schema(connection) != _expected_schema(version):
        raise BadArchiveError("the database has tables that are not ours")
    for (found,) in connection.execute("PRAGMA integrity_check(1)"):
        if found != "ok":
            raise BadArchiveError(f"the database is damaged: {found}")
    for row in connection.execute("PRAGMA foreign_key_check"):
        raise BadArchiveError(f"the database is damaged: a row of {row[0]} belongs to none of {row[2]}")
    if version >= 3:
        connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 0)")
    has_floor = ("floor",) in connection.execute("SELECT name FROM pragma_table_info('streams')").fetchall()
    _inspect_records(connection, "streams.floor" if has_floor else "0", version)
    if read_heads(connection) != streams:
        raise BadArchiveError("the database's newest records are not those that its manifest tells of")


def _inspect_records(connection: apsw.Connection, floor: str, version: int) -> None:
    for name, count, first, last, below, head in connection.execute(_GAPS.format(floor=floor)):
        raise BadArchiveError(
            f"the history has a gap: {name} holds {count} records, {first} to {last}, of those from {below + 1} to {head}"
        )
    for name, seq in connection.execute(_BACKWARDS):
        raise BadArchiveError(f"the history is out of order: in {name} record {seq} is older than the one before it")
    for name, seq, kind, body in connection.execute(_BODIES):
        if not _is_told(kind, body):
            raise BadArchiveError(f"the history is damaged: in {name} record {seq} cannot be read")
    for statement in _STRAY if version >= 3 else ():
        for row in connection.execute(statement):
            raise BadArchiveError(f"the database points past its history: {row}")


def _is_told(kind: str, body: str) -> bool:
    """Tell whether a record can be read as what it is said to be. SQLite would not notice a changed letter."""
    try:
        return type(decode_event(body)).__name__ == kind
    except msgspec.MsgspecError:
        return False


def _schema(connection: apsw.Connection) -> list[Any]:
    return connection.execute(_SCHEMA).fetchall()


def _expected_schema(version: int) -> list[Any]:
    """Return the schema that a database of that version has."""
    if not 0 < version <= len(MIGRATIONS):
        raise BadArchiveError(f"the database has the schema {version}, which is none that this securechat knows")
    model = apsw.Connection(":memory:")
    try:
        for step in MIGRATIONS[:version]:
            model.execute(step)
        return _schema(model)
    finally:
        model.close()

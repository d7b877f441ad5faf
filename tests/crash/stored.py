"""The stored order, read from the database file itself."""

from __future__ import annotations

import json
from pathlib import Path

import apsw

from tests.crash.transcript import Line

DATABASE = "securechat.db"
_NAMES = """
    SELECT 'c/' || id, name FROM channels UNION ALL
    SELECT streams.name, group_concat(accounts.name, ' & ' ORDER BY accounts.name)
    FROM directs JOIN streams ON streams.id = directs.stream JOIN accounts ON accounts.id = account GROUP BY streams.id"""
_RECORDS = """
    SELECT seq, msgid, kind, body FROM records
    WHERE stream = (SELECT id FROM streams WHERE name = ?) AND seq > ? ORDER BY seq"""


class Stored:
    """What has been read so far: every record's number by stream, and the messages by conversation."""

    def __init__(self) -> None:
        self.seqs: dict[str, list[int]] = {}
        self.messages: dict[str, list[Line]] = {}

    def read_on(self, path: Path) -> list[tuple[str, Line]]:
        """Read what is stored behind the highest numbers known and return its messages with their conversations.

        The connection is closed again at once: a server that starts while another process has the database open takes over
        the index of the WAL from it rather than recovering.
        """
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            with connection:
                names: dict[str, str] = dict(connection.execute(_NAMES))  # type: ignore[arg-type]
                streams = [row[0] for row in connection.execute("SELECT name FROM streams")]
                return [found for stream in streams for found in self._read_stream(connection, stream, names)]
        finally:
            connection.close()

    def _read_stream(self, connection: apsw.Connection, stream: str, names: dict[str, str]) -> list[tuple[str, Line]]:
        seqs = self.seqs.setdefault(stream, [])
        found = []
        for seq, msgid, kind, body in connection.execute(_RECORDS, (stream, seqs[-1] if seqs else 0)):
            seqs.append(seq)
            if kind == "Posted":
                conversation = names[stream]
                line = Line(msgid, json.loads(body)["text"])
                self.messages.setdefault(conversation, []).append(line)
                found.append((conversation, line))
        return found


def check_integrity(path: Path) -> str:
    """Return what SQLite says of the whole file: `ok`, or what is broken. (PRAGMA integrity_check)"""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return str(connection.pragma("integrity_check"))
    finally:
        connection.close()

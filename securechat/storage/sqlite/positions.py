"""What each device was sent and each account has read: kept beside the history, written with its next batch."""

from __future__ import annotations

import threading
from typing import Any, Final

import apsw

from securechat.chat.arrears import DEVICES_REMEMBERED, Note, Position, ReadMark
from securechat.chat.streams import StreamId

_PLACE: Final = """
    INSERT INTO positions (account, device, stream, seq)
    SELECT accounts.id, ?, streams.id, ? FROM accounts, streams
    WHERE accounts.id = ? AND NOT deleted AND streams.name = ?
    ON CONFLICT DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq"""
_MARK: Final = """
    INSERT INTO marks (account, stream, time) SELECT id, ?, ? FROM accounts WHERE id = ? AND NOT deleted
    ON CONFLICT DO UPDATE SET time = excluded.time WHERE excluded.time > time"""
_FORGET: Final = """
    DELETE FROM positions WHERE account = ?1 AND device IN (
        SELECT device FROM positions WHERE account = ?1 AND stream = (SELECT id FROM streams WHERE name = ?2)
        ORDER BY seq DESC, device LIMIT -1 OFFSET ?3)"""

Key = tuple[str, ...]


class Notes:
    """Notes that wait to be written, the newest of each kind; any thread may ask.

    A device's position in the stream of its account is the time of its last coming, by which the least used of too many
    devices are forgotten.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Key, int] = {}

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def add(self, note: Note) -> bool:
        """Take a note over; whether it is the only one that waits."""
        *key, value = note
        with self._lock:
            self._waiting[tuple(key)] = max(value, self._waiting.get(tuple(key), 0))
            return len(self._waiting) == 1

    def positions(self, account: str, device: str) -> dict[StreamId, int]:
        """Return the positions of a device that are not certain to be in the database yet."""
        with self._lock:
            return {key[2]: value for key, value in self._waiting.items() if key[:2] == (account, device) and key[2:]}

    def write(self, connection: apsw.Connection) -> dict[Key, int]:
        """Write what waits within the transaction that is open; return it for `forget`, after the commit."""
        with self._lock:
            written = dict(self._waiting)
        if not written:
            return written
        positions = [Position(*key, seq) for key, seq in written.items() if len(key) == 3]
        marks = [ReadMark(*key, time) for key, time in written.items() if len(key) == 2]
        connection.executemany(_PLACE, [(device, seq, account, stream) for account, device, stream, seq in positions])
        connection.executemany(_MARK, [(stream, time, account) for account, stream, time in marks])
        comings = {(account, stream, DEVICES_REMEMBERED) for account, _, stream, _ in positions if stream[0] == "a"}
        connection.executemany(_FORGET, comings)
        return written

    def forget(self, written: dict[Key, int]) -> None:
        """Let go of what has been committed, unless it was overtaken meanwhile."""
        with self._lock:
            for key, value in written.items():
                if self._waiting[key] == value:
                    del self._waiting[key]


def load_marks(connection: apsw.Connection) -> list[ReadMark]:
    """Return up to when each account has read each conversation."""
    rows: Any = connection.execute("SELECT account, stream, time FROM marks")
    return [ReadMark(*row) for row in rows]

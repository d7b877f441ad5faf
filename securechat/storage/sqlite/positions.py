"""What each device was sent and each account has read: kept beside the history, written with its next batch."""

from __future__ import annotations

import threading
from typing import Any, Final

import apsw

from securechat.chat.arrears import DEVICES_REMEMBERED, Note, Position, ReadMark
from securechat.chat.guesses import Guess, Place
from securechat.chat.streams import StreamId
from securechat.storage.sqlite.guesses import write_guesses, write_places

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

GUESSES_WAITING: Final = 10_000
"""Notes that may wait, as they do while the disk is full, before wrong passwords are not among them any more."""

Key = tuple[Any, ...]
"""The kind of a note, and all of it but its last field, which is only ever moved on."""


class Notes:
    """Notes that wait to be written, the newest of each kind; any thread may ask.

    A device's position in the stream of its account is the time of its last coming, by which the least used of too many
    devices are forgotten.

    is_expected: somebody is going to have them written.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Key, int] = {}
        self.is_expected = False

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def add(self, note: Note) -> bool:
        """Take a note over; whether somebody must be found who has it written."""
        *fields, value = note
        key = (type(note), *fields)
        with self._lock:
            if isinstance(note, Guess) and len(self._waiting) >= GUESSES_WAITING:
                return False
            self._waiting[key] = max(value, self._waiting.get(key, 0))
            # Not whether it is the only one: others may just be on their way to the disk, and are not taken along again.
            was_expected, self.is_expected = self.is_expected, True
            return not was_expected

    def positions(self, account: str, device: str) -> dict[StreamId, int]:
        """Return the positions of a device that are not certain to be in the database yet."""
        with self._lock:
            return {key[3]: value for key, value in self._waiting.items() if key[:3] == (Position, account, device)}

    def write(self, connection: apsw.Connection) -> dict[Key, int]:
        """Write what waits within the transaction that is open; return it for `forget`, after the commit."""
        with self._lock:
            written = dict(self._waiting)
        if not written:
            return written
        notes = [kind(*fields, value) for (kind, *fields), value in written.items()]
        positions = [note for note in notes if isinstance(note, Position)]
        marks = [note for note in notes if isinstance(note, ReadMark)]
        connection.executemany(_PLACE, [(device, seq, account, stream) for account, device, stream, seq in positions])
        connection.executemany(_MARK, [(stream, time, account) for account, stream, time in marks])
        comings = {(account, stream, DEVICES_REMEMBERED) for account, _, stream, _ in positions if stream[0] == "a"}
        connection.executemany(_FORGET, comings)
        write_guesses(connection, [note for note in notes if isinstance(note, Guess)])
        write_places(connection, [note for note in notes if isinstance(note, Place)])
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

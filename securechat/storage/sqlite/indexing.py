"""Keeping the index of words up with the history, in steps so short that they may stand before a commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import apsw

from securechat.chat.events import Posted, decode_event
from securechat.storage.sqlite import fulltext
from securechat.storage.sqlite.database import savepoint

WORTHWHILE: Final = 512
"""Messages not in the index from which on a quiet moment is used: fewer are looked through in next to no time."""
FAR_BEHIND: Final = 4096
"""Messages not in the index from which on it does not wait for a quiet moment."""
MESSAGES_AT_ONCE: Final = 128
TEXT_AT_ONCE: Final = 64 * 1024
"""Bytes of records in one step, roughly."""
PAGES_AT_ONCE: Final = 16

_LAGGING = "SELECT id, seq - indexed FROM streams WHERE indexed < seq AND name GLOB '[cd]/*' ORDER BY id"
_PROGRESS = "SELECT indexed, seq FROM streams WHERE id = ? AND name GLOB '[cd]/*'"
_MESSAGES = "SELECT seq, body FROM records WHERE stream = ? AND kind = 'Posted' AND seq > ? ORDER BY seq"
_NOTE_PROGRESS = "UPDATE streams SET indexed = ? WHERE id = ?"


class Indexing:
    """What is left to do on the writing connection, outside of its other transactions.

    All it knows is in `streams.indexed`; what was not done when the process ended is found again at the first step.
    The steps are not flushed: one that is lost is done again, for its bookkeeping is lost with it.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._lagging: deque[int] | None = None
        self._touched: set[int] = set()
        self._behind = 0
        self._merging = False

    def note(self, keys: list[int], count: int) -> None:
        """Note streams (by key) that have new records, so many in all."""
        self._touched.update(keys)
        self._behind += count

    @property
    def is_complete(self) -> bool:
        """Tell whether there is nothing at all to do."""
        return self._lagging is not None and not (self._lagging or self._touched or self._merging)

    @property
    def is_due(self) -> bool:
        """Tell whether there is enough to do for a quiet moment, or something was begun."""
        return self._lagging is None or bool(self._lagging) or self._merging or self._behind >= WORTHWHILE

    @property
    def is_urgent(self) -> bool:
        """Tell whether there is too much to do to wait for a quiet moment."""
        return self._behind >= FAR_BEHIND or self._merging

    def step(self) -> None:
        """Do a few milliseconds' worth of it."""
        flushing = self._connection.pragma("synchronous")
        self._connection.pragma("synchronous", "normal")
        try:
            if self._merging:
                self._merge()
            else:
                with savepoint(self._connection):
                    self._add_messages()
        except BaseException:
            # What was rolled back is found again by what the database says.
            self._lagging = None
            raise
        finally:
            self._connection.pragma("synchronous", flushing)

    def _merge(self) -> None:
        before = self._connection.total_changes()
        fulltext.merge(self._connection.execute, PAGES_AT_ONCE)
        # A difference below 2 means that there was nothing to merge. (SQLite FTS5, The 'merge' Command)
        self._merging = self._connection.total_changes() - before >= 2

    def _add_messages(self) -> None:
        run: Any = self._connection.execute
        messages: list[tuple[int, int, Posted]] = []
        progress: list[tuple[int, int]] = []
        room = TEXT_AT_ONCE
        for key in self._next_streams():
            indexed, newest = run(_PROGRESS, (key,)).fetchone() or (0, 0)
            if indexed == newest:
                continue
            done = newest
            for seq, body in run(_MESSAGES, (key, indexed)):
                event = decode_event(body)
                assert isinstance(event, Posted)
                messages.append((key, seq, event))
                room -= max(len(body), TEXT_AT_ONCE // MESSAGES_AT_ONCE)
                if room <= 0:
                    done = seq
                    break
            progress.append((done, key))
            self._behind = max(0, self._behind - (done - indexed))
            room -= TEXT_AT_ONCE // MESSAGES_AT_ONCE
            if room <= 0:
                break
        fulltext.add(self._connection.executemany, messages)
        self._connection.executemany(_NOTE_PROGRESS, progress)
        self._merging = bool(messages)
        if not self._lagging:
            self._behind = 0

    def _next_streams(self) -> Iterator[int]:
        """Yield streams in the order of their keys, in which rows are cheap to add; the last one taken may go on."""
        run: Any = self._connection.execute
        if self._lagging is None:
            found = run(_LAGGING).fetchall()
            self._lagging = deque(key for key, _ in found)
            self._behind = sum(count for _, count in found)
        if not self._lagging:
            self._lagging.extend(sorted(self._touched))
            self._touched.clear()
        while self._lagging:
            yield self._lagging[0]
            self._lagging.popleft()

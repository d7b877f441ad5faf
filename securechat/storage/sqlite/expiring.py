"""Taking away what is older than it is to be kept, in steps so short that they may stand before a commit.

Whatever the records of a stream have made, its members, modes and topic, stays: that is in tables of its own. With the
records go their words in the index, what guesses about them could be checked by, and their traces in the WAL.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final

import apsw

from securechat.chat.events import Created, Posted, decode_event
from securechat.chat.streams import StreamId, parties
from securechat.storage.retention import Retention
from securechat.storage.sqlite import fulltext
from securechat.storage.sqlite.database import savepoint
from securechat.storage.sqlite.erasure import cut_wal

ROUND_SECONDS: Final = 24 * 3600.0
"""From one look at everything to the next: days are counted in days."""
LATE_SECONDS: Final = 600.0
"""After which it does not wait for a quiet moment any more."""
RETRY_SECONDS: Final = 60.0
RECORDS_AT_ONCE: Final = 128
TEXT_AT_ONCE: Final = 64 * 1024
"""Bytes of records in one step, roughly."""
STREAMS_AT_ONCE: Final = 256
IDS_AT_ONCE: Final = 2000
PAGES_AT_ONCE: Final = 1
"""Of the index of words that are written: much more is read, where most of it is gone."""

_HAS_OWN: Final = "SELECT 1 FROM streams WHERE retention > 0"
_STREAMS: Final = """
    SELECT id, name, floor, indexed, retention FROM streams
    WHERE id > ? AND floor < seq AND name GLOB '[cd]/*' ORDER BY id LIMIT ?"""
_OLDEST: Final = "SELECT seq, time, kind, body FROM records WHERE stream = ? AND seq BETWEEN ? AND ? ORDER BY seq"
_REMOVE: Final = "DELETE FROM records WHERE stream = ? AND seq <= ?"
_RAISE_FLOOR: Final = "UPDATE streams SET floor = ?, floor_time = ? WHERE id = ?"
_NAME_DROPPED: Final = """
    INSERT OR IGNORE INTO dropped (channel, name) SELECT ?1, ?2
    WHERE NOT EXISTS (SELECT 1 FROM channels WHERE stream = ?1)"""
_PRUNE: Final = (
    "DELETE FROM former_members WHERE channel = ? AND last <= ?",
    "DELETE FROM closures WHERE channel = ? AND last <= ?",
)
_PRUNE_SILENCES: Final = "DELETE FROM ignores WHERE account = ? AND ignored = ? AND last <= ?"
_NEXT_ID: Final = "SELECT account, id FROM once WHERE (account, id) > (?, ?) ORDER BY account, id LIMIT 1 OFFSET ?"
_FORGET_DIGESTS: Final = """
    UPDATE once SET digest = x'' WHERE (account, id) > (?, ?) AND (account, id) <= (?, ?) AND digest != x''
    AND seq <= (SELECT floor FROM streams WHERE streams.id = once.stream)"""
_LAST: Final = "\U0010ffff"


class Expiring:
    """What is left to do on the writing connection, outside of its other transactions.

    clock: ms since 1970, of records. now: by a clock that never runs backwards, here as in all that follows.
    That something was taken away, and its traces were not, is in the table `traces`.
    """

    def __init__(self, connection: apsw.Connection, retention: Retention, clock: Callable[[], int], now: float) -> None:
        self._connection = connection
        self._run: Any = connection.execute
        self._retention = retention
        self._clock = clock
        self._due = now
        self._steps: Generator[None, None, bool] | None = None
        self._touched: dict[int, StreamId] = {}

    def note(self, now: float) -> None:
        """Note that a channel is to be kept for longer or shorter."""
        self._due, self._steps = now, None

    def patience(self, now: float) -> float:
        """Return the seconds until something is to be done."""
        return 0.0 if self._steps is not None else max(0.0, self._due - now)

    def is_late(self, now: float) -> bool:
        """Tell whether there was no quiet moment for too long."""
        return now >= self._due + LATE_SECONDS

    def step(self, now: float) -> None:
        """Do a few milliseconds' worth of it.

        It is not flushed: a step that is lost is done again, and nobody was told of it.
        """
        flushing = self._connection.pragma("synchronous")
        self._connection.pragma("synchronous", "normal")
        self._steps = self._steps or self._round()
        try:
            next(self._steps)
        except StopIteration as end:
            self._steps = None
            self._due = now + (ROUND_SECONDS if end.value else RETRY_SECONDS)
        except BaseException:
            self._steps = None
            self._due = now + RETRY_SECONDS
            raise
        finally:
            self._connection.pragma("synchronous", flushing)

    def _round(self) -> Generator[None, None, bool]:
        """Take away what is too old, then its traces; return whether all of it is done."""
        key: int | None = 0 if self._is_asked_for() else None
        while key is not None:
            with savepoint(self._connection):
                key = self._take_from_streams(key)
            yield
        while self._touched:
            with savepoint(self._connection):
                key, name = self._touched.popitem()
                ((floor,),) = self._run("SELECT floor FROM streams WHERE id = ?", (key,)).fetchall()
                self._prune(key, name, floor)
            yield
        if self._run("SELECT 1 FROM traces").fetchone() is None:
            return True
        yield from self._forget_digests()
        yield from self._compact_words()
        try:
            cut_wal(self._connection)
        except apsw.BusyError:
            # Somebody reads; what is in the index and in `once` will not be found again.
            return False
        self._run("DELETE FROM traces")
        return True

    def _is_asked_for(self) -> bool:
        return any(self._retention) or self._run(_HAS_OWN).fetchone() is not None

    def _take_from_streams(self, key: int) -> int | None:
        """Take a piece out of the first stream behind this key that has something too old.

        Returns the key to go on behind, None at the end.
        """
        now = self._clock()
        streams = self._run(_STREAMS, (key, STREAMS_AT_ONCE)).fetchall()
        for key, name, floor, indexed, days in streams:
            bound = self._retention.bound_of(name, days, now)
            if bound is None:
                continue
            rows = self._oldest(key, floor, bound)
            if rows:
                self._take(key, name, rows, indexed)
                return int(key) - 1
        return int(streams[-1][0]) if len(streams) == STREAMS_AT_ONCE else None

    def _oldest(self, key: int, floor: int, bound: int) -> list[tuple[int, int, str, str]]:
        rows = []
        room = TEXT_AT_ONCE
        for row in self._run(_OLDEST, (key, floor + 1, floor + RECORDS_AT_ONCE)):
            if row[1] >= bound or room <= 0:
                break
            rows.append(row)
            room -= len(row[3])
        return rows

    def _take(self, key: int, name: StreamId, rows: list[tuple[int, int, str, str]], indexed: int) -> None:
        said = [(seq, decode_event(body)) for seq, _, kind, body in rows if kind == "Posted" and seq <= indexed]
        fulltext.forget_messages(self._run, [(key, seq, event) for seq, event in said if isinstance(event, Posted)])
        if name.startswith("c/") and rows[0][0] == 1:
            begun = decode_event(rows[0][3])
            assert isinstance(begun, Created)
            self._run(_NAME_DROPPED, (key, begun.name))
        newest, time = rows[-1][:2]
        self._run(_REMOVE, (key, newest))
        self._run(_RAISE_FLOOR, (newest, time, key))
        self._touched[key] = name
        self._run("INSERT OR IGNORE INTO traces (kind) VALUES ('expired')")

    def _prune(self, key: int, name: StreamId, floor: int) -> None:
        """Forget who was where, or heard nobody, while all that is gone was said."""
        if name.startswith("c/"):
            for statement in _PRUNE:
                self._run(statement, (key, floor))
            return
        one, other = parties(name)
        for pair in {(one, other), (other, one)}:
            self._run(_PRUNE_SILENCES, (*pair, floor))

    def _forget_digests(self) -> Generator[None, None, None]:
        """Empty what a guess about a message that is gone could be checked by; the ids stay."""
        place = ("", "")
        while place[0] != _LAST:
            end = self._run(_NEXT_ID, (*place, IDS_AT_ONCE - 1)).fetchone() or (_LAST, "")
            with savepoint(self._connection):
                self._run(_FORGET_DIGESTS, (*place, *end))
            place = end
            yield

    def _compact_words(self) -> Generator[None, None, None]:
        """Write the index of words anew, a few pages at a time, without what was taken out of it."""
        pages = -PAGES_AT_ONCE
        while True:
            before = self._connection.total_changes()
            fulltext.merge(self._run, pages)
            # A difference below 2 means that there was nothing to merge. (SQLite FTS5, The 'merge' Command)
            if self._connection.total_changes() - before < 2 and pages > 0:
                return
            pages = PAGES_AT_ONCE
            yield

"""Finding a place in a stream by time: seq is dense, and time never falls."""

from __future__ import annotations

import apsw

_TIME_OF = "SELECT time FROM records WHERE stream = ? AND seq = ?"


def first_at(connection: apsw.Connection, key: int, floor: int, newest: int, time: int) -> int:
    """Return the seq of the first record of a stream at or after a time, one more than `newest` when there is none.

    key, floor, newest: the stream's key, and the seqs of the newest record that is gone and of the newest of all.
    """
    low, high = floor + 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(_TIME_OF, (key, middle)).fetchone()
        if row is not None and row[0] < time:
            low = middle + 1
        else:
            high = middle
    return low

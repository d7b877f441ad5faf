"""What waits for one reader: bytes in order, counted exactly, taken one TLS record at a time."""

from __future__ import annotations

RECORD = 16_384
"""Bytes of plaintext in one TLS record (RFC 8446, 5.1); one SSL write sends at most this much."""


class SendQueue:
    """Bytes waiting to be sent to one connection.

    Pieces stay the objects they came in as, so a line queued to a thousand slow readers is in memory once; they are
    joined only when they are next to leave, and no more of them than fill one record.
    """

    __slots__ = ("_head", "_head_live", "_live", "_pieces", "_pieces_live", "size")

    def __init__(self) -> None:
        self.size = 0
        self._head: bytes | memoryview = b""
        self._head_live = 0
        self._pieces: list[bytes] = []
        self._live: list[int] = []
        self._pieces_live = 0

    @property
    def live(self) -> int:
        """Count the waiting bytes that others caused.

        Inside a record that mixes both kinds and has left in part, the live bytes are taken to be the last.
        """
        return self._head_live + self._pieces_live

    def append(self, piece: bytes, *, live: bool) -> None:
        """Queue bytes behind everything that waits.

        piece: not empty. live: whether others caused them, not the reader itself.
        """
        count = len(piece) if live else 0
        self._pieces.append(piece)
        self._live.append(count)
        self._pieces_live += count
        self.size += len(piece)

    def head(self) -> bytes | memoryview:
        """Return the bytes to write next; the same ones until `advance`, as a repeated SSL write demands.

        Empty only when nothing waits.
        """
        if not self._head and self._pieces:
            self._take_record()
        return self._head

    def advance(self, count: int) -> None:
        """Drop the first `count` bytes of the head: they are written."""
        self.size -= count
        left = len(self._head) - count
        if left:
            self._head = memoryview(self._head)[count:]
            self._head_live = min(self._head_live, left)
        else:
            self._head = b""
            self._head_live = 0

    def _take_record(self) -> None:
        """Move the first piece, and those after it that fit into its record, to the head."""
        count, total = 1, len(self._pieces[0])
        while count < len(self._pieces) and total + len(self._pieces[count]) <= RECORD:
            total += len(self._pieces[count])
            count += 1
        self._head = self._pieces[0] if count == 1 else b"".join(self._pieces[:count])
        self._head_live = sum(self._live[:count])
        self._pieces_live -= self._head_live
        del self._pieces[:count], self._live[:count]

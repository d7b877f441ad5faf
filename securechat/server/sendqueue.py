"""What waits for one reader: bytes in order, counted exactly, taken one TLS record at a time."""

from __future__ import annotations

RECORD = 16_384
"""Bytes of plaintext in one TLS record (RFC 8446, 5.1); one SSL write sends at most this much."""


class SendQueue:
    """Bytes waiting to be sent to one connection. size: how many.

    What is the reader's own is known as spans of everything that was ever queued, and looked at only when it matters.
    Pieces stay the objects they came in as, so a line queued to a thousand slow readers is in memory once; they are
    joined only when they are next to leave, and no more of them than fill one record.
    """

    __slots__ = ("_head", "_own", "_pieces", "_sent", "size")

    def __init__(self) -> None:
        self.size = 0
        self._sent = 0
        self._head: bytes | memoryview = b""
        self._pieces: list[bytes] = []
        self._own: list[tuple[int, int]] = []

    @property
    def live(self) -> int:
        """Count the waiting bytes that others caused: all but the reader's own."""
        self._forget_own()
        return self.size - sum([end - max(start, self._sent) for start, end in self._own])

    def append(self, piece: bytes) -> None:
        """Queue bytes that others caused behind everything that waits; not empty."""
        self._pieces.append(piece)
        self.size += len(piece)

    def append_own(self, piece: bytes) -> None:
        """Queue bytes that the reader asked for; not empty."""
        self._forget_own()
        start = self._sent + self.size
        if self._own and self._own[-1][1] == start:
            start = self._own.pop()[0]
        self.append(piece)
        self._own.append((start, self._sent + self.size))

    def head(self) -> bytes | memoryview:
        """Return the bytes to write next; the same ones until `advance`, as a repeated SSL write demands.

        Empty only when nothing waits.
        """
        if not self._head and self._pieces:
            self._head = self._pieces.pop() if len(self._pieces) == 1 else self._take_record()
        return self._head

    def advance(self, count: int) -> None:
        """Drop the first `count` bytes of the head: they are written."""
        self.size -= count
        self._sent += count
        self._head = b"" if count == len(self._head) else memoryview(self._head)[count:]

    def _take_record(self) -> bytes:
        """Take the first piece, and those after it that fit into its record."""
        count, total = 1, len(self._pieces[0])
        while count < len(self._pieces) and total + len(self._pieces[count]) <= RECORD:
            total += len(self._pieces[count])
            count += 1
        record = self._pieces[0] if count == 1 else b"".join(self._pieces[:count])
        del self._pieces[:count]
        return record

    def _forget_own(self) -> None:
        """Let go of what is known of the reader's own bytes that are written."""
        while self._own and self._own[0][1] <= self._sent:
            del self._own[0]

"""The free-space mark: below it nothing is stored, so that the disk never becomes so full that something breaks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 1.0
"""How long what was seen is believed."""
BACK: Final = 1.25
"""There is room again at so many times the mark: at the mark itself it would come and go with every message."""


def free_bytes(directory: Path) -> int:
    """Return how many bytes the file system of a directory has left for this user."""
    state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize


class FreeSpace:
    """Whether there is room to store anything.

    mark: bytes; with less than that free there is no room, until there are BACK times as many. 0: there always is.
    look: returns the bytes free; it may take its time, so never to be called on the loop.
    turned: told (room, bytes free) whenever that changes, in the thread that found out.
    clock: seconds, never running backwards.
    """

    def __init__(
        self,
        mark: int,
        look: Callable[[], int],
        turned: Callable[[bool, int], None] = lambda _room, _free: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mark = mark
        self._look = look
        self._turned = turned
        self._clock = clock
        self._room = True
        self._believed_until = float("-inf")

    def admits_beginning(self) -> bool:
        """Tell whether there is room for something new, by a look of its own that turns nothing."""
        return not self._mark or self._look() >= self._mark

    def suffices(self) -> bool:
        """Tell whether there is room, by a look no older than LOOK_SECONDS."""
        if self._mark and self._clock() >= self._believed_until:
            self._judge()
        return self._room

    def doubt(self) -> None:
        """Believe nothing that was seen so far: a disk was full earlier than expected."""
        self._believed_until = float("-inf")

    def _judge(self) -> None:
        try:
            free = self._look()
        except OSError:
            # Whether a disk that cannot be asked still takes a commit, the commit will tell.
            return
        self._believed_until = self._clock() + LOOK_SECONDS
        room = free >= self._mark * (1 if self._room else BACK)
        if room != self._room:
            self._room = room
            self._turned(room, free)

"""SQLite's WAL seen from outside: waiting for a write to it, and the torn transaction that a kill may leave at its end."""

from __future__ import annotations

import ctypes
import os
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_HEADER = 32
_FRAME_HEADER = 24
_MODIFIED = 0x2
_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Tells when a file is written to, by inotify(7)."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._descriptor < 0 or _libc.inotify_add_watch(self._descriptor, bytes(path), _MODIFIED) < 0:
            raise OSError(ctypes.get_errno(), "cannot watch", str(path))

    def wait(self, seconds: float) -> bool:
        """Wait for the next write from now on and tell whether there was one.

        Asks again and again: to be woken up can take longer than the commit that is waited for.
        """
        end = time.monotonic() + seconds
        while self._take():
            pass
        while time.monotonic() < end:
            if self._take():
                return True
        return False

    def _take(self) -> bool:
        try:
            return bool(os.read(self._descriptor, 65536))
        except BlockingIOError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)


def is_torn(before: bytes, after: bytes) -> bool:
    """Tell from a WAL's bytes, earlier and now, whether a transaction was begun in between and did not get to its end.

    Behind the last frame that commits there is a frame of the WAL's present cycle then (it carries the salts of the
    header) that was not there before: what an earlier kill left behind is not counted again.
    (SQLite file format, 4: the write-ahead log)
    """
    if len(after) < _HEADER:
        return False
    size = _FRAME_HEADER + struct.unpack_from(">I", after, 8)[0]
    salts = after[16:24]
    end = _HEADER
    for offset in range(_HEADER, len(after) - _FRAME_HEADER + 1, size):
        if after[offset + 8 : offset + 16] != salts:
            break
        if after[offset + 4 : offset + 8] != bytes(4):
            end = offset + size
    frame = after[end : end + size]
    return frame[8:16] == salts and frame != before[end : end + size]

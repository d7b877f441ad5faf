"""The lock on a data directory: one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final, Self

from securechat.errors import ConfigError

LOCK_NAME: Final = "lock"


class DirectoryInUse(ConfigError):
    """Another process holds the lock."""


class DirectoryLock:
    """An exclusive lock on a data directory, held until `release` or the end of the process.

    The file stays, since a lock on a file that somebody else has unlinked protects nothing. (A first start that fails
    takes its own away again; who opened it just before is told to try again.)

    Raises: ConfigError when the directory is not there or cannot be written, DirectoryInUse when another process has it.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{directory}: cannot be locked ({error.strerror}); check that it exists and is yours"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise DirectoryInUse(
                f"{directory}: in use by another securechat process (pid {holder or 'unknown'}); stop it first"
            ) from error
        if not _is_at(self._file, path):
            os.close(self._file)
            raise DirectoryInUse(f"{directory}: another securechat process has just let it go; try again")
        os.fchmod(self._file, 0o600)
        pid = f"{os.getpid()}\n".encode("ascii")
        # It is told to whoever comes too late and serves nothing else: a full disk may do without.
        with contextlib.suppress(OSError):
            os.pwrite(self._file, pid, 0)
            os.ftruncate(self._file, len(pid))

    def release(self) -> None:
        """Let another process have the directory; may be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _is_at(file: int, path: Path) -> bool:
    """Tell whether an open file is still the one with that name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False

"""What a start makes in the data directory: a start that fails takes it back and leaves the directory as it was."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from securechat.errors import ConfigError
from securechat.storage.lock import LOCK_NAME, DirectoryLock
from securechat.storage.sqlite.backup import is_copy


class Footprint:
    """Whether what was made stays; nothing of it does until `keep`."""

    def __init__(self) -> None:
        self.is_kept = False

    def keep(self) -> None:
        """Let everything stay: from now on somebody may rely on it."""
        self.is_kept = True


@contextlib.contextmanager
def occupy(data: Path) -> Iterator[Footprint]:
    """Make a data directory where it is missing, and hold its lock.

    Raises: ConfigError.
    """
    footprint = Footprint()
    missing = [path for path in (data, *data.parents) if not os.path.lexists(path)]
    try:
        _make_directory(data)
        had_lock = (data / LOCK_NAME).exists()
        with DirectoryLock(data):
            # Under the lock, so that nothing another process has made is taken for ours.
            before = {path.name for path in data.iterdir() if had_lock or path.name != LOCK_NAME}
            try:
                yield footprint
            finally:
                if not footprint.is_kept:
                    _remove_others(data, before)
    finally:
        if not footprint.is_kept:
            _remove_empty(missing)


def is_open_to_others(data: Path) -> bool:
    """Tell whether everybody on the machine can put files into a directory: a control socket of their own, for one."""
    return bool(data.stat().st_mode & stat.S_IWOTH)


def _make_directory(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_open = is_open_to_others(data)
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise ConfigError(f"{data}: cannot be made a directory ({reason}); choose another with --data") from None
    if is_open:
        raise ConfigError(f"{data}: others can write there; chmod 700 {data}")


def _remove_others(data: Path, kept: set[str]) -> None:
    for path in list(data.iterdir()):
        # The copy of a database that was given a new schema is the only way back.
        if path.name not in kept and not is_copy(path.name) and not _belongs_to_any(path.name, kept):
            with contextlib.suppress(OSError):
                path.unlink()


def _belongs_to_any(name: str, kept: set[str]) -> bool:
    """Tell whether a file is the WAL of a database that was there: half of what it holds may be in there already."""
    return any(name.startswith(f"{each}-") for each in kept)


def _remove_empty(directories: list[Path]) -> None:
    """Remove directories, each before the one it is in, up to the first in which there is something."""
    with contextlib.suppress(OSError):
        for directory in directories:
            directory.rmdir()

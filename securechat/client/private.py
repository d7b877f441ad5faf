"""Files and directories of a client that nobody else may read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
PRIVATE_DIRECTORY: Final = 0o700


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner may enter; one that exists keeps its mode.

    Raises:
        OSError: it cannot be made.
    """
    for missing in [parent for parent in reversed(path.parents) if not parent.exists()]:
        missing.mkdir(PRIVATE_DIRECTORY, exist_ok=True)
    path.mkdir(PRIVATE_DIRECTORY, exist_ok=True)


@contextmanager
def hold_directory(path: Path) -> Iterator[None]:
    """Keep other clients from holding a directory while the block runs; without locks there (NFS) nobody is kept."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whatever the umask; it is replaced as a whole or not at all.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, PRIVATE_FILE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

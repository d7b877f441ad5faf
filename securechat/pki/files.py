"""Key and certificate files: whole or absent, and private from the moment they exist."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from securechat.errors import ConfigError

PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644
PRIVATE_DIRECTORY = 0o700


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whatever the umask; replaces what was there as a whole.

    Raises:
        ConfigError: The file cannot be written; what was there is untouched.

    """
    write_together([(path, data, PRIVATE_FILE)])


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner may enter; one that exists keeps the mode its owner gave it.

    Raises:
        ConfigError: It cannot be made, or something else has that name.

    """
    try:
        missing = [each for each in (path, *path.absolute().parents) if not each.exists()]
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        if missing and os.geteuid() == 0:
            # As with files: what an administrator makes is for whose place this is.
            place = missing[-1].absolute().parent.stat()
            for each in missing:
                os.chown(each, place.st_uid, place.st_gid)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be made a directory ({error.strerror}): choose another place") from error


def write_together(files: Sequence[tuple[Path, bytes, int]]) -> None:
    """Write files, each with its mode; none is replaced before all are on disk, then they are in the order given.

    Raises:
        ConfigError: A file cannot be written; unless it is the very renaming that fails, nothing was changed.

    """
    staged = [(path.with_name(f".{path.name}.{secrets.token_hex(8)}"), path) for path, _, _ in files]
    try:
        for (temporary, _), (_, data, mode) in zip(staged, files, strict=True):
            _write_new(temporary, data, mode)
        for temporary, path in staged:
            temporary.replace(path)
        for directory in dict.fromkeys(path.parent for _, path in staged):
            _sync_directory(directory)
    except OSError as error:
        reason = f"{staged[-1][1]}: cannot be written ({error.strerror})"
        raise ConfigError(f"{reason}: check who owns {staged[-1][1].parent} and the space left there") from error
    finally:
        for temporary, _ in staged:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        # A strict umask would leave a public file unreadable to others; it can never have widened the mode.
        os.fchmod(descriptor, mode)
        if os.geteuid() == 0:
            # An administrator may write it, but the server has to read it: it is for whose directory this is.
            place = path.parent.stat()
            os.fchown(descriptor, place.st_uid, place.st_gid)
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    # The rename itself is durable only once the directory is.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

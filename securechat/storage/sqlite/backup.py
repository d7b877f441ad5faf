"""A copy of the database as of one moment, while others read and write it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw
import structlog

from securechat.errors import ConfigError
from securechat.storage.archive import sync_directory
from securechat.storage.sqlite.space import free_bytes

log = structlog.get_logger()

PAGES_AT_ONCE: Final = 256
BUSY_TIMEOUT_MS: Final = 5_000
COPY_MARK: Final = ".before-"
"""Stands between the name of a database and the schema it was about to be given, in the name of its copy."""
_SPARE: Final = 1024 * 1024
"""Bytes that are to be left when a copy was made."""


def open_snapshot(path: Path) -> apsw.Connection:
    """Open a database as it is at this moment, for reading only, in any process; writers go on meanwhile.

    It is no newer for whoever holds it, and the WAL cannot be taken back past it: not to be held longer than needed.
    Raises: apsw.Error.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.execute("BEGIN")
        # Only reading begins it. Without it a copy would begin again with each commit of another process.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def size_of(connection: apsw.Connection) -> int:
    """Return how many bytes a copy of the database takes."""
    return int(connection.pragma("page_count")) * int(connection.pragma("page_size"))


def copy_database(source: apsw.Connection, target: Path, advance: Callable[[int], None] = lambda _bytes: None) -> None:
    """Copy a database into a new file, 0600 and flushed; on failure none is left.

    source: a snapshot, or a connection that nobody else writes beside. advance: told of so many more bytes.
    Raises: FileExistsError, OSError, apsw.Error.
    """
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        target.chmod(0o600)
        copy = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            copy.pragma("synchronous", "off")
            _copy_pages(source, copy, target, advance)
            # A file by itself: nothing of it may be in a WAL beside it.
            copy.pragma("journal_mode", "delete")
        finally:
            copy.close()
        _flush(target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy_pages(source: apsw.Connection, copy: apsw.Connection, target: Path, advance: Callable[[int], None]) -> None:
    page = int(source.pragma("page_size"))
    with copy.backup("main", source, "main") as backup:
        left: int | None = None
        while not backup.done:
            backup.step(PAGES_AT_ONCE)
            before, left = backup.page_count if left is None else left, backup.remaining
            # Little by little: who commits meanwhile would wait for the disk to take all of it at once.
            _flush(target)
            advance((before - left) * page)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def copy_before_migration(connection: apsw.Connection, path: Path, version: int) -> None:
    """Keep the database as it is, beside it, before it is given the schema `version`; an older such copy goes.

    Raises: ConfigError without room for it: then nothing is changed.
    """
    target = path.with_name(f"{path.name}{COPY_MARK}{version}")
    needed = size_of(connection) + _SPARE
    free = free_bytes(path.parent)
    if free < needed:
        raise _no_room(path, needed, free)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        copy_database(connection, partial)
        partial.replace(target)
        sync_directory(path.parent)
    except (OSError, apsw.FullError) as error:
        partial.unlink(missing_ok=True)
        raise _no_room(path, needed, free_bytes(path.parent)) from error
    for other in path.parent.glob(f"{path.name}{COPY_MARK}*"):
        if other != target:
            other.unlink()
    log.info("database copied before it is given a new schema", copy=str(target), schema=version)


def is_copy(name: str) -> bool:
    """Tell whether a file has the name of a copy that was made before a migration."""
    return COPY_MARK in name


def _no_room(path: Path, needed: int, free: int) -> ConfigError:
    return ConfigError(
        f"{path}: is to be given a new schema and must be copied first, but for the {needed} bytes of that there are "
        f"{free}; make room"
    )

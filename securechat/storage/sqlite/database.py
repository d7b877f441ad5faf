"""The database file: made, opened with the promised durability, and brought to the current schema."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from securechat.errors import ConfigError
from securechat.storage.sqlite import erasure, fulltext
from securechat.storage.sqlite.backup import copy_before_migration
from securechat.storage.sqlite.migrations import MIGRATIONS
from securechat.storage.sqlite.space import free_bytes

APPLICATION_ID: Final = 0x73634348
"""`scCH`, what `file` and we know the database by."""
BUSY_TIMEOUT_MS: Final = 5_000
WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""A WAL that a burst has made longer is cut back to this."""

BYTES_TO_OPEN: Final = 64 * 1024
"""What SQLite makes beside the database to have it open (-shm and -wal) fits into this."""

_FULL: Final = 2


def open_writer(path: Path) -> apsw.Connection:
    """Open a database for writing: create it with mode 0600 where it is missing, and migrate it.

    Raises: ConfigError when the file cannot be opened, is no securechat database, is a newer version's, or cannot be
    given the durability that is promised.
    """
    _create(path)
    with _explained(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            _recognise(path, *map(connection.pragma, ("schema_version", "application_id", "user_version")))
            _harden(connection, path)
            _keep_copy(connection, path)
            _migrate(connection)
            fulltext.follow_rules(connection)
            if erasure.is_due(connection):
                erasure.scrub(connection)
            erasure.settle(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def check_database(path: Path) -> None:
    """Refuse a file that is no database of ours without changing anything; one that is not there is fine.

    By its header alone (SQLite file format, 1.3): a crash may have left the rest to the -wal, which `open_writer` reads.

    Raises: ConfigError.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be opened ({error.strerror}); check the file and its directory") from error
    if header and not (len(header) == 100 and header.startswith(b"SQLite format 3\0")):
        raise _strange(path)
    schema, version, application = (int.from_bytes(header[place : place + 4]) for place in (40, 60, 68))
    _recognise(path, schema, application, version)


def open_reader(path: Path) -> apsw.Connection:
    """Open a database that `open_writer` holds open, for reading only."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return connection


@contextmanager
def savepoint(connection: apsw.Connection) -> Iterator[None]:
    """Do all of what follows, or none of it; and read all of it from one moment of the history."""
    with connection:
        yield


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except apsw.NotADBError as error:
        raise _strange(path) from error
    except apsw.Error as error:
        if free_bytes(path.parent) < BYTES_TO_OPEN:
            raise ConfigError(f"{path}: cannot be opened (the disk is full); make room") from error
        raise ConfigError(f"{path}: cannot be opened ({error}); check the file, its directory and its disk") from error


def _strange(path: Path) -> ConfigError:
    return ConfigError(f"{path}: is not a database; move it away or name another data directory")


def _create(path: Path) -> None:
    # SQLite would create it with the umask's mode; its -wal and -shm take the mode of the database.
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be created ({error.strerror}); check that its directory exists") from error
    os.fchmod(file, 0o600)
    os.close(file)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _recognise(path: Path, schema: int, application: int, version: int) -> None:
    """Refuse what is not ours, by what SQLite keeps in the header; `schema` is 0 while there is nothing in it."""
    if not schema:
        return
    if application != APPLICATION_ID:
        raise ConfigError(f"{path}: is another program's database; move it away or name another data directory")
    if version > len(MIGRATIONS):
        raise ConfigError(
            f"{path}: was written by a newer securechat (schema {version}, this one knows {len(MIGRATIONS)}); upgrade"
        )


def _harden(connection: apsw.Connection, path: Path) -> None:
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    _insist(connection, path, "journal_mode", "wal", "wal")
    _insist(connection, path, "synchronous", "full", _FULL)
    _insist(connection, path, "foreign_keys", "on", 1)
    _insist(connection, path, "secure_delete", "on", 1)
    # On macOS an fsync does not reach the disk's platters; elsewhere these change nothing.
    _insist(connection, path, "fullfsync", "on", 1)
    _insist(connection, path, "checkpoint_fullfsync", "on", 1)
    connection.pragma("journal_size_limit", WAL_LIMIT_BYTES)


def _insist(connection: apsw.Connection, path: Path, pragma: str, asked: str, expected: Any) -> None:
    connection.pragma(pragma, asked)
    got = connection.pragma(pragma)
    if got != expected:
        raise ConfigError(f"{path}: SQLite refuses {pragma}={asked} here (it says {got}); use a local file system")


def _keep_copy(connection: apsw.Connection, path: Path) -> None:
    """Copy what an earlier version wrote before it is changed for good."""
    if 0 < connection.pragma("user_version") < len(MIGRATIONS):
        copy_before_migration(connection, path, len(MIGRATIONS))


def _migrate(connection: apsw.Connection) -> None:
    version = connection.pragma("user_version")
    if version == len(MIGRATIONS):
        return
    # All steps or none: half-way is a schema that neither version knows, and would be what the next copy is of.
    with connection:
        for step in MIGRATIONS[version:]:
            connection.execute(step)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", len(MIGRATIONS))

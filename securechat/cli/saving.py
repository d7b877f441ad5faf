"""Backing a data directory up into one file, in a process of its own, and making a data directory of such a file."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import apsw

from securechat import __version__
from securechat.cli.errands import find_config, require_data_directory
from securechat.config import Config
from securechat.errors import ConfigError, SecurechatError
from securechat.server.app import DATABASE
from securechat.server.footprint import occupy
from securechat.storage.archive import (
    FORMAT,
    LARGEST_SMALL,
    SMALL,
    STAGING,
    ArchiveWriter,
    BadArchiveError,
    Manifest,
    require_restored,
    sync_directory,
    unpack,
    unwritable,
    written_whole,
)
from securechat.storage.lock import LOCK_NAME
from securechat.storage.sqlite import check_database, free_bytes
from securechat.storage.sqlite.backup import copy_database, open_snapshot, size_of
from securechat.storage.sqlite.inspection import inspect_database, read_heads
from securechat.wire.times import format_time

_SPARE: Final = 2 * 1024 * 1024
"""Bytes beside two copies of the database."""

Meter = Callable[[int], contextlib.AbstractContextManager[Callable[[int], None]]]
"""Given how many bytes there are to do, yields what is told of so many more that are done."""


@contextlib.contextmanager
def unmetered(_total: int) -> Iterator[Callable[[int], None]]:
    """Show nothing."""
    yield lambda _bytes: None


def back_up(data: Path, target: Path, *, replace: bool, meter: Meter = unmetered) -> Manifest:
    """Write everything a data directory needs into one file, whether its server runs or not.

    The database is read by this process, from one moment: the server's loop and its writer notice nothing of it.
    replace: a file that is there already is replaced, once the new one is whole.
    Raises: ConfigError.
    """
    require_data_directory(data)
    path = data / DATABASE
    check_database(path)
    if not path.exists():
        raise ConfigError(f"{path}: is not there, so there is nothing to back up; name the right directory with --data")
    if target.is_dir():
        raise ConfigError(f"{target}: is a directory; name a file in it")
    if target.absolute().parent.exists() and data.samefile(target.absolute().parent):
        raise ConfigError(f"{target}: is among the files that it is to be a copy of; name a file in another directory")
    if target.exists() and not replace:
        raise ConfigError(f"{target}: exists; name another file, or replace it with --replace")
    small = _read_small(data)
    try:
        with contextlib.closing(open_snapshot(path)) as snapshot:
            size = size_of(snapshot)
            _require_room(data, target, size)
            with meter(2 * size) as advance, written_whole(target) as file:
                return _write(file, snapshot, target, small, advance)
    except apsw.Error as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); run this as the server's user, and see `doctor`"
        ) from None


def _write(
    file: BinaryIO,
    snapshot: apsw.Connection,
    target: Path,
    small: dict[str, bytes],
    advance: Callable[[int], None],
) -> Manifest:
    copy = target.with_name(f".{target.name}.{secrets.token_hex(8)}.db")
    archive = ArchiveWriter(file, advance)
    try:
        try:
            copy_database(snapshot, copy, advance)
        except apsw.Error as error:
            raise unwritable(target, f"copying the database: {error}") from None
        snapshot.close()
        with contextlib.closing(apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)) as copied:
            schema, heads = copied.pragma("user_version"), read_heads(copied)
        for name, content in sorted(small.items()):
            archive.add(name, io.BytesIO(content), len(content))
        with copy.open("rb") as database:
            archive.add(DATABASE, database, os.fstat(database.fileno()).st_size)
    finally:
        copy.unlink(missing_ok=True)
    made = format_time(int(datetime.now(UTC).timestamp() * 1000))
    manifest = Manifest(FORMAT, __version__, schema, made, archive.members, heads)
    archive.finish(manifest)
    return manifest


def _read_small(data: Path) -> dict[str, bytes]:
    """Return settings, certificates and keys, all from one moment: a pair may be renewed while they are read."""
    files = _read_files(data)
    while files != (again := _read_files(data)):
        files = again
    return files


def _read_files(data: Path) -> dict[str, bytes]:
    files = {}
    for path in sorted(data.iterdir()):
        if not SMALL.fullmatch(path.name) or not path.is_file():
            continue
        try:
            files[path.name] = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}); run this as the server's user") from None
        if len(files[path.name]) > LARGEST_SMALL:
            raise ConfigError(f"{path}: is too large to be a setting, a certificate or a key; move it away")
    return files


def _require_room(data: Path, target: Path, size: int) -> None:
    """Refuse what would fill the disk, or leave a server on the same one nothing to store into."""
    try:
        free = free_bytes(target.parent)
        is_shared = target.parent.stat().st_dev == data.stat().st_dev
    except OSError as error:
        raise unwritable(target, error.strerror) from None
    needed = 2 * size + _SPARE + (_settings(data).limits.free_space if is_shared else 0)
    if free < needed:
        raise ConfigError(
            f"{target}: needs {needed} bytes while it is made, and there are {free}; make room, or name another disk"
        )


def _settings(data: Path) -> Config:
    """Return the settings; those that a server would refuse are backed up like any others."""
    try:
        return find_config(data)
    except ConfigError:
        return Config()


def files_elsewhere(data: Path, manifest: Manifest) -> list[str]:
    """Return the files that the settings name and that are not in a backup of this data directory."""
    config = _settings(data)
    named = [name for name in (config.cert, config.key, config.client_ca, config.metrics.token_file) if name]
    saved = {data.resolve() / member.name for member in manifest.members}
    return [name for name in named if Path(name).parent.resolve() / Path(name).name not in saved]


def restore(data: Path, archive: Path, *, meter: Meter = unmetered) -> Manifest:
    """Make a data directory of a backup: it is missing or empty, and it is whole or as it was before.

    Raises: ConfigError; BadArchiveError when the file is not a backup as it was made.
    """
    with occupy(data) as footprint:
        others = sorted(path.name for path in data.iterdir() if path.name != LOCK_NAME)
        require_restored(data, DATABASE)
        if others:
            raise ConfigError(f"{data}: is not empty ({others[0]} is there); restore into another directory")
        staging = data / STAGING
        try:
            staging.mkdir(mode=0o700)
            manifest = _unpack_checked(archive, staging, meter)
            data.chmod(0o700)
            # The database last: without it nobody takes the directory for one that is whole.
            for name in sorted((member.name for member in manifest.members), key=lambda name: name == DATABASE):
                _hand_over(staging / name, data)
                (staging / name).rename(data / name)
            _hand_over(data / LOCK_NAME, data)
            staging.rmdir()
            sync_directory(data)
        except OSError as error:
            raise unwritable(data, error.strerror) from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        footprint.keep()
    return manifest


def _hand_over(path: Path, directory: Path) -> None:
    """Give a file to whose directory it is: an administrator may restore, but the server has to read it."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def check_backup(archive: Path, *, meter: Meter = unmetered) -> Manifest:
    """Check a backup as `restore` does, in a temporary directory (TMPDIR), of which nothing is left.

    Raises: ConfigError; BadArchiveError when the file is not a backup as it was made.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="securechat-") as staging:
            return _unpack_checked(archive, Path(staging), meter)
    except OSError as error:
        raise unwritable(Path(tempfile.gettempdir()), error.strerror) from None


def _unpack_checked(archive: Path, staging: Path, meter: Meter) -> Manifest:
    try:
        size = archive.stat().st_size
        free = free_bytes(staging)
    except OSError as error:
        raise ConfigError(f"{archive}: cannot be read ({error.strerror}); check the path and who owns it") from None
    if free < size + _SPARE:
        raise ConfigError(f"{staging.parent}: has {free} bytes free, and {size + _SPARE} are needed; make room")
    with meter(size) as advance:
        manifest = unpack(archive, staging, [DATABASE], advance)
    database = staging / DATABASE
    if not database.exists():
        raise BadArchiveError(f"{archive}: holds no database")
    try:
        check_database(database)
    except ConfigError as error:
        raise SecurechatError(f"{archive}: {error}") from None
    try:
        inspect_database(database, manifest.streams)
    except BadArchiveError as error:
        raise BadArchiveError(f"{archive}: {error}") from None
    return manifest

"""A backup as one file: a plain tar of files of a data directory, and last of all a manifest that says what they are.

Reading takes nothing for granted: whoever gives us such a file may have made it to do harm. The manifest comes last, so
a file that was cut short has none.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

import msgspec

from securechat.chat.streams import StreamId
from securechat.errors import ConfigError, SecurechatError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PRIVATE: Final = 0o600
SMALL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.(?:pem|key|toml|crl)")
"""Names of settings, certificates and keys."""
LARGEST_SMALL: Final = 1024 * 1024
"""Bytes of one of these."""
LARGEST_MANIFEST: Final = 256 * 1024 * 1024
MOST_MEMBERS: Final = 1000
STAGING: Final = ".restoring"
"""Directory in which a backup is unpacked and checked, inside the one that is made of it."""
_PIECE: Final = 1024 * 1024

Progress = Callable[[int], None]
"""Told of so many more bytes that are done."""


class BadArchiveError(SecurechatError):
    """A file is no backup of ours, or not what it was when it was made; the text says of which file and why."""


class Head(NamedTuple):
    """The newest record of a stream: its seq, and its time in ms since 1970."""

    seq: int
    time: int


class Member(msgspec.Struct, frozen=True):
    """A file in a backup; `sha256` in hex."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds.

    made_by: the version of securechat. schema: of the database. created: when, as IRCv3 server-time writes it.
    streams: the newest record of each stream that has had any.
    """

    format: int
    made_by: str
    schema: int
    created: str
    members: list[Member]
    streams: dict[StreamId, Head]


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file that only we can read, under another name until all of it is on disk; on failure none is left.

    Raises: ConfigError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, PRIVATE)
                yield file
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
            sync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error.strerror) from error


def unwritable(path: Path, reason: str | None) -> ConfigError:
    """Return the error that says why a file cannot be written, and what to do."""
    return ConfigError(f"{path}: cannot be written ({reason}); check that its directory exists, is yours, and has room")


def sync_directory(path: Path) -> None:
    """Have what was renamed in a directory, or into it, stay so."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ArchiveWriter:
    """Writes files into a backup, then the manifest.

    advance: told of what is written of large files.
    """

    def __init__(self, file: BinaryIO, advance: Progress) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._file = file
        self._advance = advance
        self._unflushed = 0
        self.members: list[Member] = []

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        """Add a file of that size, from where `file` is now.

        Raises: OSError.
        """
        reading = _Reading(file, self._note)
        self._tar.addfile(_entry(name, size), reading)  # type: ignore[arg-type]
        self.members.append(Member(name, size, reading.digest.hexdigest()))

    def _note(self, written: int) -> None:
        self._advance(written)
        self._unflushed += written
        # Little by little: a server on the same disk would wait for all of it with its next commit.
        if self._unflushed >= _PIECE:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._unflushed = 0

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest."""
        text = msgspec.json.encode(manifest)
        self._tar.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))
        self._tar.close()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, PRIVATE
    return entry


class _Reading:
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO, advance: Progress) -> None:
        self._file = file
        self._advance = advance
        self.digest = hashlib.sha256()

    def read(self, length: int) -> bytes:
        """Return the next bytes."""
        piece = self._file.read(length)
        self.digest.update(piece)
        self._advance(len(piece))
        return piece


def require_restored(directory: Path, database: str) -> None:
    """Refuse a directory that a backup was being restored into when that was killed: what is there is not all.

    database: the file that gets its place last.
    Raises: ConfigError.
    """
    if (directory / STAGING).exists() and not (directory / database).exists():
        raise ConfigError(f"{directory}: a restore into it was cut short; empty it and restore again")


def unpack(archive: Path, directory: Path, large: Sequence[str], advance: Progress = lambda _bytes: None) -> Manifest:
    """Write what is in a backup into a directory that is empty and ours alone, each file 0600, and check it.

    large: names of files that may have any size. What was written stays when something is wrong.
    Raises: BadArchiveError; ConfigError when a file cannot be read or written.
    """
    members: list[Member] = []
    try:
        with archive.open("rb") as file:
            return _unpack(file, archive, directory, large, advance, members)
    except (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        # What `tarfile` makes of headers that nobody writes by mistake.
        raise BadArchiveError(f"{archive}: is no backup, or a damaged one ({error})") from None
    except OSError as error:
        if error.filename is not None and Path(error.filename) == archive:
            raise ConfigError(f"{archive}: cannot be read ({error.strerror}); check the path and who owns it") from None
        raise unwritable(directory, error.strerror) from None


def _unpack(
    file: BinaryIO, archive: Path, directory: Path, large: Sequence[str], advance: Progress, members: list[Member]
) -> Manifest:
    with tarfile.open(fileobj=cast(BinaryIO, _Bounded(file, archive)), mode="r:") as tar:
        for count, entry in enumerate(tar):
            if count >= MOST_MEMBERS:
                raise BadArchiveError(f"{archive}: holds more files than any backup")
            _refuse_strange(archive, entry, large, {member.name for member in members})
            content = tar.extractfile(entry)
            if content is None:
                raise BadArchiveError(f"{archive}: {entry.name!r} is no plain file")
            if entry.name == MANIFEST:
                manifest = _read_manifest(archive, content.read())
                _compare(archive, manifest, members)
                return manifest
            members.append(_write_member(archive, entry, _Reading(content, advance), directory))  # type: ignore[arg-type]
    raise BadArchiveError(f"{archive}: is cut short, or no backup: it has no manifest at its end")


class _Bounded:
    """A file that is read as a tar: what a header says of its size is believed by `tarfile`, and memory is taken for it."""

    def __init__(self, file: BinaryIO, archive: Path) -> None:
        self._file = file
        self._archive = archive
        self.tell, self.seek = file.tell, file.seek

    def read(self, length: int) -> bytes:
        """Return the next bytes. Raises: BadArchiveError for more than a backup can ask for at once."""
        if length > LARGEST_MANIFEST + tarfile.BLOCKSIZE:
            raise BadArchiveError(f"{self._archive}: is no backup, or a damaged one (a header is too large)")
        return self._file.read(length)


def _refuse_strange(archive: Path, entry: tarfile.TarInfo, large: Sequence[str], seen: set[str]) -> None:
    name = entry.name
    if not entry.isreg() or entry.issparse():
        raise BadArchiveError(f"{archive}: {name!r} is no plain file")
    if name not in (MANIFEST, *large) and not SMALL.fullmatch(name):
        raise BadArchiveError(f"{archive}: {name!r} is no file of a backup")
    if name in seen:
        raise BadArchiveError(f"{archive}: {name!r} is there twice")
    most = LARGEST_MANIFEST if name == MANIFEST else None if name in large else LARGEST_SMALL
    if entry.size < 0 or (most is not None and entry.size > most):
        raise BadArchiveError(f"{archive}: {name!r} is too large")


def _write_member(archive: Path, entry: tarfile.TarInfo, content: _Reading, directory: Path) -> Member:
    descriptor = os.open(directory / entry.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    size = 0
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, PRIVATE)
        while piece := content.read(_PIECE):
            size += file.write(piece)
        file.flush()
        os.fsync(descriptor)
    if size != entry.size:
        raise BadArchiveError(f"{archive}: is cut short within {entry.name!r}")
    return Member(entry.name, size, content.digest.hexdigest())


def _read_manifest(archive: Path, text: bytes) -> Manifest:
    try:
        found = msgspec.json.decode(text)
        version = found.get("format") if isinstance(found, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise BadArchiveError(f"{archive}: was made by a newer securechat; upgrade")
        return msgspec.convert(found, Manifest)
    except msgspec.MsgspecError as error:
        raise BadArchiveError(f"{archive}: its manifest cannot be read ({error})") from None


def _compare(archive: Path, manifest: Manifest, members: list[Member]) -> None:
    told = {member.name: member for member in manifest.members}
    found = {member.name: member for member in members}
    for name in sorted(told.keys() | found.keys()):
        if name not in found:
            raise BadArchiveError(f"{archive}: {name!r} is missing")
        if told.get(name) != found[name]:
            raise BadArchiveError(f"{archive}: {name!r} is not what it was when the backup was made")

"""Messages of ours that have no answer yet, in a file that outlives us.

One line of JSON for each message, flushed to disk before it is sent, and one when it has its answer; empty again as
soon as nothing waits. A file belongs to the client that has it locked, so two at once on one home have one each; what a
client that was killed has left in its file is taken over by the next that starts. The ids stay the same, so a message
that two of them send is stored once all the same.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from securechat.client.errors import Unsendable
from securechat.client.outbox import MAX_PENDING, Delivery, Outgoing
from securechat.errors import ConfigError

FILES: Final = 64
"""Clients at once on one home."""
MAX_BYTES: Final = 16 << 20
"""A file longer than this is none of ours."""

_FIELDS: Final = ("id", "target", "text", "command", "reply_to")


class Journal:
    """The file of this client; made by `open`.

    left: what was waiting when it was opened, oldest first; nobody knows whether the server has it.
    complaint: what could not be read of it, in words for people, or "".
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.left: tuple[Outgoing, ...] = ()
        self.complaint = ""
        self._descriptor = descriptor
        self._waiting: set[str] = set()

    @classmethod
    def open(cls, home: Path) -> Self:
        """Take the first file in `home` that no other client holds, and what clients that are gone have left.

        Raises:
            ConfigError: there is none, or it cannot be used.
        """
        try:
            mine: Self | None = None
            for path in (home / f"outbox-{number}.jsonl" for number in range(1, FILES + 1)):
                if mine is not None and not path.exists():
                    continue
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                if not _lock(descriptor):
                    os.close(descriptor)
                elif mine is None:
                    mine = cls(path, descriptor)
                    mine._begin()
                else:
                    mine._take_over(cls(path, descriptor))
        except OSError as error:
            raise ConfigError(f"{home}: unsent messages cannot be kept there: {error.strerror}") from error
        if mine is None:
            raise ConfigError(f"{home}: {FILES} clients use it already")
        return mine

    def keep(self, message: Outgoing) -> None:
        """Keep a message: it is on disk when this returns.

        Raises:
            Unsendable: it could not be kept, so it must not be sent.
        """
        self._append([message])

    def let_go(self, message_id: str) -> None:
        """Keep a message no longer: it has its answer."""
        self._waiting.discard(message_id)
        # What fails here is not worth a word: at worst it is sent once more with its id, and stored once.
        with suppress(OSError):
            if self._waiting:
                self._write(_line({"answered": message_id}), flushed=False)
            else:
                os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """Let others have the file."""
        os.close(self._descriptor)

    def _begin(self) -> None:
        # The file's own name must be on disk too.
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._read()

    def _read(self) -> None:
        size = os.fstat(self._descriptor).st_size
        content = os.pread(self._descriptor, min(size, MAX_BYTES), 0)
        self.left, unreadable = parse_journal(content)
        self._waiting = {message.id for message in self.left}
        if unreadable:
            self.complaint = f"{self.path}: {unreadable} lines cannot be read; what they held is not sent again"
        if not self.left:
            os.ftruncate(self._descriptor, 0)
        elif not content.endswith(b"\n"):
            os.ftruncate(self._descriptor, content.rfind(b"\n") + 1)

    def _take_over(self, other: Self) -> None:
        other._read()
        found = [message for message in other.left if message.id not in self._waiting]
        try:
            self._append(found)
        except Unsendable as error:
            # It stays whole where it is, for the next start that has room.
            self.complaint = self.complaint or f"{other.path}: what waits there is not sent now: it {error}"
        else:
            self.left += tuple(found)
            self.complaint = self.complaint or other.complaint
            os.ftruncate(other._descriptor, 0)
        other.close()

    def _append(self, messages: list[Outgoing]) -> None:
        if not messages:
            return
        lines = b"".join(_line({name: getattr(message, name) for name in _FIELDS}) for message in messages)
        try:
            self._write(lines, flushed=True)
        except OSError as error:
            raise Unsendable(f"cannot be kept in {self.path}: {error.strerror}") from error
        self._waiting.update(message.id for message in messages)

    def _write(self, lines: bytes, *, flushed: bool) -> None:
        """Add lines: all of them or, with an OSError, none."""
        size = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if flushed:
                os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise


def parse_journal(content: bytes) -> tuple[tuple[Outgoing, ...], int]:
    """Return what waits, oldest first, and how many lines make no sense.

    A last line without an end was never flushed, so it was never sent: it counts as not written.
    """
    waiting: dict[str, Outgoing] = {}
    unreadable = 0
    for line in content.split(b"\n")[:-1]:
        if not line:
            continue
        try:
            entry = json.loads(line)
            answered = entry.get("answered")
            fields = {name: entry[name] for name in _FIELDS} if answered is None else {}
        except (ValueError, AttributeError, KeyError):
            unreadable += 1
            continue
        if isinstance(answered, str):
            waiting.pop(answered, None)
        elif fields and _is_message(fields) and len(waiting) < MAX_PENDING:
            waiting[fields["id"]] = Outgoing(**fields, delivery=Delivery.UNKNOWN)
        else:
            unreadable += 1
    return tuple(waiting.values()), unreadable


def _is_message(fields: dict[str, Any]) -> bool:
    return all(isinstance(word, str) for word in fields.values()) and fields["command"] in ("PRIVMSG", "NOTICE")


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _line(entry: dict[str, str]) -> bytes:
    return json.dumps(entry).encode() + b"\n"

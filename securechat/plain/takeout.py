"""One's own data taken along: the rows of ACCOUNT EXPORT as lines of JSON, written as they come. (docs/protocol.md)"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from securechat.client.errors import Unsendable
from securechat.client.events import Disconnected, Event, ExportEnded, ExportRow, Failed
from securechat.client.private import PRIVATE_FILE
from securechat.errors import SecurechatError


class BrokenOff(SecurechatError):
    """An export that is not whole, and why."""


class Rows:
    """Counts the rows of one export, so that none is missing."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, row: ExportRow) -> str:
        """Return a row as a line in ASCII, in which nothing acts on a terminal.

        Raises:
            BrokenOff: it is not the next one, or no JSON object.
        """
        if row.number != self.count + 1:
            raise BrokenOff(f"after row {self.count} came row {row.number}")
        try:
            entry = json.loads(row.text)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            raise BrokenOff(f"row {row.number} is no JSON object")
        self.count += 1
        return json.dumps(entry)


class Takeout:
    """Has an export written to a file of its own, one at a time. What is not whole is not left behind.

    tell: prints a remark.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._path = Path()
        self._file: int | None = None
        self._rows = Rows()
        self._is_over = asyncio.Event()
        self._is_over.set()

    def begin(self, path: Path) -> None:
        """Make the file, which only its owner can read.

        Raises:
            Unsendable: it cannot be made, or is there already, or another export is under way.
        """
        if self._file is not None:
            raise Unsendable(f"an export into {self._path} is under way")
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        except (OSError, ValueError) as error:
            raise Unsendable(f"{path}: {getattr(error, 'strerror', error)}") from error
        self._path = path
        self._rows = Rows()
        self._is_over.clear()
        self._tell(f"your data is being written into {path}; what else you ask for waits for the end of it")

    def take(self, event: Event) -> bool:
        """Take an event; tell whether it was a part of the export."""
        if self._file is None:
            return False
        match event:
            case ExportRow():
                self._write(event)
            case ExportEnded():
                self._finish()
            case Disconnected():
                self.break_off("the connection is lost")
                return False
            case Failed(command="ACCOUNT", context="" | "EXPORT"):
                self.break_off(event.reason or event.code)
            case _:
                return False
        return True

    def break_off(self, reason: str) -> None:
        """Remove what was written so far, if anything is being written."""
        if self._file is None:
            return
        # The file is ours: it was not there before.
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._close()
        self._tell(f"nothing is exported: {reason}; {self._path} is removed")

    async def wait(self) -> None:
        """Wait until nothing is being written."""
        await self._is_over.wait()

    def _write(self, row: ExportRow) -> None:
        assert self._file is not None
        try:
            line = f"{self._rows.read(row)}\n".encode()
            if os.write(self._file, line) < len(line):
                raise BrokenOff("no room for the whole of it")
        except OSError as error:
            self.break_off(str(error.strerror))
        except BrokenOff as error:
            self.break_off(str(error))

    def _finish(self) -> None:
        assert self._file is not None
        try:
            os.fsync(self._file)
        except OSError as error:
            self.break_off(str(error.strerror))
            return
        self._close()
        count = self._rows.count
        self._tell(f"{count} {'row is' if count == 1 else 'rows are'} in {self._path}, which only you can read")

    def _close(self) -> None:
        assert self._file is not None
        descriptor, self._file = self._file, None
        self._is_over.set()
        os.close(descriptor)


def name_file(nick: str, now: datetime) -> Path:
    """Return the file for an export that was given none: in the current directory, and a new one every second."""
    return Path(f"securechat-{nick}-{now:%Y%m%d-%H%M%S}.jsonl")

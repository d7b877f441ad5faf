"""python -m tests.crash.broken_server VARIANT …: securechat-server, broken on purpose; the checker must find out how.

ack-before-commit          tells the followers first; on a slow disk, so that a kill can come in between
slow-disk                  the same disk under a sound server: the control of that control
ids-not-unique             stores a message as often as it is sent
seq-outside-transaction    takes numbers when an append is submitted, so that one that is not stored leaves a hole
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from securechat.storage.sqlite import SqliteStore
from tests.controls import broken

WRITE_SECONDS = 0.0005


class SlowDisk(apsw.VFS):
    """The default VFS, but a write to the WAL takes a while."""

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        super().__init__("securechat-slow", self.real, makedefault=True)

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        kind = SlowFile if flags[0] & apsw.SQLITE_OPEN_WAL else apsw.VFSFile
        return kind(self.real, name, flags)


class SlowFile(apsw.VFSFile):
    """A WAL on it."""

    def xWrite(self, content: bytes, offset: int) -> None:  # noqa: N802
        time.sleep(WRITE_SECONDS)
        super().xWrite(content, offset)


_disks: list[SlowDisk] = []


def slow_down() -> None:
    """Put the slow disk under everything."""
    _disks.append(SlowDisk())


def acknowledge_before_commit() -> None:
    """Deliver, then commit."""
    slow_down()
    broken.deliver_before_commit()


def number_at_submission() -> None:
    """Number at submission, going on where the database stands: the variant's own counters know one process only."""
    broken.number_at_submission()
    open_store = SqliteStore.open.__func__  # type: ignore[attr-defined]

    def open_counted(kind: type[SqliteStore], /, path: Path, **ports: Any) -> SqliteStore:
        store: Any = open_store(kind, path, **ports)
        connection = apsw.Connection(str(path))
        store.counters = defaultdict(int, dict(connection.execute("SELECT name, seq FROM streams")))
        connection.close()
        return store  # type: ignore[no-any-return]

    broken.patch(SqliteStore, open=classmethod(open_counted))


VARIANTS: dict[str, Callable[[], None]] = {
    "ack-before-commit": acknowledge_before_commit,
    "slow-disk": slow_down,
    "ids-not-unique": broken.store_ids_again,
    "seq-outside-transaction": number_at_submission,
}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()
    from securechat.cli.server import main

    main()

"""A disk under SQLite that remembers what is written and flushed, and breaks when told to."""

from __future__ import annotations

from collections.abc import Callable

import apsw


class Disk(apsw.VFS):
    """The default VFS while it is in use; every file is a real one.

    trace: ("write" | "sync", last part of the file's name), in order.
    full: writing fails; broken: flushing fails; on_sync: called before each flush, in the thread that waits for it.
    """

    NAME = "securechat-tests"

    def __init__(self) -> None:
        self.real = apsw.vfs_names()[0]
        super().__init__(self.NAME, self.real, makedefault=True)
        self.trace: list[tuple[str, str]] = []
        self.full = False
        self.broken = False
        self.on_sync: Callable[[], object] = lambda: None

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return File(self, name, flags)


class File(apsw.VFSFile):
    """One file of the disk."""

    def __init__(self, disk: Disk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        super().__init__(disk.real, name, flags)
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.name = path.rpartition("/")[2]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self.disk.full:
            raise apsw.FullError("no space left")
        self.disk.trace.append(("write", self.name))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.disk.broken:
            raise apsw.IOError("the flush failed")
        self.disk.on_sync()
        self.disk.trace.append(("sync", self.name))
        super().xSync(flags)

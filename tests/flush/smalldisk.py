"""A real file system of a few MB in memory, in a mount namespace of its own: it is gone when its keeper ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_MOUNT = 'mount -t tmpfs -o size=$1 tmpfs "$2" && echo mounted && exec cat'


class SmallDisk:
    """A file system that programs started `under` it find at `mount`, and this process at `seen`."""

    def __init__(self, mount: Path, size: int) -> None:
        self.mount = mount
        own_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        command = ["unshare", *own_user, "--mount", "sh", "-c", _MOUNT, "sh", str(size), str(mount)]
        self._keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._keeper.stdout is not None
        self.is_there = self._keeper.stdout.readline() == "mounted\n"
        enter_user = ["--user", "--preserve-credentials"] if own_user else []
        self.under = ["nsenter", "--target", str(self._keeper.pid), *enter_user, "--mount", "--wd=/", "--"]
        self.seen = Path(f"/proc/{self._keeper.pid}/root") / mount.relative_to("/")
        self._ballast = self.seen / "ballast"

    @property
    def free(self) -> int:
        """Bytes free."""
        state = os.statvfs(self.seen)
        return state.f_bavail * state.f_frsize

    def leave_free(self, size: int) -> None:
        """Let somebody else take up everything but so many bytes."""
        self.make_room()
        with self._ballast.open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, self.free - size)

    def make_room(self) -> None:
        """Give back what was taken up."""
        self._ballast.unlink(missing_ok=True)

    def remove(self) -> str:
        """End the keeper and with it the file system; return what it complained of."""
        self._keeper.kill()
        return self._keeper.communicate()[1].strip()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of 8 MiB; skips where none can be mounted."""
    for program in ("unshare", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not there: no file system can be mounted for this test alone")
    mount = tmp_path / "disk"
    mount.mkdir()
    disk = SmallDisk(mount, 8 * 1024 * 1024)
    if not disk.is_there:
        pytest.skip(f"no file system can be mounted here: {disk.remove()}")
    yield disk
    disk.remove()

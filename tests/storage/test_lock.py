"""The lock on a data directory."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from securechat.errors import ConfigError
from securechat.storage.lock import DirectoryLock

HOLD = """
import sys
from pathlib import Path
from securechat.storage.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_directory_locked_by_another_process_is_refused_and_its_pid_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        before = (tmp_path / "lock").read_bytes()
        with pytest.raises(ConfigError, match=rf"in use by another securechat process \(pid {holder.pid}\); stop it"):
            DirectoryLock(tmp_path)
        assert (tmp_path / "lock").read_bytes() == before
        holder.kill()
    with DirectoryLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_excludes_its_own_process_too_until_it_is_released(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(ConfigError, match=f"pid {os.getpid()}"):
        DirectoryLock(tmp_path)
    lock.release()
    lock.release()
    DirectoryLock(tmp_path).release()


@pytest.mark.parametrize("umask", [0o000, 0o277])
def test_the_lock_file_is_the_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with DirectoryLock(tmp_path):
            assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_directory_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"nowhere: cannot be locked \(No such file or directory\); check that it exists"
    ):
        DirectoryLock(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_was_removed_before_it_could_be_locked_protects_nothing_and_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def lose_it_first(file: int, operation: int) -> None:
        (tmp_path / "lock").unlink()
        flock(file, operation)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lose_it_first)
        with pytest.raises(ConfigError, match="has just let it go; try again"):
            DirectoryLock(tmp_path)
    DirectoryLock(tmp_path).release()

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from securechat.errors import ConfigError
from securechat.pki import files


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 000", "umask 022", "umask 077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The mode every new file has at the moment it comes into being, before a byte is written."""
    seen: list[tuple[str, int]] = []
    real = os.open

    def watch(path: os.PathLike[str], flags: int, mode: int = 0o777) -> int:
        descriptor = real(path, flags, mode)
        if flags & os.O_CREAT:
            assert flags & os.O_EXCL
            seen.append((Path(path).name, stat.S_IMODE(os.fstat(descriptor).st_mode)))
        return descriptor

    monkeypatch.setattr(os, "open", watch)
    return seen


def test_a_private_file_is_0600_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    files.write_private(tmp_path / "k", b"key")
    assert mode_of(tmp_path / "k") == 0o600
    assert (tmp_path / "k").read_bytes() == b"key"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_writes_is_for_whose_directory_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 12345, 23456)
    files.write_private(tmp_path / "data" / "server.key", b"key")
    status = (tmp_path / "data" / "server.key").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_that_root_makes_is_for_whose_directory_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 12345, 23456)
    files.make_private_directory(tmp_path / "data" / "people" / "clients")
    for path in (tmp_path / "data" / "people", tmp_path / "data" / "people" / "clients"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)
    files.make_private_directory(tmp_path)
    assert tmp_path.stat().st_uid == 0


def test_a_public_file_is_0644_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    files.write_together([(tmp_path / "c", b"certificate", files.PUBLIC_FILE)])
    assert mode_of(tmp_path / "c") == 0o644


def test_a_private_file_is_private_from_the_moment_it_exists(
    tmp_path: Path, umask: int, created: list[tuple[str, int]]
) -> None:
    files.write_private(tmp_path / "k", b"key")
    assert [mode for _, mode in created] == [0o600]


def test_the_watch_on_creation_sees_a_file_that_begins_readable(tmp_path: Path, created: list[tuple[str, int]]) -> None:
    before = os.umask(0)
    try:
        files.write_together([(tmp_path / "c", b"", files.PUBLIC_FILE)])
    finally:
        os.umask(before)
    assert [mode for _, mode in created] == [0o644]


def test_a_replaced_file_that_was_readable_becomes_private(tmp_path: Path, umask: int) -> None:
    (tmp_path / "k").write_bytes(b"old")
    (tmp_path / "k").chmod(0o644)
    files.write_private(tmp_path / "k", b"new")
    assert mode_of(tmp_path / "k") == 0o600
    assert (tmp_path / "k").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["k"]


def test_nothing_is_replaced_before_everything_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old a")
    (tmp_path / "b").write_bytes(b"old b")
    syncs = 0
    real = os.fsync

    def fill_the_disk(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fill_the_disk)
    with pytest.raises(ConfigError, match=r"b: cannot be written \(No space left on device\)"):
        files.write_together([(tmp_path / "a", b"new a", 0o600), (tmp_path / "b", b"new b", 0o644)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old a", "b": b"old b"}


def test_data_reaches_the_disk_before_the_name_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        steps.append("sync directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        real_sync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    files.write_private(tmp_path / "k", b"key")
    assert steps == ["sync file", "rename", "sync directory"]


def test_a_private_directory_is_0700_whatever_the_umask_and_an_existing_one_keeps_its_mode(
    tmp_path: Path, umask: int
) -> None:
    files.make_private_directory(tmp_path / "new")
    assert mode_of(tmp_path / "new") == 0o700
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o750)
    files.make_private_directory(tmp_path / "old")
    assert mode_of(tmp_path / "old") == 0o750


def test_what_cannot_be_written_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        files.write_private(tmp_path / "absent" / "k", b"key")
    assert str(refused.value) == (
        f"{tmp_path}/absent/k: cannot be written (No such file or directory): "
        f"check who owns {tmp_path}/absent and the space left there"
    )
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be made a directory"):
        files.make_private_directory(tmp_path / "file")

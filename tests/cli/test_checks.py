"""What is looked at before a first start and by doctor: each fault has its own line and remedy."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from securechat.cli import checks

RELEASE_DAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "newest", "ok", "fatal"),
    [
        (datetime(2026, 11, 22, 12, tzinfo=UTC), None, True, False),
        (datetime(2026, 12, 24, tzinfo=UTC), datetime(2026, 12, 23, tzinfo=UTC), True, False),
        (datetime(1970, 1, 1, tzinfo=UTC), None, False, True),
        (datetime(2026, 11, 1, tzinfo=UTC), None, False, True),
        (datetime(2060, 1, 1, tzinfo=UTC), None, False, False),
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC), False, False),
        (datetime(2026, 12, 1, 12, 0, tzinfo=UTC), datetime(2026, 12, 1, 12, 1, tzinfo=UTC), True, False),
    ],
)
def test_a_clock_that_cannot_be_right_is_found(
    monkeypatch: pytest.MonkeyPatch, now: datetime, newest: datetime | None, ok: bool, fatal: bool
) -> None:
    monkeypatch.setattr(checks, "RELEASED", "2026-11-22")
    found = checks.check_clock(now, None if newest is None else int(newest.timestamp() * 1000))
    assert (found.ok, found.fatal) == (ok, fatal)
    assert ok or "timedatectl" in found.remedy


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_a_port_that_is_taken_is_found_and_a_free_one_is_not(taken: int) -> None:
    assert checks.check_port("127.0.0.1", 0).ok
    found = checks.check_port("127.0.0.1", taken)
    assert (found.ok, found.fatal, found.what) == (False, False, "port")
    assert found.line().startswith("  FIX  port         127.0.0.1:")
    assert found.line().endswith("address already in use - stop what uses it, or choose another with --listen")
    assert checks.check_port("203.0.113.7", 0).seen == "203.0.113.7:0: cannot assign requested address"


def test_a_name_that_leads_nowhere_is_no_reason_not_to_start() -> None:
    here, nowhere = checks.check_names(["localhost", "no-such-host.invalid"])
    assert here.ok
    assert (nowhere.ok, nowhere.fatal) == (False, False)


def test_files_that_others_can_read_or_change_are_found(tmp_path: Path) -> None:
    for name, mode in {
        "ca.key": 0o640,
        "ca.pem": 0o644,
        "server.pem": 0o666,
        "securechat.db": 0o600,
        "config.toml": 0o604,
    }.items():
        path = tmp_path / name
        path.touch()
        path.chmod(mode)
    found = {Path(each.remedy.split()[-1]).name: each.remedy.split()[1] for each in checks.check_files(tmp_path)}
    assert found == {"ca.key": "600", "server.pem": "600", "config.toml": "600"}


def test_a_link_that_leads_nowhere_is_no_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.symlink_to(tmp_path / "gone")
    found = checks.check_ownership(data)
    assert (found.fatal, found.seen) == (True, f"{data} is no directory")


@pytest.mark.parametrize(("mode", "fatal"), [(0o777, True), (0o1773, True), (0o770, False)])
def test_a_directory_that_others_can_write_is_found(tmp_path: Path, mode: int, fatal: bool) -> None:
    tmp_path.chmod(mode)
    (found,) = checks.check_files(tmp_path)
    assert (found.ok, found.remedy) == (False, f"chmod 700 {tmp_path}")
    assert checks.check_ownership(tmp_path).fatal == fatal
    tmp_path.chmod(0o755)
    assert all(each.ok for each in [*checks.check_files(tmp_path), checks.check_ownership(tmp_path)])


def test_a_directory_in_which_all_is_private_is_well(tmp_path: Path) -> None:
    (tmp_path / "ca.key").touch(mode=0o600)
    (found,) = checks.check_files(tmp_path)
    assert found.ok


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_somebody_elses_directory_is_refused_before_anything_is_made_in_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    found = checks.check_ownership(data)
    assert (found.ok, found.fatal) == (False, True)
    assert "belongs to nobody" in found.seen
    os.chown(data, 0, 0)
    assert checks.check_ownership(data).ok


def test_little_room_is_told_before_it_is_too_little(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "free_bytes", lambda _place: 100_000_000)
    assert checks.check_disk(tmp_path / "not" / "there" / "yet", 10_000_000).ok
    found = checks.check_disk(tmp_path, 64_000_000)
    assert (found.ok, found.seen) == (False, f"100 MB free at {tmp_path}; below 64 MB nothing is stored")

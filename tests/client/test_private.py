"""Files for nobody else: whatever the umask is, and whatever stands in their place."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from securechat.client.private import hold_directory, make_private_directory, write_private


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set a umask for the test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_is_its_owners_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    write_private(tmp_path / "token", b"secret")
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    make_private_directory(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) & 0o077 == 0


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    other, token = tmp_path / "other", tmp_path / "token"
    other.write_bytes(b"of somebody else")
    other.chmod(0o644)
    token.symlink_to(other)
    write_private(token, b"secret")
    assert other.read_bytes() == b"of somebody else"
    assert not token.is_symlink()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "token"]


def test_a_directory_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []

    def follow() -> None:
        with hold_directory(tmp_path):
            order.append("second")

    with hold_directory(tmp_path):
        thread = threading.Thread(target=follow)
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]

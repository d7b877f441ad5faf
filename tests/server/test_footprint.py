"""What a start that fails takes back, and what it must not touch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from securechat.errors import ConfigError
from securechat.server.footprint import occupy


def fail_after_making(data: Path, *names: str) -> set[str]:
    """Make files during a start that fails; return which there are afterwards."""
    with suppress(ConfigError), occupy(data):
        for name in names:
            (data / name).touch()
        raise ConfigError("the start fails")
    return {path.name for path in data.iterdir()} if data.exists() else set()


def test_the_wal_of_a_database_that_was_there_is_left_since_it_may_be_half_written_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "securechat.db").touch()
    assert fail_after_making(data, "securechat.db-wal", "securechat.db-shm", "server.pem") == {
        *("securechat.db", "securechat.db-wal", "securechat.db-shm")
    }


def test_control_a_database_that_was_not_there_goes_with_its_wal(tmp_path: Path) -> None:
    data = tmp_path / "made" / "data"
    assert fail_after_making(data, "securechat.db", "securechat.db-wal", "server.pem") == set()
    assert not (tmp_path / "made").exists()

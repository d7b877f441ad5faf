"""A start inside this process: what only a changed machine shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from securechat.config import Config
from securechat.errors import ConfigError
from securechat.server import app
from securechat.server.app import Endpoint, Setup, serve
from securechat.server.footprint import occupy
from tests.cli.listing import list_directory


def make_nothing() -> tuple[Path, Path]:
    raise AssertionError("prepared before the addresses were had")


async def test_only_ipv6_addresses_on_a_machine_without_ipv6_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_has_ipv6", lambda: False)
    setup = Setup(
        tmp_path / "data",
        Config(),
        [Endpoint("::1", 0)],
        "chat.example",
        prepare=make_nothing,
        ready=lambda _endpoints: None,
        spare_ipv6=True,
    )
    with pytest.raises(ConfigError, match="this machine has no IPv6; add another"):
        await serve(setup)
    assert list_directory(tmp_path) == {}


def break_off(data: Path, error: Exception, *, serving: bool) -> None:
    """Start, make a file, and fail before or after it is served from."""
    with occupy(data) as footprint:
        (data / "securechat.db").write_text("new")
        if serving:
            footprint.keep()
        raise error


@pytest.mark.parametrize("error", [ConfigError("the operator's"), OSError("the machine's"), RuntimeError("ours")])
@pytest.mark.parametrize("existing", [[], ["kept.txt"], ["lock", "kept.txt"]])
def test_whatever_ends_a_start_takes_back_what_it_made_and_nothing_else(
    tmp_path: Path, error: Exception, existing: list[str]
) -> None:
    data = tmp_path / "made" / "data"
    for name in existing:
        data.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("")
    before = list_directory(tmp_path)
    with pytest.raises(type(error), match=str(error)):
        break_off(data, error, serving=False)
    # A lock that was there is locked by nobody, and private from now on.
    after = {path: entry for path, entry in list_directory(tmp_path).items() if path != "made/data/lock"}
    assert after == {path: entry for path, entry in before.items() if path != "made/data/lock"}
    assert (data / "lock").exists() == ("lock" in existing)


def test_what_a_start_made_stays_once_it_serves(tmp_path: Path) -> None:
    data = tmp_path / "made" / "data"
    with pytest.raises(RuntimeError, match="ours"):
        break_off(data, RuntimeError("ours"), serving=True)
    assert set(list_directory(data)) == {"lock", "securechat.db"}

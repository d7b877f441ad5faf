"""Where a token is kept, with keyrings that work, keep nothing, raise, or never answer."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from securechat.client import credentials
from securechat.client.address import Address
from securechat.client.credentials import Credentials
from securechat.errors import ConfigError

TOKEN = "sct_" + "a" * 52


class WorkingKeyring:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, name: str, secret: str) -> None:
        self.held[service, name] = secret

    def get_password(self, service: str, name: str) -> str | None:
        return self.held.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        del self.held[service, name]


class ForgetfulKeyring(WorkingKeyring):
    """What stands in where there is none: takes everything, keeps nothing."""

    def set_password(self, service: str, name: str, secret: str) -> None:
        """Do nothing."""


class RaisingKeyring(WorkingKeyring):
    """A backend whose desktop is not there."""

    def set_password(self, service: str, name: str, secret: str) -> None:
        raise RuntimeError("no D-Bus")

    get_password = delete_password = set_password  # type: ignore[assignment]


class PanickingKeyring(WorkingKeyring):
    """A backend in Rust that gives up."""

    def set_password(self, service: str, name: str, secret: str) -> None:
        raise BaseException("panic")

    get_password = delete_password = set_password  # type: ignore[assignment]


@pytest.fixture
def hanging() -> Iterator[SimpleNamespace]:
    """A keyring that waits for somebody to unlock it."""
    unlocked = threading.Event()

    def wait(*_: str) -> None:
        unlocked.wait(30)

    yield SimpleNamespace(set_password=wait, get_password=wait, delete_password=wait)
    unlocked.set()


@pytest.fixture
def kept(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "account", Address("chat.example"), "alice")


def install(monkeypatch: pytest.MonkeyPatch, keyring: object) -> None:
    monkeypatch.setitem(sys.modules, "keyring", keyring)  # type: ignore[arg-type]


def test_a_keyring_that_works_holds_the_token_and_no_file_does(
    kept: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = WorkingKeyring()
    install(monkeypatch, keyring)
    assert kept.keep(TOKEN) == "keyring"
    assert keyring.held == {("securechat", "alice@chat.example:6697"): TOKEN}
    assert not kept.path.exists()
    assert kept.find("keyring") == TOKEN
    kept.forget("keyring")
    assert keyring.held == {}
    assert kept.find("keyring") == ""


@pytest.mark.parametrize("keyring", [None, ForgetfulKeyring(), RaisingKeyring(), PanickingKeyring(), SimpleNamespace()])
def test_without_one_that_works_a_private_file_holds_it(
    kept: Credentials, monkeypatch: pytest.MonkeyPatch, keyring: object
) -> None:
    install(monkeypatch, keyring)
    assert kept.keep(TOKEN) == "file"
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700
    assert kept.find("file") == TOKEN
    assert kept.find("keyring") == kept.find("") == ""
    kept.forget("file")
    kept.forget("file")
    assert kept.find("file") == ""


def test_a_keyring_that_never_answers_is_given_up(
    kept: Credentials, monkeypatch: pytest.MonkeyPatch, hanging: SimpleNamespace
) -> None:
    monkeypatch.setattr(credentials, "KEYRING_PATIENCE", 0.05)
    monkeypatch.setattr(credentials, "_given_up", threading.Event())
    install(monkeypatch, hanging)
    assert kept.find("keyring") == ""
    assert [thread.name for thread in threading.enumerate()].count("keyring") == 1
    assert kept.keep(TOKEN) == "file"
    kept.forget("keyring")
    assert not kept.path.exists()
    # Nobody waits for it a second time.
    assert [thread.name for thread in threading.enumerate()].count("keyring") == 1


def test_where_nothing_can_be_kept_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, None)
    (tmp_path / "account").write_text("a file in the way")
    with pytest.raises(ConfigError, match="cannot be kept there"):
        Credentials(tmp_path / "account", Address("chat.example"), "alice").keep(TOKEN)


def test_a_file_in_the_way_does_not_keep_a_token_out_of_the_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, WorkingKeyring())
    (tmp_path / "account").write_text("a file in the way")
    assert Credentials(tmp_path / "account", Address("chat.example"), "alice").keep(TOKEN) == "keyring"

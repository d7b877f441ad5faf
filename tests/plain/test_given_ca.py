"""A CA file that is given at a first contact: the server proves to be of it before a password is asked for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from securechat.errors import Fault, UnreachableError
from securechat.plain import access as module
from securechat.plain.access import build_access
from tests.client.tlsserver import YESTERDAY, make_context, serving, speak_tls


class Asked(Exception):
    """Somebody was asked for the password."""


@pytest.fixture(autouse=True)
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_password(user: str, where: str) -> str:
        raise Asked

    monkeypatch.setattr(module, "is_somebody_there", lambda: True)
    monkeypatch.setattr(module, "ask_password", ask_password)


def show_another_ca(_: trustme.CA) -> ssl.SSLContext:
    return make_context(trustme.CA(), shows_authority=True)


def show_another_name(authority: trustme.CA) -> ssl.SSLContext:
    return make_context(authority, "elsewhere.example")


def show_expired(authority: trustme.CA) -> ssl.SSLContext:
    return make_context(authority, not_after=YESTERDAY)


@pytest.mark.parametrize(
    ("show", "fault"),
    [
        (show_another_ca, Fault.UNKNOWN_CA),
        (show_another_name, Fault.WRONG_NAME),
        (show_expired, Fault.EXPIRED),
    ],
)
def test_a_server_that_is_not_of_it_is_refused_and_neither_is_remembered(
    authority: trustme.CA, ca_file: Path, client_home: Path, show: Callable[[trustme.CA], ssl.SSLContext], fault: Fault
) -> None:
    with serving(speak_tls(show(authority))) as server, pytest.raises(UnreachableError) as raised:
        build_access(f"localhost:{server.port}", ca_file, "alice", from_stdin=False, token_file=None)
    assert raised.value.fault is fault
    assert server.visits >= 1
    assert server.said == b""
    assert not (client_home / "profile.toml").exists()


def test_control_for_a_server_that_is_of_it_the_password_is_asked_for(
    authority: trustme.CA, ca_file: Path, client_home: Path
) -> None:
    with serving(speak_tls(make_context(authority))) as server, pytest.raises(Asked):
        build_access(f"localhost:{server.port}", ca_file, "alice", from_stdin=False, token_file=None)
    assert server.said == b""
    assert str(ca_file) in (client_home / "profile.toml").read_text()

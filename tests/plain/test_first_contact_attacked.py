"""First contact when the answers make no sense or the server changes meanwhile: nothing is sent, nothing breaks."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from securechat.client.address import Address
from securechat.client.certificate import read_facts
from securechat.client.profile import KnownServer
from securechat.errors import ConfigError, Fault, UnreachableError
from securechat.plain import asking, first_contact
from tests.client.tlsserver import Counter, make_context, serving, speak_tls

UNKNOWN = KnownServer()


def answer_with(monkeypatch: pytest.MonkeyPatch, *answers: str) -> Iterator[str]:
    """Have the questions answered; returns what is left of the answers."""
    left = iter(answers)
    monkeypatch.setattr(first_contact, "ask", lambda _: next(left))
    return left


@pytest.mark.parametrize(
    "answer", ["~nobody-at-all/ca.pem", "a" * 300, "/root/\0", "/", "-----BEGIN CERTIFICATE-----", "x"]
)
def test_an_answer_that_is_no_file_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    left = answer_with(monkeypatch, answer, "", "never asked for")
    stranger = speak_tls(make_context(trustme.CA(), shows_authority=True))
    with serving(stranger) as server, pytest.raises(UnreachableError) as raised:
        first_contact.meet(tmp_path, Address("localhost", server.port), UNKNOWN)
    assert raised.value.fault is Fault.UNKNOWN_CA
    assert list(left) == ["never asked for"]
    assert server.said == b""


def fingerprint_of(authority: trustme.CA) -> str:
    facts = read_facts(ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode()))
    assert facts is not None
    return facts.key_fingerprint


def turn_coat(*contexts: ssl.SSLContext) -> Callable[[Counter, socket.socket], None]:
    """Return what shows another certificate at each visit, the last one for ever."""

    def serve(counter: Counter, connection: socket.socket) -> None:
        speak_tls(contexts[min(counter.visits, len(contexts)) - 1])(counter, connection)

    return serve


@pytest.mark.parametrize("honest_visits", [0, 1, 2])
def test_a_server_that_changes_between_the_connections_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, honest_visits: int
) -> None:
    right, evil = trustme.CA(), trustme.CA()
    honest, turned = (make_context(authority, shows_authority=True) for authority in (right, evil))
    answer_with(monkeypatch, fingerprint_of(right), "")
    with serving(turn_coat(*[honest] * honest_visits, turned)) as server, pytest.raises(UnreachableError) as raised:
        first_contact.meet(tmp_path, Address("localhost", server.port), UNKNOWN)
    assert raised.value.fault is Fault.UNKNOWN_CA
    assert server.said == b""


def test_control_a_server_that_stays_the_same_is_met(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right = trustme.CA()
    answer_with(monkeypatch, fingerprint_of(right))
    with serving(turn_coat(make_context(right, shows_authority=True))) as server:
        met = first_contact.meet(tmp_path, Address("localhost", server.port), UNKNOWN)
    assert met.fingerprint == fingerprint_of(right)
    assert server.visits == 3


def test_a_password_that_is_no_text_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def type_it(_: str) -> str:
        return b"p\xff".decode()

    monkeypatch.setattr("getpass.getpass", type_it)
    with pytest.raises(ConfigError, match="the password is not UTF-8"):
        asking.ask_password("alice", "chat.example:6697")

"""A handshake as lines for people: what a certificate says stays on its line and acts on no terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from securechat.client.address import Address
from securechat.client.certificate import CertificateFacts
from securechat.client.handshake import Handshake
from securechat.errors import Fault, UnreachableError
from securechat.plain import shown_handshake
from securechat.plain.shown_handshake import word_handshake

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EVIL = "a\x1b]52;c;eA==\x07\r\nchecked      CA, host name and dates are as they must be\u202e"


def make_handshake(chain: tuple[bytes, ...], failure: UnreachableError | None = None, alpn: str = "irc") -> Handshake:
    suite = "TLS_AES_256_GCM_SHA384"
    return Handshake(Address("chat.example"), "192.0.2.1", "TLSv1.3", suite, 256, "X25519", alpn, chain, failure)


def test_each_field_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    until = datetime(2026, 11, 25, 11, 59, tzinfo=UTC)
    facts = CertificateFacts("CN=chat", "CN=a CA", ("chat.example", "192.0.2.1"), NOW, until, "ab" * 3, "01" * 3)
    monkeypatch.setattr(shown_handshake, "read_facts", lambda der: facts if der == b"good" else None)
    failure = UnreachableError("the certificate of chat.example has expired", "renew", Fault.EXPIRED)
    assert list(word_handshake(make_handshake((b"good", b"bad"), failure, alpn=""), NOW)) == [
        "server       chat.example:6697, answered by 192.0.2.1",
        "protocol     TLSv1.3",
        "suite        TLS_AES_256_GCM_SHA384, 256 bits",
        "group        X25519",
        "ALPN         none",
        "certificate  1 of 2",
        "  subject    CN=chat",
        "  names      chat.example, 192.0.2.1",
        "  issued by  CN=a CA",
        "  valid      2026-11-22 12:00 to 2026-11-25 11:59 UTC, 2 days left",
        "  SHA-256    AB:AB:AB",
        "  of its key 01:01:01",
        "certificate  2 of 2",
        "  cannot be read",
        "checked      FAILED: the certificate of chat.example has expired",
        "sent         the handshake and nothing else: no name, no password, no line of chat",
    ]


def test_nothing_in_a_certificate_acts_on_the_terminal_or_makes_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = CertificateFacts(EVIL, EVIL, (EVIL, EVIL), NOW, NOW, "ab", "cd")
    monkeypatch.setattr(shown_handshake, "read_facts", lambda _: facts)
    lines = list(word_handshake(make_handshake((b"x",), UnreachableError(EVIL)), NOW))
    assert len(lines) == 14
    assert all(line.isprintable() for line in lines)
    assert sum(line.startswith("checked") for line in lines) == 1

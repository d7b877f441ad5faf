"""A CA whose own name is an attack: what a person compares at a first contact is made visible."""

from __future__ import annotations

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from securechat.client.address import Address
from securechat.plain.first_contact import _introduce

EVIL = "\x1b]0;x\x07\x9b\u202e\r"


def test_the_name_of_a_ca_acts_on_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    authority = trustme.CA(organization_name=EVIL)
    der = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).public_bytes(Encoding.DER)
    assert EVIL.encode() in der, "or it is no attack"
    _introduce(Address("chat.example"), der)
    lines = capsys.readouterr().err.split("\n")
    assert lines.pop() == ""
    assert all(line.isprintable() for line in lines), lines
    (named,) = [line for line in lines if line.startswith("   CA  ")]
    # A semicolon is written so in a name. (RFC 4514, 2.4)
    assert "O=^[]0\\;x^G<U+009B><U+202E>^M" in named

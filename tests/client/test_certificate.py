"""Fingerprints that people type, and the authority in a chain."""

from __future__ import annotations

import hashlib
import ssl
import warnings
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from securechat.client.certificate import encode_pem, find_authority, is_fingerprint_of, read_facts, write_fingerprint
from securechat.pki.authority import Authority

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def der_of(blob: trustme.Blob) -> bytes:
    return ssl.PEM_cert_to_DER_cert(blob.bytes().decode())


@pytest.fixture(scope="module")
def ca() -> bytes:
    return encode_der(Authority.create("a CA", now=NOW).certificate)


def encode_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def test_the_facts_are_those_that_openssl_would_print(ca: bytes) -> None:
    facts = read_facts(ca)
    assert facts is not None
    assert (facts.subject, facts.issuer, facts.names) == ("CN=a CA", "CN=a CA", ())
    assert facts.fingerprint == hashlib.sha256(ca).hexdigest()
    assert write_fingerprint("00ff10") == "00:FF:10"
    assert ssl.PEM_cert_to_DER_cert(encode_pem(ca).decode()) == ca
    assert read_facts(b"no certificate") is None
    assert read_facts(ca[:-40]) is None


def test_a_fingerprint_may_be_of_the_key_or_the_whole_and_written_in_any_way(ca: bytes) -> None:
    facts = read_facts(ca)
    assert facts is not None
    for full in (facts.fingerprint, facts.key_fingerprint):
        colons = ":".join(full[i : i + 2] for i in range(0, 64, 2)).upper()
        for typed in (full, colons, f"  {colons}\t", f"SHA256:{full}", f"sha256 Fingerprint={colons}", full[:16]):
            assert is_fingerprint_of(typed, ca), typed


def test_what_is_shorter_longer_or_other_is_no_fingerprint(ca: bytes) -> None:
    facts = read_facts(ca)
    assert facts is not None
    full = facts.key_fingerprint
    other = full[:-1] + ("0" if full[-1] != "0" else "1")
    for typed in ("", "y", "yes", full[:15], full[1:17], full + "0", other, full[:16] + "x", "SHA256:", full[16:32]):
        assert not is_fingerprint_of(typed, ca), typed
    assert not is_fingerprint_of(full, b"no certificate")


def test_the_authority_is_behind_the_servers_own_certificate_and_vouches_for_itself(ca: bytes) -> None:
    root = trustme.CA()
    middle = root.create_child_ca()
    leaf = der_of(middle.issue_cert("localhost").cert_chain_pems[0])
    assert find_authority((leaf, ca)) == ca
    assert find_authority((leaf, der_of(middle.cert_pem), der_of(root.cert_pem))) == der_of(root.cert_pem)
    assert find_authority((leaf, der_of(middle.cert_pem))) is None
    assert find_authority((leaf,)) is None
    assert find_authority((ca,)) is None
    assert find_authority(()) is None
    assert find_authority((leaf, b"garbage")) is None


def test_a_certificate_with_the_right_key_and_another_content_is_no_authority() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    real = Authority.create("a CA", now=NOW, key=key)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a CA")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90_000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    forged = encode_der(builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()))
    facts, true_facts = read_facts(forged), read_facts(encode_der(real.certificate))
    assert facts is not None
    assert true_facts is not None
    assert facts.key_fingerprint == true_facts.key_fingerprint
    assert find_authority((b"leaf", forged)) is None
    # Control: signed by that key it is one.
    assert find_authority((b"leaf", encode_der(builder.sign(key, hashes.SHA256())))) is not None


def test_no_byte_that_is_changed_makes_a_certificate_an_error_or_a_warning(ca: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for place in range(len(ca)):
            for byte in (0x00, 0x79, 0x80, 0xFF):
                damaged = ca[:place] + bytes([byte]) + ca[place + 1 :]
                read_facts(damaged)
                find_authority((ca, damaged))

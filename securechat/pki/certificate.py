"""What certificates of ours are made of, and what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securechat.pki.names import SubjectName

Kind: TypeAlias = Literal["authority", "server", "client", "other"]

LONGEST_COMMON_NAME = 64
"""Characters (RFC 5280, A.1)."""
# Clients whose clock is a little late must not refuse a certificate made this minute.
_BACKDATING = timedelta(minutes=5)


def begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    """Start a certificate with what all of ours have: a random serial, its dates, the identifier of its key."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATING)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def choose_subject(names: Sequence[SubjectName]) -> x509.Name:
    """Return a subject whose common name is the first host name that fits there; empty when none does."""
    # An address in the place of a host name is judged as one by OpenSSL, against the authority's constraints. Where
    # nothing fits, the subject stays empty and the names are critical (RFC 5280, 4.2.1.6).
    hosts = (name.value for name in names if isinstance(name, x509.DNSName))
    fitting = [host for host in hosts if len(host) <= LONGEST_COMMON_NAME]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host) for host in fitting[:1]])


def allow_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    """Return a key usage that allows these and nothing else (RFC 5280, 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def read_kind(certificate: x509.Certificate) -> Kind:
    """Return what a certificate is for: its basic constraints say so, then its extended key usage."""
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "authority"
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return "other"
    if ExtendedKeyUsageOID.SERVER_AUTH in purposes:
        return "server"
    return "client" if ExtendedKeyUsageOID.CLIENT_AUTH in purposes else "other"


def format_fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint of a certificate as `AA:BB:…`."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()

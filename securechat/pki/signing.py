"""Signing leaves and lists by an authority's certificate and key, once it is clear that it may and can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from securechat import RELEASED
from securechat.errors import ConfigError
from securechat.pki.certificate import allow_usage, begin
from securechat.pki.names import SubjectName, find_outside
from securechat.pki.pem import encode_certificate, encode_key

EARLIEST = datetime.fromisoformat(RELEASED).replace(tzinfo=UTC) - timedelta(days=1)
"""What a clock that is right cannot show less than: what it signed would have expired, or not begun, for everybody else."""


@dataclass(frozen=True)
class Issued:
    """A new certificate and its private key, both PEM; `serial` in lower-case hexadecimal."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    serial: str = ""
    not_after: datetime = EARLIEST


def require_right_clock(now: datetime) -> None:
    """Refuse to sign by a clock that cannot be right.

    Raises:
        ConfigError: It shows a time from before this version was made.

    """
    if now < EARLIEST:
        raise ConfigError(f"the clock shows {now:%Y-%m-%d}, before this version was made ({RELEASED}): set it first")


def require_able(certificate: x509.Certificate, subjects: Sequence[SubjectName], now: datetime) -> None:
    """Refuse to sign what nobody would accept.

    Raises:
        ConfigError: The authority has expired or may not issue for one of the names, or the clock is wrong.

    """
    require_right_clock(now)
    end = certificate.not_valid_after_utc
    if now >= end:
        remedy = "move ca.pem and server.pem away, keep ca.key, then run `securechat-admin cert init`"
        raise ConfigError(f"the authority expired on {end:%Y-%m-%d}: {remedy}")
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return
    outside = find_outside(constraints, subjects)
    if outside:
        raise ConfigError(f"the authority is constrained to other names than {', '.join(outside)}: make a new one")


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate is one that others can be issued by: it has both extensions that issuing relies on."""
    try:
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def sign_leaf(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    purpose: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName],
    *,
    now: datetime,
    days: int,
) -> Issued:
    """Sign a certificate with a key of its own; it ends with the authority, given by certificate and key, at the latest."""
    own = ec.generate_private_key(ec.SECP256R1())
    not_after = min(now + timedelta(days=days), certificate.not_valid_after_utc)
    builder = (
        begin(subject, certificate.subject, own.public_key(), now, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(allow_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(_issuer_of(certificate), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not list(subject))
    made = builder.sign(key, hashes.SHA256())
    return Issued(encode_certificate(made), encode_key(own), f"{made.serial_number:x}", made.not_valid_after_utc)


def sign_revocations(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    revoked: Mapping[int, datetime],
    *,
    now: datetime,
    days: int,
) -> bytes:
    """Sign the list of revoked certificates, PEM (RFC 5280, 5).

    Args:
        certificate: The authority's.
        key: The authority's.
        revoked: When each was, by serial.
        now: The time, with its zone; it is the number of the list, too, in ms since 1970.
        days: How long it is to be believed.

    Raises:
        ConfigError: As `require_able`.

    """
    require_able(certificate, (), now)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(now)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(_issuer_of(certificate), critical=False)
    )
    for serial, when in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _issuer_of(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)

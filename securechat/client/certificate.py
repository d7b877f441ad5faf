"""What a person can compare of a certificate: names, dates, fingerprints. Loads `cryptography`, so import it late."""

from __future__ import annotations

import hashlib
import re
import ssl
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from securechat.wire.invitation import pin_key

LEAST_DIGITS: Final = 16
"""Hex digits of a fingerprint that must be given to have it compared."""

_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_NO_EXTENSION: Final = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is in a certificate; fingerprints are SHA-256 in lower-case hex, of all of it and of its public key."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key_fingerprint: str


def read_facts(der: bytes) -> CertificateFacts | None:
    """Return what is in a certificate, None when it cannot be read."""
    try:
        certificate = _load(der)
        return CertificateFacts(
            certificate.subject.rfc4514_string(),
            certificate.issuer.rfc4514_string(),
            _read_names(certificate),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            hashlib.sha256(der).hexdigest(),
            _fingerprint_key(certificate),
        )
    except _UNREADABLE:
        return None


def find_authority(chain: tuple[bytes, ...]) -> bytes | None:
    """Return the authority in a chain: a certificate behind the server's own that vouches for itself; None without one."""
    return next((der for der in reversed(chain[1:]) if _is_authority(der)), None)


def read_authority(pem: bytes) -> bytes | None:
    """Return the certificate of a file that holds exactly one, of an authority that vouches for itself; else None."""
    found = _CERTIFICATE.findall(pem)
    if len(found) != 1 or pem.count(b"-----BEGIN ") != 1:
        return None
    try:
        der = ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))
    except ValueError:
        return None
    return der if _is_authority(der) else None


def pin_authority(der: bytes) -> str:
    """Return the pin by which an invitation names an authority.

    Raises:
        ValueError: it cannot be read; one that was found to be an authority can.
    """
    return pin_key(_encode_key(_load(der)))


def may_succeed(kept: bytes, offered: bytes, now: datetime) -> bool:
    """Tell whether a certificate may take the place of a CA's that is kept: of an authority, by the same key, valid now.

    One that begins before the kept one is no later one.
    """
    old, new = read_facts(kept), read_facts(offered)
    if old is None or new is None or not _is_authority(offered):
        return False
    is_newer = kept != offered and old.not_before <= new.not_before
    return is_newer and new.key_fingerprint == old.key_fingerprint and new.not_before <= now <= new.not_after


def names_issuer(certificate: bytes, authority: bytes) -> bool:
    """Tell whether a certificate claims to be signed by an authority's key. Nothing is proved by it. (RFC 5280, 4.2.1.1)"""
    try:
        claimed = _load(certificate).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        own = _load(authority).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except (*_UNREADABLE, *_NO_EXTENSION):
        return False
    return claimed.key_identifier is not None and claimed.key_identifier == own.digest


def is_fingerprint_of(typed: str, der: bytes) -> bool:
    """Tell whether somebody who typed a fingerprint meant this certificate, by its public key or as a whole.

    typed: at least the first 16 hex digits; colons, spaces and a leading `SHA256:` do not count.
    """
    digits = re.sub(r"[\s:]", "", re.sub(r"(?i)^\s*sha-?256[:=\s]*(fingerprint=)?", "", typed)).lower()
    if len(digits) < LEAST_DIGITS or not re.fullmatch("[0-9a-f]+", digits):
        return False
    facts = read_facts(der)
    return facts is not None and any(each.startswith(digits) for each in (facts.key_fingerprint, facts.fingerprint))


def write_fingerprint(fingerprint: str) -> str:
    """Return a fingerprint as people compare it: `AA:BB:…`."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()


def encode_pem(der: bytes) -> bytes:
    """Return a certificate as PEM."""
    return ssl.DER_cert_to_PEM_cert(der).encode()


def _load(der: bytes) -> x509.Certificate:
    """Return a certificate, without remarks of a library about what strangers have put into theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        certificate = x509.load_der_x509_certificate(der)
        # Read here once, and then kept by the library: names are remarked upon when they are read.
        _ = certificate.subject, certificate.issuer
        return certificate


def _is_authority(der: bytes) -> bool:
    try:
        certificate = _load(der)
        # Its own signature holds together what the fingerprint of its key does not cover.
        certificate.verify_directly_issued_by(certificate)
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*_UNREADABLE, *_NO_EXTENSION, InvalidSignature):
        return False


def _read_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _NO_EXTENSION:
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    return (*hosts, *(str(address) for address in names.get_values_for_type(x509.IPAddress)))


def _fingerprint_key(certificate: x509.Certificate) -> str:
    return hashlib.sha256(_encode_key(certificate)).hexdigest()


def _encode_key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

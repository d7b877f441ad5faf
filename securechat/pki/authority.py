"""The authority, the certificates it issues, and the four files both live in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securechat.errors import ConfigError
from securechat.pki.files import PRIVATE_FILE, PUBLIC_FILE, make_private_directory, write_together
from securechat.pki.names import SubjectName, constrain_to, find_outside, parse_names, read_names
from securechat.pki.pem import encode_certificate, encode_key, is_present, load_certificate, load_key

CA_CERTIFICATE = "ca.pem"
CA_KEY = "ca.key"
SERVER_CERTIFICATE = "server.pem"
SERVER_KEY = "server.key"

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90

# Clients whose clock is a little late must not refuse a certificate made this minute.
_BACKDATING = timedelta(minutes=5)
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True)
class Issued:
    """A new certificate and its private key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True)
class CertificateFacts:
    """What a person wants to know of a certificate; times are UTC, the fingerprint is `AA:BB…` of its SHA-256."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    days_left: int


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its certificate, which clients trust, and its key, which never leaves the machine."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def create(
        cls,
        name: str,
        *,
        now: datetime,
        constrain: Sequence[str] | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Authority:
        """Make an authority for ten years (RFC 5280).

        Args:
            name: Its common name; what is beyond 64 characters is dropped.
            now: The time, with its zone.
            constrain: The only host names and addresses it may ever issue for; None for no limit.
            key: Its key, where there is one already.

        Raises:
            ConfigError: A name to constrain it to is no name.

        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_COMMON_NAME])])
        builder = (
            _begin(subject, subject, key.public_key(), now, now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_allow_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        if constrain is not None:
            builder = builder.add_extension(constrain_to(constrain), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, directory: Path) -> Authority:
        """Read the authority of a directory.

        Raises:
            ConfigError: A file is missing, unreadable or no such thing, or the two do not belong together.

        """
        certificate = load_certificate(directory / CA_CERTIFICATE)
        key = load_key(directory / CA_KEY)
        if certificate.public_key() != key.public_key():
            raise ConfigError(f"{directory / CA_KEY}: is not the key of {CA_CERTIFICATE}: put the right one back")
        if not _is_authority(certificate):
            raise ConfigError(f"{directory / CA_CERTIFICATE}: is not the certificate of an authority: put it back")
        return cls(certificate, key)

    def save(self, directory: Path) -> None:
        """Write ca.key and ca.pem, in this order: a key alone has issued nothing yet and can be used again.

        Raises:
            ConfigError: A file cannot be written.

        """
        key = (directory / CA_KEY, encode_key(self.key), PRIVATE_FILE)
        certificate = (directory / CA_CERTIFICATE, encode_certificate(self.certificate), PUBLIC_FILE)
        write_together([key, certificate])


def issue_server(authority: Authority, names: Sequence[str], *, now: datetime, days: int = LEAF_DAYS) -> Issued:
    """Issue a server certificate with a key of its own; it ends with the authority at the latest.

    Args:
        authority: Who signs.
        names: Host names and IP addresses that clients may connect to; the first host name is the common name.
        now: The time, with its zone.
        days: How long it lasts.

    Raises:
        ConfigError: A name is no name or not allowed to this authority, or the authority has expired.

    """
    subjects = parse_names(names)
    _require_able(authority, subjects, now)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _choose_subject(subjects)
    not_after = min(now + timedelta(days=days), authority.certificate.not_valid_after_utc)
    ca_identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        _begin(subject, authority.certificate.subject, key.public_key(), now, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_allow_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=not list(subject))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_identifier),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    return Issued(encode_certificate(certificate), encode_key(key))


def init(directory: Path, names: Sequence[str], *, now: datetime, constrain: Sequence[str] | None = None) -> list[Path]:
    """Make sure a directory holds an authority and a current server certificate for exactly these names.

    An authority that exists is kept. A server certificate is made when there is none, when its names differ, when its
    key is not its own, and when it is due; running it twice changes nothing.

    Args:
        directory: Made 0700 when it does not exist.
        names: Host names and IP addresses of the server.
        now: The time, with its zone.
        constrain: As `Authority.create`; only for an authority made now.

    Returns:
        The files written.

    Raises:
        ConfigError: A name is no name, or what the directory holds is broken or not ours; nothing was changed.

    """
    wanted = [str(name.value) for name in parse_names(names)]
    authority = _load_existing(directory)
    if authority is None:
        key = load_key(directory / CA_KEY) if is_present(directory / CA_KEY) else None
        new = Authority.create(f"securechat CA {wanted[0]}", now=now, constrain=constrain, key=key)
        issued = issue_server(new, wanted, now=now)
        if is_present(directory / SERVER_CERTIFICATE):
            raise _refuse_foreign(directory)
        make_private_directory(directory)
        new.save(directory)
        return [directory / CA_CERTIFICATE, directory / CA_KEY, *_write_pair(directory, issued)]
    if constrain is not None:
        raise ConfigError(f"{directory / CA_CERTIFICATE}: exists and keeps its constraints: leave them out")
    if is_present(directory / SERVER_CERTIFICATE):
        certificate = _load_own(directory, authority)
        if set(read_names(certificate)) == set(wanted) and _is_sound(directory, certificate, now):
            return []
    return _write_pair(directory, issue_server(authority, wanted, now=now))


def renew(directory: Path, now: datetime, force: bool = False) -> bool:
    """Issue the server certificate anew, for the same names by the same authority with a fresh key, when it is due.

    Also when its key is not its own: that is what a crash between the two files leaves behind.

    Args:
        directory: Where the four files are.
        now: The time, with its zone.
        force: Renew although it is not due.

    Returns:
        Whether it was renewed.

    Raises:
        ConfigError: A file is missing, unreadable or not ours, or the authority has expired; nothing was changed.

    """
    authority = Authority.load(directory)
    certificate = _load_own(directory, authority)
    if not force and _is_sound(directory, certificate, now):
        return False
    _write_pair(directory, issue_server(authority, read_names(certificate), now=now))
    return True


def issue(directory: Path, names: Sequence[str], *, out: Path, now: datetime, days: int = LEAF_DAYS) -> list[Path]:
    """Issue a server certificate by the authority in `directory` into another directory; returns the files written.

    Raises:
        ConfigError: As `issue_server`; or `out` holds a certificate or key already, which is left alone.

    """
    issued = issue_server(Authority.load(directory), names, now=now, days=days)
    for name in (SERVER_CERTIFICATE, SERVER_KEY):
        if is_present(out / name):
            raise ConfigError(f"{out / name}: exists already: move it away or choose another directory")
    make_private_directory(out)
    return _write_pair(out, issued)


def renewal_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether two thirds of a certificate's life have passed."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + life * 2 / 3


def facts(path: Path, *, now: datetime) -> CertificateFacts:
    """Read what a person wants to know of the (first) certificate in a PEM file.

    Raises:
        ConfigError: The file is missing, unreadable or holds no certificate.

    """
    certificate = load_certificate(path)
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=read_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=_format_fingerprint(certificate),
        days_left=(certificate.not_valid_after_utc - now).days,
    )


def fingerprint(certificate_pem: bytes) -> str:
    """Return the SHA-256 fingerprint of a PEM certificate as `AA:BB:…`, the form `openssl x509` prints.

    Raises:
        ValueError: That is no PEM certificate.

    """
    return _format_fingerprint(x509.load_pem_x509_certificate(certificate_pem))


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
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


def _choose_subject(names: Sequence[SubjectName]) -> x509.Name:
    # An address in the place of a host name is judged as one by OpenSSL, against the authority's constraints. Where
    # nothing fits, the subject stays empty and the names are critical (RFC 5280, 4.2.1.6).
    hosts = (name.value for name in names if isinstance(name, x509.DNSName))
    fitting = [host for host in hosts if len(host) <= _LONGEST_COMMON_NAME]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host) for host in fitting[:1]])


def _allow_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
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


def _is_authority(certificate: x509.Certificate) -> bool:
    # Both extensions are what issuing relies on.
    try:
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _require_able(authority: Authority, subjects: Sequence[SubjectName], now: datetime) -> None:
    end = authority.certificate.not_valid_after_utc
    if now >= end:
        raise ConfigError(f"the authority expired on {end:%Y-%m-%d}: make a new one with `securechat-admin cert init`")
    try:
        constraints = authority.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return
    outside = find_outside(constraints, subjects)
    if outside:
        raise ConfigError(f"the authority is constrained to other names than {', '.join(outside)}: make a new one")


def _load_existing(directory: Path) -> Authority | None:
    return Authority.load(directory) if is_present(directory / CA_CERTIFICATE) else None


def _load_own(directory: Path, authority: Authority) -> x509.Certificate:
    certificate = load_certificate(directory / SERVER_CERTIFICATE)
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (InvalidSignature, ValueError, TypeError):
        raise _refuse_foreign(directory) from None
    return certificate


def _refuse_foreign(directory: Path) -> ConfigError:
    # Replacing it would destroy a key that somebody else's certificate needs.
    return ConfigError(
        f"{directory / SERVER_CERTIFICATE}: is not from this {CA_CERTIFICATE}: move it away, or use --cert and --key"
    )


def _is_sound(directory: Path, certificate: x509.Certificate, now: datetime) -> bool:
    path = directory / SERVER_KEY
    if renewal_due(certificate, now) or not is_present(path):
        return False
    try:
        return load_key(path).public_key() == certificate.public_key()
    except ConfigError:
        return False


def _write_pair(directory: Path, issued: Issued) -> list[Path]:
    # Two files cannot be renamed at once. After a crash in between the old certificate faces a new key: a mismatch
    # that whoever loads the pair is told of, and that `renew` mends.
    key = (directory / SERVER_KEY, issued.key_pem, PRIVATE_FILE)
    certificate = (directory / SERVER_CERTIFICATE, issued.certificate_pem, PUBLIC_FILE)
    write_together([key, certificate])
    return [directory / SERVER_CERTIFICATE, directory / SERVER_KEY]


def _format_fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()

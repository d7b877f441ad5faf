"""The authority, the certificates it issues, and the four files both live in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securechat.errors import ConfigError
from securechat.pki.certificate import (
    LONGEST_COMMON_NAME,
    Kind,
    allow_usage,
    begin,
    choose_subject,
    format_fingerprint,
    read_kind,
)
from securechat.pki.files import PRIVATE_FILE, PUBLIC_FILE, make_private_directory, write_together
from securechat.pki.names import constrain_to, parse_names, read_names
from securechat.pki.pairs import is_sound, require_free, require_private, write_new_pair, write_pair
from securechat.pki.pem import encode_certificate, encode_key, is_present, load_certificate, load_key
from securechat.pki.signing import (
    Issued,
    is_authority,
    require_able,
    require_right_clock,
    sign_leaf,
    sign_revocations,
)
from securechat.wire.names import account_uri, is_account_name

CA_CERTIFICATE = "ca.pem"
CA_KEY = "ca.key"
SERVER_CERTIFICATE = "server.pem"
SERVER_KEY = "server.key"

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90


@dataclass(frozen=True)
class CertificateFacts:
    """What a person wants to know of a certificate; times are UTC, the fingerprint is `AA:BB…` of its SHA-256."""

    subject: str
    issuer: str
    kind: Kind
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
            ConfigError: A name to constrain it to is no name, or the clock is wrong.

        """
        require_right_clock(now)
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:LONGEST_COMMON_NAME])])
        builder = (
            begin(subject, subject, key.public_key(), now, now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(allow_usage(key_cert_sign=True, crl_sign=True), critical=True)
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
        certificate = _load_authority(directory)
        key = _load_key(directory)
        if certificate.public_key() != key.public_key():
            raise ConfigError(f"{directory / CA_KEY}: is not the key of {CA_CERTIFICATE}: put the right one back")
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
    require_able(authority.certificate, subjects, now)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH
    subject = choose_subject(subjects)
    issued = sign_leaf(authority.certificate, authority.key, subject, purpose, subjects, now=now, days=days)
    # The server shows its authority too: whoever does not know it yet has something to compare with its fingerprint.
    chain = issued.certificate_pem + encode_certificate(authority.certificate)
    return replace(issued, certificate_pem=chain)


def issue_client(
    authority: Authority, account: str, account_id: str, *, now: datetime, days: int = LEAF_DAYS
) -> Issued:
    """Issue a certificate that an account's owner shows instead of a password.

    It names the account by its id, as a URI; the common name is what the account is called now, for people to read.

    Args:
        authority: Who signs.
        account: The account's name; whether there is such an account is not known here.
        account_id: The account's id.
        now: The time, with its zone.
        days: How long it lasts; it ends with the authority at the latest.

    Raises:
        ConfigError: That cannot be an account's name, the authority has expired, or the clock is wrong.

    """
    if not is_account_name(account):
        raise ConfigError(f"{account!r} cannot be an account's name: a letter, then up to 31 letters, digits, - or _")
    require_able(authority.certificate, (), now)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, account)])
    names = [x509.UniformResourceIdentifier(account_uri(account_id))]
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    return sign_leaf(authority.certificate, authority.key, subject, purpose, names, now=now, days=days)


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
    if not is_present(directory / CA_CERTIFICATE):
        return _found(directory, wanted, now, constrain)
    if constrain is not None:
        raise ConfigError(f"{directory / CA_CERTIFICATE}: exists and keeps its constraints: leave them out")
    if is_present(directory / SERVER_CERTIFICATE):
        certificate = _load_own(directory)
        if set(read_names(certificate)) == set(wanted) and is_sound(certificate, directory / SERVER_KEY, now):
            return []
    return _write_own(directory, issue_server(Authority.load(directory), wanted, now=now))


def _found(directory: Path, names: Sequence[str], now: datetime, constrain: Sequence[str] | None) -> list[Path]:
    key = _load_key(directory) if is_present(directory / CA_KEY) else None
    new = Authority.create(f"securechat CA {names[0]}", now=now, constrain=constrain, key=key)
    issued = issue_server(new, names, now=now)
    if is_present(directory / SERVER_CERTIFICATE):
        raise _refuse_foreign(directory)
    make_private_directory(directory)
    new.save(directory)
    return [directory / CA_CERTIFICATE, directory / CA_KEY, *_write_own(directory, issued)]


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
    certificate = _load_own(directory)
    if not force and is_sound(certificate, directory / SERVER_KEY, now):
        return False
    _write_own(directory, issue_server(Authority.load(directory), read_names(certificate), now=now))
    return True


def issue(directory: Path, names: Sequence[str], *, out: Path, now: datetime, days: int = LEAF_DAYS) -> list[Path]:
    """Issue a server certificate by the authority in `directory` into another directory; returns the files written.

    Raises:
        ConfigError: As `issue_server`; or `out` holds a certificate or key already, which is left alone.

    """
    issued = issue_server(Authority.load(directory), names, now=now, days=days)
    return write_new_pair(out, issued, SERVER_CERTIFICATE, SERVER_KEY)


def enrol(
    directory: Path,
    account: str,
    account_id: str,
    *,
    out: Path,
    now: datetime,
    note: Callable[[Issued], None],
    days: int = LEAF_DAYS,
) -> list[Path]:
    """Issue a client certificate by the authority in `directory` into another directory: NAME.pem and NAME.key.

    note: puts it on record, before anybody can have it. The other arguments are those of `issue_client`.

    Returns:
        The files written.

    Raises:
        ConfigError: As `issue_client`; or `out` holds a certificate or key of that name already, which is left alone.

    """
    issued = issue_client(Authority.load(directory), account, account_id, now=now, days=days)
    require_free(out, f"{account}.pem", f"{account}.key")
    make_private_directory(out)
    note(issued)
    return write_new_pair(out, issued, f"{account}.pem", f"{account}.key")


def revocations(directory: Path, revoked: Mapping[int, datetime], *, now: datetime, days: int) -> bytes:
    """Return the authority's list of revoked certificates, PEM. (`signing.sign_revocations`)"""
    authority = Authority.load(directory)
    return sign_revocations(authority.certificate, authority.key, revoked, now=now, days=days)


def facts(path: Path, *, now: datetime) -> CertificateFacts:
    """Read what a person wants to know of the (first) certificate in a PEM file.

    Raises:
        ConfigError: The file is missing, unreadable or holds no certificate.

    """
    certificate = load_certificate(path)
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        kind=read_kind(certificate),
        names=read_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=format_fingerprint(certificate),
        days_left=(certificate.not_valid_after_utc - now).days,
    )


def fingerprint(certificate_pem: bytes) -> str:
    """Return the SHA-256 fingerprint of a PEM certificate as `AA:BB:…`, the form `openssl x509` prints.

    Raises:
        ValueError: That is no PEM certificate.

    """
    return format_fingerprint(x509.load_pem_x509_certificate(certificate_pem))


def _load_authority(directory: Path) -> x509.Certificate:
    """Read the authority's certificate; its key is needed only to sign, and looked at only so far."""
    certificate = load_certificate(directory / CA_CERTIFICATE)
    if not is_authority(certificate):
        raise ConfigError(f"{directory / CA_CERTIFICATE}: is not the certificate of an authority: put it back")
    if is_present(directory / CA_KEY):
        require_private(directory / CA_KEY)
    return certificate


def _load_key(directory: Path) -> ec.EllipticCurvePrivateKey:
    require_private(directory / CA_KEY)
    return load_key(directory / CA_KEY)


def _load_own(directory: Path) -> x509.Certificate:
    authority = _load_authority(directory)
    certificate = load_certificate(directory / SERVER_CERTIFICATE)
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        raise _refuse_foreign(directory) from None
    return certificate


def _write_own(directory: Path, issued: Issued) -> list[Path]:
    return write_pair(directory, issued, SERVER_CERTIFICATE, SERVER_KEY)


def _refuse_foreign(directory: Path) -> ConfigError:
    # Replacing it would destroy a key that somebody else's certificate needs.
    return ConfigError(
        f"{directory / SERVER_CERTIFICATE}: is not from this {CA_CERTIFICATE}: move it away, or use --cert and --key"
    )

"""A certificate and its key as two files: written together, and told whether they may be served."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from securechat.errors import ConfigError
from securechat.pki.files import PRIVATE_FILE, PUBLIC_FILE, make_private_directory, write_together
from securechat.pki.names import read_names
from securechat.pki.pem import is_present, load_certificate, load_key
from securechat.pki.signing import Issued


@dataclass(frozen=True)
class Servable:
    """What a server tells of a certificate that it may show; times are UTC."""

    names: tuple[str, ...]
    not_after: datetime


def write_new_pair(out: Path, issued: Issued, certificate: str, key: str) -> list[Path]:
    """Write a new certificate and its key into a directory, which is made where it is not there.

    Returns:
        The files written.

    Raises:
        ConfigError: As `require_free`, or a file cannot be written.

    """
    require_free(out, certificate, key)
    make_private_directory(out)
    return write_pair(out, issued, certificate, key)


def require_free(out: Path, *names: str) -> None:
    """Refuse to write over a file.

    Raises:
        ConfigError: The directory holds one of that name.

    """
    for name in names:
        if is_present(out / name):
            raise ConfigError(f"{out / name}: exists already: move it away or choose another directory")


def write_pair(directory: Path, issued: Issued, certificate: str, key: str) -> list[Path]:
    """Write a certificate and its key, in the place of what was there; returns the files written.

    Raises:
        ConfigError: A file cannot be written.

    """
    # Two files cannot be renamed at once. After a crash in between the old certificate faces a new key: a mismatch
    # that whoever loads the pair is told of, and that `renew` mends.
    private = (directory / key, issued.key_pem, PRIVATE_FILE)
    public = (directory / certificate, issued.certificate_pem, PUBLIC_FILE)
    write_together([private, public])
    return [directory / certificate, directory / key]


def is_sound(certificate: x509.Certificate, key: Path, now: datetime) -> bool:
    """Tell whether a certificate is not due for renewal, and its key is there."""
    if renewal_due(certificate, now) or not is_present(key):
        return False
    try:
        return load_key(key).public_key() == certificate.public_key()
    except ConfigError:
        return False


def renewal_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether two thirds of a certificate's life have passed."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + life * 2 / 3


def require_servable(certificate: Path, key: Path, now: datetime) -> Servable:
    """Refuse a pair that a server must not show; whether the two belong together is seen when they are loaded.

    Raises:
        ConfigError: The certificate has expired or is not valid yet, a file is missing or unreadable, or others may
            read the key.

    """
    require_private(key)
    leaf = load_certificate(certificate)
    if now >= leaf.not_valid_after_utc:
        raise ConfigError(f"{certificate}: expired on {leaf.not_valid_after_utc:%Y-%m-%d}: renew it, or name another")
    if now < leaf.not_valid_before_utc:
        begins = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise ConfigError(f"{certificate}: is not valid before {begins}: set the clock, or name another")
    return Servable(read_names(leaf), leaf.not_valid_after_utc)


def require_private(key: Path) -> None:
    """Refuse a private key that others may read; one that is not there is for whoever reads it to tell.

    A group may read it where the key is root's: that is how a system lets one of its services have it (Debian's group
    ssl-cert, mode 0640).

    Raises:
        ConfigError: It can be read, or changed, by who should not.

    """
    try:
        status = key.stat()
    except OSError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        return
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigError(f"{key}: others may read or change this private key (mode {mode:04o}): chmod 600 {key}")
    if mode & stat.S_IRGRP and status.st_uid != 0:
        raise ConfigError(f"{key}: its group may read this private key (mode {mode:04o}): chmod 600 {key}")

"""A server that makes its own certificates: what the first start creates, and renewing it in time."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature

from securechat.config import CONFIG, example_config
from securechat.errors import ConfigError
from securechat.pki import authority
from securechat.pki.files import write_private
from securechat.pki.names import parse_names
from securechat.pki.pem import load_certificate
from securechat.wire.names import is_hostname


def default_names() -> list[str]:
    """Return the names a certificate is made for when nobody says otherwise: this machine's, and loopback."""
    machine = socket.gethostname().lower()
    own = [machine] if machine != "localhost" and is_hostname(f"{machine}.local") else []
    return ["localhost", *own, "127.0.0.1", "::1"]


class OwnCertificates:
    """The CA and certificate in a data directory: made at the first start, renewed in time.

    names: host names and addresses of the server; none: those of this machine.
    Raises: ConfigError when a name is none.
    """

    def __init__(self, data: Path, names: Sequence[str]) -> None:
        parse_names(names or default_names())
        self._data = data
        self._names = names
        self._is_first = False

    def prepare(self) -> tuple[Path, Path]:
        """Make what is missing; return the paths of certificate and key.

        Raises: ConfigError.
        """
        data = self._data
        self._is_first = not (data / authority.CA_CERTIFICATE).exists()
        if self._is_first or self._names or not (data / authority.SERVER_CERTIFICATE).exists():
            authority.init(data, self.names(), now=datetime.now(UTC))
        else:
            authority.renew(data, datetime.now(UTC))
        _write_example(data)
        return data / authority.SERVER_CERTIFICATE, data / authority.SERVER_KEY

    def names(self) -> Sequence[str]:
        """Return the names that the certificate is made for."""
        return self._names or default_names()

    def ca(self) -> Path | None:
        """Return the path of the CA's certificate."""
        return self._data / authority.CA_CERTIFICATE

    def renew(self) -> bool:
        """Renew the certificate when it is due; tell whether it was.

        Raises: ConfigError.
        """
        return authority.renew(self._data, datetime.now(UTC))

    def first_words(self) -> list[str]:
        """Return what to tell after the first start: where everything is; else nothing."""
        if not self._is_first:
            return []
        facts = authority.facts(self._data / authority.CA_CERTIFICATE, now=datetime.now(UTC))
        return [
            f"First start: made in {self._data.absolute()}",
            f"  {authority.CA_CERTIFICATE}       the CA file that clients need",
            f"               its fingerprint is {facts.fingerprint}",
            f"  {authority.SERVER_CERTIFICATE}   the certificate, for {', '.join(self.names())}",
            f"  {CONFIG}  every setting, with its default",
        ]


class GivenCertificate:
    """A certificate and its key from elsewhere; nothing is renewed by us.

    names: host names and addresses of the server; none: those in the certificate.
    """

    def __init__(self, data: Path, pair: tuple[Path, Path], names: Sequence[str]) -> None:
        self._data = data
        self._pair = pair
        self._names = names

    def names(self) -> Sequence[str]:
        """Return the names that the server goes by.

        Raises: ConfigError.
        """
        return self._names or authority.facts(self._pair[0], now=datetime.now(UTC)).names

    def prepare(self) -> tuple[Path, Path]:
        """Write the config file if there is none; return the paths of certificate and key.

        Raises: ConfigError.
        """
        _write_example(self._data)
        return self._pair

    def ca(self) -> Path | None:
        """Return the path of the CA's certificate where it stands beside the server's own; None: everybody knows it."""
        return find_ca(self._pair[0])

    def renew(self) -> bool:
        """Renew nothing: whoever made it does."""
        return False

    def first_words(self) -> list[str]:
        """Return nothing: who has certificates knows where they are."""
        return []


def find_ca(certificate: Path) -> Path | None:
    """Return the path of the CA that issued a certificate, if that is `ca.pem` in the same directory."""
    path = certificate.parent / authority.CA_CERTIFICATE
    try:
        load_certificate(certificate).verify_directly_issued_by(load_certificate(path))
    except (ConfigError, ValueError, TypeError, InvalidSignature):
        return None
    return path


def _write_example(data: Path) -> None:
    if not (data / CONFIG).exists():
        write_private(data / CONFIG, example_config().encode())

"""A server that makes its own certificates: what the first start creates, and renewing it in time."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from securechat.config import CONFIG, DEFAULT_PORT, example_config
from securechat.errors import ConfigError
from securechat.pki import authority
from securechat.pki.files import write_private
from securechat.pki.names import parse_names
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

    def read_ca(self) -> bytes:
        """Return the CA's certificate in PEM.

        Raises: ConfigError.
        """
        path = self._data / authority.CA_CERTIFICATE
        try:
            return path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None

    def renew(self) -> bool:
        """Renew the certificate when it is due; tell whether it was.

        Raises: ConfigError.
        """
        return authority.renew(self._data, datetime.now(UTC))

    def first_words(self, port: int) -> list[str]:
        """Return what to tell after the first start: where everything is, and the next commands; else nothing."""
        if not self._is_first:
            return []
        ca = self._data / authority.CA_CERTIFICATE
        facts = authority.facts(ca, now=datetime.now(UTC))
        names = self.names()
        where = names[0] if port == DEFAULT_PORT else f"{names[0]}:{port}"
        return [
            f"First start: made in {self._data.absolute()}",
            f"  {authority.CA_CERTIFICATE}      the CA file that clients need",
            f"              its fingerprint is {facts.fingerprint}",
            f"  {authority.SERVER_CERTIFICATE}  the certificate, for {', '.join(names)}",
            f"  {CONFIG}  every setting, with its default",
            "Next, from another terminal, add a person and talk:",
            f"  securechat-admin --data {_word(self._data)} user add alice",
            f"  securechat-client {where} --ca {_word(ca)} --user alice",
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

    def first_words(self, _port: int) -> list[str]:
        """Return nothing: who has certificates knows where they are."""
        return []


def _write_example(data: Path) -> None:
    if not (data / CONFIG).exists():
        write_private(data / CONFIG, example_config().encode())


def _word(path: Path) -> str:
    """Return a path as a shell takes it in any directory."""
    return shlex.quote(str(path.absolute()))

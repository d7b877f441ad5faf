"""The links of invitations: where the server is, as far as this data directory tells, and the pin of its CA."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from securechat.cli.errands import carry_out, find_config
from securechat.cli.first_start import find_ca
from securechat.cli.server import parse_endpoint
from securechat.errors import ConfigError
from securechat.pki import authority
from securechat.pki.pem import is_present, load_certificate
from securechat.server.requests import Where
from securechat.wire.invitation import MAX_HOSTS, SECRET_BYTES, MalformedLink, encode_secret, format_link, pin_key

_ANY_TOKEN = encode_secret(bytes(SECRET_BYTES))


@dataclass(frozen=True)
class Place:
    """Where a server is found: host names and addresses with ports, and its CA's pin, "" where no CA of ours vouches.

    ca: the file of that CA's certificate, "" likewise.
    """

    hosts: tuple[tuple[str, int], ...]
    pin: str = ""
    ca: str = ""

    def link(self, token: str) -> str:
        """Return the link of an invitation with this token."""
        return format_link(self.hosts, token, self.pin)


def find_place(data: Path) -> Place:
    """Return where the server of a data directory is found: as it runs, else as its settings and certificate say.

    Raises: ConfigError, SecurechatError.
    """
    running = carry_out(data, Where())
    if running is not None:
        return describe_place(running)
    config = find_config(data)
    certificate = Path(config.cert) if config.cert else data / authority.SERVER_CERTIFICATE
    ca = find_ca(certificate) if config.cert else data / authority.CA_CERTIFICATE
    listening = [parse_endpoint(text) for text in config.listen]
    names = config.names or reachable_names(_names_in(certificate), [endpoint.host for endpoint in listening])
    port = min(listening, key=lambda endpoint: endpoint.client_cert == "required").port
    if port == 0:
        raise ConfigError("listen: the address for people has port 0, any free one; start the server, or set a port")
    return describe_place({"names": names, "port": port, "ca": str(ca or "")})


def describe_place(whereabouts: dict[str, Any]) -> Place:
    """Return what `Where` is answered as a place.

    Raises: ConfigError, also where none of the names can stand in a link: that is found before anybody is invited.
    """
    names: Sequence[str] = whereabouts["names"]
    hosts = tuple((name, whereabouts["port"]) for name in choose_names(names))
    ca: str = whereabouts["ca"]
    place = Place(hosts, read_pin(Path(ca)) if ca else "", ca)
    try:
        place.link(_ANY_TOKEN)
    except MalformedLink:
        raise ConfigError(
            f"names: no link leads to {', '.join(names) or 'a server without one'}; "
            "say the name that people connect to with --name, or as `names` in config.toml"
        ) from None
    return place


def reachable_names(names: Sequence[str], listening: Sequence[str]) -> Sequence[str]:
    """Return those of the names that lead to one of the hosts listened on: this machine's own does not to loopback."""
    if not all(_is_loopback(host) for host in listening):
        return names
    return [name for name in names if name == "localhost" or name in listening][:1] or names


def choose_names(names: Sequence[str]) -> list[str]:
    """Return the names that a link can use: those that mean this machine only where there are no others."""
    usable = [name for name in names if "*" not in name]
    return ([name for name in usable if not _is_loopback(name)] or usable)[:MAX_HOSTS]


def read_pin(path: Path) -> str:
    """Return the pin of the CA whose certificate is in a file.

    Raises: ConfigError.
    """
    _require(path)
    key = load_certificate(path).public_key()
    return pin_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _names_in(certificate: Path) -> Sequence[str]:
    _require(certificate)
    return authority.facts(certificate, now=datetime.now(UTC)).names


def _require(path: Path) -> None:
    if not is_present(path):
        raise ConfigError(f"{path}: is not there yet; start the server once, it makes what a link names")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")

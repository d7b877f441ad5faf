"""A server that makes its own certificates: what the first start creates, and renewing it in time."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from securechat.config import example_config
from securechat.pki import authority
from securechat.pki.files import write_private
from securechat.pki.names import parse_names
from securechat.server.app import Endpoint
from securechat.wire.names import is_hostname


def default_names() -> list[str]:
    """Return the names a certificate is made for when nobody says otherwise: this machine's, and loopback."""
    machine = socket.gethostname().lower()
    own = [machine] if machine != "localhost" and is_hostname(f"{machine}.local") else []
    return ["localhost", *own, "127.0.0.1", "::1"]


def own_certificates(
    data: Path, names: Sequence[str], endpoints: Sequence[Endpoint]
) -> tuple[Callable[[], tuple[Path, Path]], Callable[[], bool]]:
    """Return what prepares the data directory of a server with its own CA, and what renews its certificate.

    Raises: ConfigError when a name is none.
    """
    parse_names(names or default_names())

    def prepare() -> tuple[Path, Path]:
        first = not (data / authority.CA_CERTIFICATE).exists()
        if first or names or not (data / authority.SERVER_CERTIFICATE).exists():
            authority.init(data, names or default_names(), now=datetime.now(UTC))
        else:
            authority.renew(data, datetime.now(UTC))
        if not (data / "config.toml").exists():
            write_private(data / "config.toml", example_config().encode())
        if first:
            _tell(data, names or default_names(), endpoints)
        return data / authority.SERVER_CERTIFICATE, data / authority.SERVER_KEY

    def renew() -> bool:
        return authority.renew(data, datetime.now(UTC))

    return prepare, renew


def _tell(data: Path, names: Sequence[str], endpoints: Sequence[Endpoint]) -> None:
    ca = data / authority.CA_CERTIFICATE
    facts = authority.facts(ca, now=datetime.now(UTC))
    port = endpoints[0].port if endpoints else 6697
    where = names[0] if port == 6697 else f"{names[0]}:{port}"
    click.echo(
        f"First start: made in {data.absolute()}\n"
        f"  {authority.CA_CERTIFICATE}      the CA file that clients need\n"
        f"              its fingerprint is {facts.fingerprint}\n"
        f"  {authority.SERVER_CERTIFICATE}  the certificate, for {', '.join(names)}\n"
        f"  config.toml  every setting, with its default\n"
        f"Next, from another terminal, add a person and talk:\n"
        f"  securechat-admin --data {_word(data)} user add alice\n"
        f"  securechat-client {where} --ca {_word(ca)} --user alice",
        err=True,
    )


def _word(path: Path) -> str:
    """Return a path as a shell takes it in any directory."""
    return shlex.quote(str(path.absolute()))

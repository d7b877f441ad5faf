"""Looking a server over: the machine it is on, its files, its certificate, its database, and whether it can be reached."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from securechat.cli import checks
from securechat.cli.checks import Finding
from securechat.cli.errands import carry_out, find_config, require_data_directory
from securechat.cli.serving import find_fault
from securechat.client.trust import build_context
from securechat.config import Config
from securechat.errors import SecurechatError
from securechat.pki import authority
from securechat.server.app import DATABASE
from securechat.server.preface import is_within, parse_balancers
from securechat.server.proxyprotocol import HEALTH_CHECK
from securechat.server.requests import ServerStatus
from securechat.storage.sqlite.health import examine_database

FEW_DAYS = 14
"""Of a certificate's life, from which on somebody should act."""
PATIENCE = 10.0
"""Seconds for one listener to answer."""
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, not where we listen


def look_over(data: Path) -> Iterator[Finding]:
    """Yield what was found, one thing after the other.

    Raises: ConfigError where there is no data directory at all.
    """
    require_data_directory(data)
    yield checks.check_ownership(data, looks_only=True)
    yield from checks.check_files(data)
    try:
        config = find_config(data)
    except SecurechatError as error:
        yield Finding("settings", False, str(error), "mend the file, see `config check`")
        config = Config()
    else:
        yield Finding("settings", True, str(data / "config.toml"))
    yield checks.check_disk(data, config.limits.free_space)
    yield from _look_at_database(data)
    status = _ask(data)
    certificate = Path(status["certificate"]) if status else Path(config.cert or data / authority.SERVER_CERTIFICATE)
    yield from look_at_certificate(certificate, "certificate", "securechat-admin cert renew")
    yield from look_at_pair(certificate, Path(config.key) if config.key else data / authority.SERVER_KEY)
    if (data / authority.CA_CERTIFICATE).exists():
        yield from look_at_certificate(data / authority.CA_CERTIFICATE, "CA", "see docs/operations.md, Certificates")
    if status is None:
        yield Finding("server", True, "none is running")
    else:
        yield Finding("server", True, f"running, version {status['version']}")
        for where in status["listening"]:
            yield reach(where, certificate, data, config.balancers)


def _ask(data: Path) -> Any:
    try:
        return carry_out(data, ServerStatus())
    except SecurechatError:
        return None


def _look_at_database(data: Path) -> Iterator[Finding]:
    path = data / DATABASE
    if not path.exists():
        yield checks.check_clock(datetime.now(UTC))
        yield Finding("database", True, "there is none yet")
        return
    health = examine_database(path)
    yield checks.check_clock(datetime.now(UTC), health.newest or None)
    for damage in health.damage:
        yield Finding("database", False, damage, "stop the server and restore the newest backup (`restore`)")
    if not health.damage:
        yield Finding("database", True, "whole")


def look_at_certificate(path: Path, what: str, remedy: str) -> Iterator[Finding]:
    """Yield whether a certificate holds for some time yet; `what` it is called, `remedy` what renews it."""
    if not path.exists():
        yield Finding(what, True, "there is none yet")
        return
    now = datetime.now(UTC)
    try:
        facts = authority.facts(path, now=now)
    except SecurechatError as error:
        yield Finding(what, False, str(error), "name another")
        return
    seen = f"{path.name}, {facts.days_left} days left, until {facts.not_after:%Y-%m-%d}"
    good = facts.not_before <= now and facts.days_left >= FEW_DAYS
    yield Finding(what, good, seen, remedy)


def look_at_pair(certificate: Path, key: Path) -> Iterator[Finding]:
    """Yield what keeps the files of the certificate from being shown: a server that runs goes on with what it has."""
    if not certificate.exists() or (key.parent != certificate.parent and not key.exists()):
        return
    fault = find_fault((certificate, key))
    if fault is not None:
        yield Finding(
            "certificate", False, f"the files cannot serve, a running server keeps the old one: {fault}", "see there"
        )


def reach(where: str, certificate: Path, data: Path, balancers: Sequence[str] = ()) -> Finding:
    """Connect to a listener of this machine as a client would: by TLS, CA and name verified, and a CAP LS answered.

    balancers: as in the settings; where this machine is one of them, it first says that it looks for itself.
    """
    host, _, port = where.rpartition(":")
    host = host.strip("[]")
    try:
        names: Sequence[str] = authority.facts(certificate, now=datetime.now(UTC)).names
        ca = data / authority.CA_CERTIFICATE
        context = build_context(ca if ca.exists() else None)
        with socket.create_connection((_ANYWHERE.get(host, host), int(port)), PATIENCE) as raw:
            if is_within(raw.getsockname()[0], parse_balancers(balancers)):
                raw.sendall(HEALTH_CHECK)
            with context.wrap_socket(raw, server_hostname=_connectable(names)) as secure:
                secure.sendall(b"CAP LS 302\r\nQUIT\r\n")
                answer = secure.recv(4096)
    except ssl.SSLError as error:
        if "CERTIFICATE_REQUIRED" in str(error.reason):
            return Finding("listener", True, f"{where} answers, and asks for a client certificate")
        return Finding("listener", False, f"{where}: {error.reason or error}", "see the certificate, and the log")
    except (OSError, SecurechatError) as error:
        return Finding("listener", False, f"{where}: {error}", "see the log; does a firewall keep this machine out?")
    if b" CAP " not in answer:
        return Finding("listener", False, f"{where} answers something else", "see what listens there")
    return Finding("listener", True, f"{where} answers")


def _connectable(names: Sequence[str]) -> str:
    """Return a name that the certificate is good for; a wildcard covers any."""
    return names[0].replace("*", "www") if names else "localhost"

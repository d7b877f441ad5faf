"""A real server behind a balancer: the settings say who is one, and nobody else is believed."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from tests.scenario.processes import DEADLINE, Programs, port_of
from tests.server.test_proxyprotocol import FOUR


def fetch_health(port: int, ca: Path, header: bytes) -> bytes:
    """Return the first line of the answer to a question for /healthz, behind what a balancer says."""
    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as raw:
        raw.sendall(header)
        with context.wrap_socket(raw, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return wrapped.recv(1000).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("balancers", "header", "is_served"),
    [("[]", b"", True), ("[]", FOUR, False), ('["127.0.0.1"]', b"", False), ('["127.0.0.1"]', FOUR, True)],
)
def test_a_listed_balancer_says_whom_it_speaks_for_and_nobody_else_does(
    tmp_path: Path, programs: Programs, balancers: str, header: bytes, is_served: bool
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f"balancers = {balancers}\n")
    server = programs.server(tmp_path / "data", "--config", str(settings), "--name", "localhost")
    port = port_of(server.wait_ready()[0])
    if is_served:
        assert fetch_health(port, tmp_path / "data" / "ca.pem", header) == b"HTTP/1.1 200 OK"
    else:
        with pytest.raises((ssl.SSLError, OSError)):
            fetch_health(port, tmp_path / "data" / "ca.pem", header)


def test_what_is_no_address_is_refused_at_the_start(tmp_path: Path, programs: Programs) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('balancers = ["balancer.example"]\n')
    server = programs.server(tmp_path / "data", "--config", str(settings))
    assert server.wait() == 2
    assert server.err[-1].endswith("write an address or a network, as 10.0.0.7 or fd00::/8")

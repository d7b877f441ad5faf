"""A real server as the web sees it: its pages, its CA, and who may open a WebSocket."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.scenario.processes import DEADLINE, Programs, Server, port_of


def fetch(server: Server, ca: Path, path: str) -> tuple[int, bytes]:
    """Return status and body of a page."""
    port = port_of(server.wait_ready()[0])
    context = ssl.create_default_context(cafile=str(ca))
    try:
        with urllib.request.urlopen(f"https://localhost:{port}{path}", context=context, timeout=DEADLINE) as found:
            return found.status, found.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def knock(server: Server, ca: Path, origin: str) -> bool:
    """Tell whether a page of this origin may open a WebSocket, and is let in by a line if so."""
    port = port_of(server.wait_ready()[0])
    context = ssl.create_default_context(cafile=str(ca))
    try:
        with connect(
            f"wss://localhost:{port}/",
            ssl=context,
            origin=Origin(origin.replace("PORT", str(port))),
            subprotocols=[Subprotocol("text.ircv3.net")],
            proxy=None,
        ) as socket:
            socket.send("CAP LS 302")
            assert str(socket.recv(DEADLINE)).split()[1] == "CAP"
            return True
    except InvalidStatus as error:
        if error.response.status_code != 403:
            raise
        return False


def test_a_server_with_a_ca_of_its_own_hands_it_out_and_lets_its_own_pages_in(
    programs: Programs, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    server = programs.server(data, "--name", "localhost", "--name", "chat.example")
    server.wait_ready()
    ca = data / "ca.pem"
    assert fetch(server, ca, "/healthz") == (200, b"ok")
    assert fetch(server, ca, "/ca.pem") == (200, ca.read_bytes())
    assert b"PRIVATE" not in ca.read_bytes()
    assert fetch(server, ca, "/")[0] == 404
    allowed = ["https://localhost:PORT", "https://chat.example:PORT", "https://chat.example"]
    refused = ["https://evil.example", "https://chat.example:1", "http://chat.example"]
    assert [knock(server, ca, origin) for origin in allowed + refused] == [True] * 3 + [False] * 3
    server.wait_for("its origin is not in web_origins", times=3)


def test_a_server_with_a_certificate_from_elsewhere_hands_out_no_ca_and_goes_by_the_names_in_it(
    programs: Programs, tmp_path: Path
) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "www.example")
    ca, cert, key = (tmp_path / name for name in ("ca.crt", "server.crt", "server.key"))
    authority.cert_pem.write_to_path(ca)
    leaf.cert_chain_pems[0].write_to_path(cert)
    leaf.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    config = tmp_path / "config.toml"
    config.write_text('web_origins = ["https://page.example"]\n')
    options = ("--config", str(config), "--cert", str(cert), "--key", str(key))
    server = programs.server(tmp_path / "data", *options)
    assert fetch(server, ca, "/ca.pem")[0] == 404
    assert fetch(server, ca, "/healthz") == (200, b"ok")
    allowed = ["https://page.example", "https://www.example", "https://www.example:PORT"]
    assert [knock(server, ca, origin) for origin in [*allowed, "https://page.example:PORT"]] == [True] * 3 + [False]


@pytest.mark.parametrize("origin", ["page.example", "https://page.example/"])
def test_an_origin_that_no_browser_would_write_ends_the_start(programs: Programs, tmp_path: Path, origin: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'web_origins = ["{origin}"]\n')
    server = programs.server(tmp_path / "data", "--config", str(config))
    assert server.wait() == 2
    (line,) = server.err
    assert "web_origins" in line

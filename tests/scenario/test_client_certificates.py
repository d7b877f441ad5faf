"""Client certificates as an administrator meets them: issued, used, revoked, with real processes and real TLS."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenario.processes import Programs, port_of

SOON = 1.0
"""Seconds in which a revoked connection must have ended, from the end of the command on."""


OPEN: list[ssl.SSLSocket] = []


@pytest.fixture(autouse=True)
def no_socket_is_left() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


class Caller:
    """One TLS connection that speaks lines."""

    def __init__(self, data: Path, port: int, name: str = "") -> None:
        context = ssl.create_default_context(cafile=str(data / "ca.pem"))
        context.set_alpn_protocols(["irc"])
        if name:
            context.load_cert_chain(data / "clients" / f"{name}.pem", data / "clients" / f"{name}.key")
        raw = socket.create_connection(("127.0.0.1", port), 10)
        self._socket = context.wrap_socket(raw, server_hostname="localhost")
        OPEN.append(self._socket)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\r\n")

    def ask(self, *lines: str) -> list[str]:
        """Send lines and return what comes up to the answer to a PING behind them, without the sources."""
        self._socket.sendall("".join(f"{line}\r\n" for line in (*lines, "PING end")).encode())
        answers = []
        for line in self._lines:
            answers.append(line.strip().partition(" ")[2])
            if " PONG " in line:
                return answers[:-1]
        raise EOFError

    def end(self) -> str:
        """Read to the end of the connection; return the last line."""
        last = ""
        for line in self._lines:
            last = line.strip()
        return last


def test_a_certificate_is_issued_signs_in_and_is_revoked(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = programs.server(
        data, "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0,client-cert=required", "--name", "localhost"
    )
    open_port, closed_port = (port_of(address) for address in server.wait_ready(2))
    server.wait_for("the certificate is not for all our names")
    programs.add_people(data, "alice")
    issued = json.loads(programs.admin(data, "cert", "issue", "client", "alice", "--device", "laptop", "--json").out)

    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        Caller(data, closed_port).ask("CAP LS 302")
    external = [
        "CAP REQ sasl",
        "AUTHENTICATE EXTERNAL",
        "AUTHENTICATE +",
        "NICK alice",
        "USER alice 0 * alice",
        "CAP END",
    ]
    assert any(line.startswith("904") for line in Caller(data, open_port, "alice").ask(*external[:3]))

    first, second = (Caller(data, closed_port, "alice") for _ in range(2))
    assert any(line.startswith("001 alice ") for line in first.ask(*external))
    assert programs.admin(data, "user", "rename", "alice", "alicia").code == 0
    assert any(line.startswith("001 alicia ") for line in second.ask(*external))

    assert programs.admin(data, "cert", "revoke", issued["serial"]).code == 0
    begun = time.monotonic()
    assert [caller.end() for caller in (first, second)] == ["ERROR :Closing link: your certificate was revoked"] * 2
    assert time.monotonic() - begun < SOON
    assert Caller(data, closed_port, "alice").end() == "ERROR :Closing link: your certificate was revoked"

    server.kill()
    server = programs.server(data, "--listen", "127.0.0.1:0,client-cert=optional", "--name", "localhost")
    (port,) = (port_of(address) for address in server.wait_ready())
    assert Caller(data, port, "alice").end() == "ERROR :Closing link: your certificate was revoked"
    (row,) = json.loads(programs.admin(data, "cert", "list", "--json").out)
    assert (row["name"], row["device"], row["state"]) == ("alicia", "laptop", "revoked")

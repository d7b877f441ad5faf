"""The server of the client's tests, and the command line run against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.conftest import authority, ca_file, server
from tests.client.fakeserver import FakeServer
from tests.plain.program import Program

__all__ = ["authority", "ca_file", "client_home", "program", "server"]


@pytest.fixture(autouse=True)
def client_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where every client of the test remembers things: nowhere near the home of whoever runs the tests."""
    home = tmp_path / "client-home"
    monkeypatch.setenv("SECURECHAT_CLIENT_HOME", str(home))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return home


@pytest.fixture
def program(server: FakeServer, ca_file: Path, tmp_path: Path) -> Callable[..., Program]:
    """Return what makes a command line that signs in as alice."""
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("secret\n")

    def make(*words: str, sign_in: bool = True, **options: str) -> Program:
        options = {"server": f"localhost:{server.port}", "ca": str(ca_file), "user": "alice", **options}
        if sign_in:
            options = {"token-file": str(token), **options}
        return Program([*words, *(word for name, value in options.items() for word in (f"--{name}", value))])

    return make

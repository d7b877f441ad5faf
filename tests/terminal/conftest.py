"""One real server for all who sit at terminals, and people who sit down at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.client.conftest import authority, ca_file, server
from tests.scenario.processes import BIN, PASSWORD, Programs, Server, programs
from tests.terminal.screen import Terminal

__all__ = ["authority", "ca_file", "programs", "server"]


@dataclass
class Hall:
    """A running server, and a home for the clients of one test."""

    programs: Programs
    data: Path
    running: Server
    address: str
    home: Path

    @property
    def sign_in(self) -> list[str]:
        """The options of a client, but for its name."""
        return ["--server", self.address, "--ca", str(self.data / "ca.pem"), "--token-file", str(self.data / "token")]

    def send(self, user: str, target: str, *lines: str) -> None:
        """Send lines, and have them stored."""
        words = ("send", target, "--user", user, *self.sign_in)
        done = self.programs.run("securechat-client", *words, stdin="\n".join(lines))
        assert done.code == 0, done.err

    def read(self, user: str, target: str) -> list[str]:
        """Return the last texts of a conversation."""
        done = self.programs.run(
            "securechat-client", "history", target, "--limit", "2000", "--user", user, *self.sign_in
        )
        return [line.partition("> ")[2] for line in done.out.splitlines()]


SitDown = Callable[..., Terminal]


def open_hall(programs: Programs, data: Path) -> Server:
    """Start a server with alice, bob and carol, and put their password into a file."""
    running = programs.server(data)
    running.wait_ready()
    programs.add_people(data, "alice", "bob", "carol")
    token = data / "token"
    token.touch(0o600)
    token.write_text(PASSWORD)
    return running


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Programs, Path, Server]]:
    """Yield a server for the tests of a module."""
    place = tmp_path_factory.mktemp("hall")
    (place / "home").mkdir()
    started = Programs(place / "home")
    try:
        yield started, place / "data", open_hall(started, place / "data")
    finally:
        started.end_all()


@pytest.fixture
def hall(building: tuple[Programs, Path, Server], tmp_path: Path) -> Hall:
    """Return the server of the module with a home of this test's own."""
    programs, data, running = building
    return Hall(programs, data, running, running.wait_ready()[0], tmp_path)


@pytest.fixture
def sit_down(hall: Hall) -> Iterator[SitDown]:
    """Return what starts a client on a terminal and waits for its prompt."""
    started: list[Terminal] = []

    def start(user: str, *, columns: int = 80, wait: str = "[#general]", **environment: str) -> Terminal:
        settings = {**hall.programs.environment, "TERM": "xterm", "HOME": str(hall.home), **environment}
        words = [str(BIN / "securechat-client"), "--user", user, *hall.sign_in]
        terminal = Terminal(words, settings, columns=columns)
        started.append(terminal)
        terminal.wait_for(wait)
        return terminal

    yield start
    for terminal in started:
        terminal.kill()

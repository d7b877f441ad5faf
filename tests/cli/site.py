"""A data directory whose server runs, or does not, while it is administered; its effect is seen from outside."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from securechat.client.address import Address
from securechat.client.errors import SignInError
from securechat.client.events import Disconnected
from securechat.client.link import Link
from securechat.client.trust import build_context
from tests.scenario.processes import DEADLINE, PASSWORD, Outcome, Programs, Server, port_of


class Site:
    """A server's data directory, administered while the server runs or while it does not."""

    def __init__(self, programs: Programs, data: Path, *, running: bool) -> None:
        self.data = data
        self.running = running
        self._programs = programs
        self._server: Server | None = None
        self.address()
        self.first_words = list(self.server.err)
        if not running:
            self.stop()

    def admin(self, *arguments: str, stdin: str = "") -> Outcome:
        """Run an administrative command, with the server as this site has it."""
        if not self.running:
            self.stop()
        return self._programs.admin(self.data, *arguments, stdin=stdin)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what a command prints with --json."""
        done = self.admin(*arguments, "--json")
        assert (done.code, done.err) == (0, [])
        rows = json.loads(done.out)
        assert isinstance(rows, list)
        return rows

    def history(self, name: str, target: str) -> list[dict[str, Any]]:
        """Return what somebody can read of a conversation."""
        where = ["--server", f"localhost:{self.address().port}", "--ca", str(self.data / "ca.pem"), "--user", name]
        done = self._programs.run(
            "securechat-client", "history", target, "--json", *where, "--password-stdin", stdin=f"{PASSWORD}\n"
        )
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    def add(self, *names: str) -> None:
        """Add accounts whose password is PASSWORD."""
        people = "".join(f"{name},{PASSWORD}\n" for name in names)
        assert self.admin("user", "import", "-", stdin=people).code == 0

    def address(self) -> Address:
        """Return where the server listens; it is started if it does not run."""
        if self._server is None:
            self._server = self._programs.server(self.data)
        return Address("127.0.0.1", port_of(self._server.wait_ready()[0]))

    def stop(self) -> None:
        """Let the server end."""
        if self._server is not None:
            self._server.signal(signal.SIGTERM)
            assert self._server.wait() == 0
            self._server = None

    @property
    def server(self) -> Server:
        self.address()
        assert self._server is not None
        return self._server

    def link(self, name: str, secret: str = PASSWORD, **options: Any) -> Link:
        return Link(self.address(), name, secret, build_context(self.data / "ca.pem"), **options)

    async def lets_in(self, name: str, secret: str = PASSWORD) -> bool:
        """Tell whether somebody can sign in."""
        try:
            async with self.link(name, secret):
                return True
        except SignInError:
            return False

    async def closes(self, link: Link) -> bool:
        """Wait until the server closes a connection; tell whether it lets the same secret in again."""
        async with asyncio.timeout(DEADLINE):
            try:
                lost = False
                async for event in link:
                    lost = lost or isinstance(event, Disconnected)
                    if lost and link.is_online:
                        return True
            except SignInError:
                return False
        raise AssertionError("the link ended by itself")


async def read_until(link: Link, kind: type[Any]) -> list[Any]:
    """Return what a link tells up to the first event of a kind."""
    events: list[Any] = []
    async with asyncio.timeout(DEADLINE):
        async for event in link:
            events.append(event)
            if isinstance(event, kind):
                break
    return events

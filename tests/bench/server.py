"""A server under measurement: where it listens and how members get in; and ours, with a data directory of its own."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import process

if TYPE_CHECKING:
    from tests.bench.flush import Account

PROGRAMS = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
IMPORT_SECONDS = 120.0
_LISTENING = re.compile(r"^listening on 127\.0\.0\.1:(\d+)$", re.MULTILINE)


class Entrant(NamedTuple):
    """Somebody who is to sign in. rooms: those to join beside the one that everybody is in; empty: that one only."""

    kind: str
    name: str
    caps: str
    rooms: Sequence[str] = ()


class Server:
    """A running server.

    ca: the CA file that clients trust. tokens: by account name; empty where there are no accounts.
    lobby: what a member without rooms of its own joins itself; empty where accounts are in a channel from the start.
    foreign: a capability that this server has never heard of. flushes: the account of its flushes, if one is kept.
    """

    def __init__(
        self,
        running: subprocess.Popen[str],
        port: int,
        ca: Path,
        output: Path,
        tokens: Mapping[str, str] | None = None,
        *,
        lobby: Sequence[str] = (),
        foreign: str = "",
    ) -> None:
        self._running = running
        self._output = output
        self._lobby = lobby
        self._foreign = foreign
        self.pid = running.pid
        self.port = port
        self.ca = ca
        self.tokens = dict(tokens or {})
        self.flushes: Account | None = None

    def admit(self, who: Entrant) -> list[object]:
        """Return how somebody signs in here, as the load takes it: kind, name, token, capabilities, rooms to join."""
        caps = " ".join(cap for cap in who.caps.split() if cap != self._foreign)
        return [who.kind, who.name, self.tokens.get(who.name, ""), caps, who.rooms or self._lobby]

    def check(self) -> None:
        """Raise RuntimeError, with what the server said, if it has ended."""
        if self._running.poll() is not None:
            raise RuntimeError(f"the server ended with {self._running.returncode}: {self._output.read_text()[-2000:]}")


@contextmanager
def running_server(
    program: Path | None, names: Sequence[str], cores: Sequence[int], environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start our server with accounts and let go of everything afterwards.

    program: takes the arguments of securechat-server; None for the one of this environment.
    environment: variables it gets beside ours.
    """
    with make_directory() as data:
        command = [str(program or PROGRAMS / "securechat-server"), "--data", str(data), "--listen", "127.0.0.1:0"]
        command += ["--name", "localhost", "--log-level", "warning"]
        output = data / "stderr"
        with output.open("w") as stderr:
            variables = {**os.environ, **(environment or {})}
            running = process.start(command, cores, stderr=stderr, stdin=subprocess.DEVNULL, env=variables)
        try:
            port = await_port(running, output)
            yield Server(running, port, data / "ca.pem", output, _import_accounts(data, names))
        finally:
            process.stop(running)


@contextmanager
def make_directory() -> Iterator[Path]:
    """Make a directory and remove it afterwards.

    It lies in the checkout, not in the system's place for temporary files: that may be in memory, where flushing costs
    nothing.
    """
    parent = ROOT / ".cache"
    parent.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=parent) as name:
        yield Path(name)


def await_port(running: subprocess.Popen[str], output: Path) -> int:
    """Wait until a server has written `listening on …` and return the port.

    Raises: RuntimeError when it does not come to that.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        found = _LISTENING.search(output.read_text())
        if found:
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start (exit code {running.poll()}): {output.read_text()}")


def _import_accounts(data: Path, names: Sequence[str]) -> dict[str, str]:
    command = [str(PROGRAMS / "securechat-admin"), "--data", str(data), "user", "import", "--tokens", "-"]
    done = subprocess.run(command, input="\n".join(names), capture_output=True, text=True, timeout=IMPORT_SECONDS)
    if done.returncode:
        raise RuntimeError(f"the accounts could not be made: {done.stderr}")
    tokens = dict(csv.reader(done.stdout.splitlines()))
    missing = set(names) - tokens.keys()
    if missing:
        raise RuntimeError(f"no token for {sorted(missing)[:3]}")
    return tokens

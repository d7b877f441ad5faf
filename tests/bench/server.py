"""A server under measurement: where it listens and how members get in; and ours, on a data directory that may outlive it."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench import process

if TYPE_CHECKING:
    from tests.bench.flush import FlushTimes

PROGRAMS = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
CA = "ca.pem"
OUTPUT = "output"
"""The file in a server's directory that what it says goes to."""
START_SECONDS = 60.0
IMPORT_SECONDS = 300.0
UNLIMITED = "[limits]\nrate = 0\n"
"""The settings of a server under measurement: it is to show how fast it is, not how fast people may be."""
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
    start_seconds: from the start of the process until it accepted connections.
    lobby: what a member without rooms of its own joins itself; empty where accounts are in a channel from the start.
    foreign: a capability that this server has never heard of. flushes: how long they take, if somebody counts.
    """

    def __init__(
        self,
        running: subprocess.Popen[str],
        port: int,
        directory: Path,
        start_seconds: float = 0.0,
        *,
        lobby: Sequence[str] = (),
        foreign: str = "",
    ) -> None:
        self._running = running
        self._output = directory / OUTPUT
        self._lobby = lobby
        self._foreign = foreign
        self.pid = running.pid
        self.port = port
        self.ca = directory / CA
        self.start_seconds = start_seconds
        self.tokens: Mapping[str, str] = {}
        self.flushes: FlushTimes | None = None

    def admit(self, who: Entrant) -> list[object]:
        """Return how somebody signs in here, as the load takes it: kind, name, token, capabilities, rooms to join."""
        caps = " ".join(cap for cap in who.caps.split() if cap != self._foreign)
        return [who.kind, who.name, self.tokens.get(who.name, ""), caps, who.rooms or self._lobby]

    def check(self) -> None:
        """Raise RuntimeError, with what the server said, if it has ended."""
        if self._running.poll() is not None:
            raise RuntimeError(f"the server ended with {self._running.returncode}: {self._output.read_text()[-2000:]}")


class DataDirectory:
    """A data directory of ours: prepared, served from, left and served from again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def serving(
        self, program: Path | None, cores: Sequence[int], environment: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        """Run our server on some cores and end it by SIGTERM.

        program: takes the arguments of securechat-server; None for the one of this environment.
        environment: variables it gets beside ours.

        Raises: RuntimeError when it does not start, or does not end well.
        """
        server = program or PROGRAMS / "securechat-server"
        if _knows_rates(server):
            (self.path / "config.toml").write_text(UNLIMITED)
        command = [str(server), "--data", str(self.path)]
        command += ["--listen", "127.0.0.1:0", "--name", "localhost", "--log-level", "warning"]
        began = time.monotonic()
        running = launch(command, cores, self.path, env={**os.environ, **(environment or {})})
        try:
            port = await_port(running, self.path)
            yield Server(running, port, self.path, time.monotonic() - began)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; the server said: {(self.path / OUTPUT).read_text()[-2000:]}") from error
        finally:
            code = process.stop(running, START_SECONDS)
        if code:
            raise RuntimeError(f"the server ended with {code}: {(self.path / OUTPUT).read_text()[-2000:]}")

    def import_accounts(self, lines: Sequence[str], *options: str) -> dict[str, str]:
        """Make accounts from lines as `user import` takes them; return what it prints: secrets by name."""
        command = [str(PROGRAMS / "securechat-admin"), "--data", str(self.path), "user", "import", *options, "-"]
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, timeout=IMPORT_SECONDS)
        if done.returncode:
            raise RuntimeError(f"the accounts could not be made: {done.stderr}")
        return dict(csv.reader(done.stdout.splitlines()))


@contextmanager
def open_data_directory() -> Iterator[DataDirectory]:
    """Make a data directory and remove it afterwards."""
    with make_directory() as path:
        yield DataDirectory(path)


@contextmanager
def running_server(
    program: Path | None, names: Sequence[str], cores: Sequence[int], environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run our server, as `DataDirectory.serving` does, with accounts in a data directory of its own."""
    with open_data_directory() as directory, directory.serving(program, cores, environment) as server:
        server.tokens = directory.import_accounts(names, "--tokens")
        yield server


@contextmanager
def make_directory() -> Iterator[Path]:
    """Make a directory and remove it afterwards.

    It lies in the checkout, not in the system's place for temporary files: that may be in memory, where flushing costs
    nothing.
    """
    CACHE.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=CACHE) as name:
        yield Path(name)


def launch(command: Sequence[str], cores: Sequence[int], directory: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a server on some cores; what it says goes to a file in its directory."""
    with (directory / OUTPUT).open("w") as output:
        return process.start(command, cores, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)


def await_port(running: subprocess.Popen[str], directory: Path) -> int:
    """Wait until a server that was launched has written `listening on …` and return the port.

    Raises: RuntimeError when it does not come to that.
    """
    output = directory / OUTPUT
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        if found := _LISTENING.search(output.read_text()):
            return int(found[1])
        time.sleep(0.005)
    raise RuntimeError(f"the server did not start (exit code {running.poll()}): {output.read_text()}")


@cache
def _knows_rates(server: Path) -> bool:
    """Tell whether a server can be told to take whatever comes; versions from before there was a limit refuse the key."""
    beside = server.parent / "securechat-admin"
    admin = beside if beside.exists() else PROGRAMS / beside.name
    done = subprocess.run([str(admin), "config", "example"], capture_output=True, text=True, timeout=START_SECONDS)
    return "\n#rate = " in done.stdout


def name_people(initial: str, count: int) -> list[str]:
    """Return so many names of accounts."""
    return [f"{initial}{number:05}" for number in range(count)]

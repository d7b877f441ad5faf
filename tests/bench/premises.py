"""A data directory that outlives its server: prepared, served from, left and served from again."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench import process

PROGRAMS = Path(sys.executable).parent
CACHE = Path(__file__).parents[2] / ".cache"
START_SECONDS = 60.0
IMPORT_SECONDS = 300.0
_LISTENING = re.compile(r"^listening on 127\.0\.0\.1:(\d+)$", re.MULTILINE)


class Running(NamedTuple):
    """A server that accepts connections.

    ca: the CA file that clients trust. start_seconds: from the start of the process until it accepted connections.
    """

    process: subprocess.Popen[str]
    port: int
    ca: Path
    start_seconds: float

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid


class Premises:
    """A data directory. `data` lies in the checkout, for the system's place for temporary files may be in memory."""

    def __init__(self, data: Path) -> None:
        self.data = data

    @contextmanager
    def serving(self, program: Path | None, cores: Sequence[int]) -> Iterator[Running]:
        """Run a server on some cores and end it by SIGTERM.

        program: takes the arguments of securechat-server; None for the one of this environment.
        """
        command = [str(program or PROGRAMS / "securechat-server"), "--data", str(self.data)]
        command += ["--listen", "127.0.0.1:0", "--name", "localhost", "--log-level", "warning"]
        output = self.data / "stderr"
        began = time.monotonic()
        with output.open("w") as stderr:
            running = process.start(command, cores, stderr=stderr, stdin=subprocess.DEVNULL)
        try:
            port = _await_port(running, output)
            yield Running(running, port, self.data / "ca.pem", time.monotonic() - began)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; the server ({running.poll() or 'running'}): {output.read_text()}") from error
        finally:
            code = process.stop(running, START_SECONDS)
        if code:
            raise RuntimeError(f"the server ended with {code}: {output.read_text()}")

    def admit(self, people: Sequence[str], *options: str) -> dict[str, str]:
        """Make accounts from lines as `user import` takes them; return what it prints: secrets by name."""
        command = [str(PROGRAMS / "securechat-admin"), "--data", str(self.data), "user", "import", *options, "-"]
        done = subprocess.run(command, input="\n".join(people), capture_output=True, text=True, timeout=IMPORT_SECONDS)
        if done.returncode:
            raise RuntimeError(f"the accounts could not be made: {done.stderr}")
        return dict(csv.reader(done.stdout.splitlines()))


@contextmanager
def open_premises() -> Iterator[Premises]:
    """Make a data directory and remove it afterwards."""
    CACHE.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=CACHE) as name:
        yield Premises(Path(name))


def _await_port(running: subprocess.Popen[str], output: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        found = _LISTENING.search(output.read_text())
        if found:
            return int(found[1])
        time.sleep(0.005)
    raise RuntimeError(f"the server did not start (exit code {running.poll()}): {output.read_text()}")

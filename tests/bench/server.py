"""The server under measurement, in a process and a data directory of its own."""

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

from tests.bench import process

PROGRAMS = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
_LISTENING = re.compile(r"^listening on 127\.0\.0\.1:(\d+)$", re.MULTILINE)


class Server:
    """A running server.

    tokens: by account name. ca: the CA file that clients trust.
    """

    def __init__(self, running: subprocess.Popen[str], port: int, data: Path, tokens: dict[str, str]) -> None:
        self._running = running
        self.pid = running.pid
        self.port = port
        self.ca = data / "ca.pem"
        self.tokens = tokens
        self._output = data / "stderr"

    def check(self) -> None:
        """Raise RuntimeError, with what the server said, if it has ended."""
        if self._running.poll() is not None:
            raise RuntimeError(f"the server ended with {self._running.returncode}: {self._output.read_text()}")


@contextmanager
def running_server(program: Path | None, names: Sequence[str], cores: Sequence[int]) -> Iterator[Server]:
    """Start a server with accounts and let go of everything afterwards.

    program: takes the arguments of securechat-server; None for the one of this environment.

    The data directory lies in the checkout, not in the system's place for temporary files: that may be in memory, where
    flushing costs nothing.
    """
    parent = ROOT / ".cache"
    parent.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=parent) as name:
        data = Path(name)
        command = [str(program or PROGRAMS / "securechat-server"), "--data", name, "--listen", "127.0.0.1:0"]
        command += ["--name", "localhost", "--log-level", "warning"]
        with (data / "stderr").open("w") as stderr:
            running = process.start(command, cores, stderr=stderr, stdin=subprocess.DEVNULL)
        try:
            port = _await_port(running, data / "stderr")
            yield Server(running, port, data, _import_accounts(data, names))
        finally:
            process.stop(running)


def _await_port(running: subprocess.Popen[str], output: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        found = _LISTENING.search(output.read_text())
        if found:
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start (exit code {running.poll()}): {output.read_text()}")


def _import_accounts(data: Path, names: Sequence[str]) -> dict[str, str]:
    command = [str(PROGRAMS / "securechat-admin"), "--data", str(data), "user", "import", "--tokens", "-"]
    done = subprocess.run(command, input="\n".join(names), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"the accounts could not be made: {done.stderr}")
    tokens = dict(csv.reader(done.stdout.splitlines()))
    missing = set(names) - tokens.keys()
    if missing:
        raise RuntimeError(f"no token for {sorted(missing)[:3]}")
    return tokens

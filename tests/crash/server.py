"""The server that is killed: started on one data directory again and again."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import process
from tests.crash.stored import DATABASE

PROGRAMS = Path(sys.executable).parent
DEADLINE = 30.0
"""Seconds until a wait is a failure."""
CHANNELS = ("#general", "#crash")
_LISTENING = re.compile(r"^listening on 127\.0\.0\.1:(\d+)$", re.MULTILINE)


class Server:
    """A data directory and the command that serves it; at most one process at a time.

    ca: the CA file that clients trust. database, wal: its files. port: of the last process that was ready.
    """

    def __init__(self, directory: Path, command: Sequence[str], accounts: Sequence[str]) -> None:
        self.ca = directory / "ca.pem"
        self.database = directory / DATABASE
        self.wal = directory / f"{DATABASE}-wal"
        self.port = 0
        self._output = directory / "stderr"
        self._command = [*command, "--data", str(directory), "--log-level", "warning"]
        channels = ", ".join(f'"{name}"' for name in CHANNELS)
        (directory / "config.toml").write_text(f'names = ["localhost"]\n[chat]\ndefault_channels = [{channels}]\n')
        self.start()
        try:
            self.await_ready()
            self.tokens = _import_accounts(directory, accounts)
        finally:
            process.stop(self._running)

    def start(self) -> None:
        """Start it; it takes the port that it had."""
        command = [*self._command, "--listen", f"127.0.0.1:{self.port}"]
        with self._output.open("w") as output:
            cores = os.sched_getaffinity(0)
            self._running = process.start(command, list(cores), stderr=output, stdin=subprocess.DEVNULL)

    def await_ready(self) -> None:
        """Wait until it accepts connections.

        Raises: RuntimeError when it does not.
        """
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and self._running.poll() is None:
            if found := _LISTENING.search(self._output.read_text()):
                self.port = int(found[1])
                return
            time.sleep(0.005)
        raise RuntimeError(f"the server did not start (exit code {self._running.poll()}): {self._output.read_text()}")

    def kill(self) -> None:
        """SIGKILL it, now, and wait for its end.

        Raises: RuntimeError when it had ended by itself.
        """
        self._running.kill()
        code = self._running.wait(DEADLINE)
        if code != -9:
            raise RuntimeError(f"the server ended by itself with {code}: {self._output.read_text()}")

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._running.kill()
        self._running.wait(DEADLINE)


def _import_accounts(directory: Path, names: Sequence[str]) -> dict[str, str]:
    """Add accounts and return a token for each."""
    command = [str(PROGRAMS / "securechat-admin"), "--data", str(directory), "user", "import", "--tokens", "-"]
    done = subprocess.run(command, input="\n".join(names), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"the accounts could not be made: {done.stderr}")
    return dict(csv.reader(done.stdout.splitlines()))

"""The server that is killed: started on one data directory again and again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tests.bench import process
from tests.bench.server import CA, OUTPUT, DataDirectory, await_port, launch
from tests.crash.stored import DATABASE

DEADLINE = 30.0
"""Seconds until a wait is a failure."""
CHANNELS = ("#general", "#crash")


class Server:
    """A data directory and the command that serves it; at most one process at a time.

    ca: the CA file that clients trust. database, wal: its files. port: of the last process that was ready.
    """

    def __init__(self, directory: Path, command: Sequence[str], accounts: Sequence[str]) -> None:
        self._directory = directory
        self.ca = directory / CA
        self.database = directory / DATABASE
        self.wal = directory / f"{DATABASE}-wal"
        self.port = 0
        self._command = [*command, "--data", str(directory), "--log-level", "warning"]
        channels = ", ".join(f'"{name}"' for name in CHANNELS)
        (directory / "config.toml").write_text(
            f'names = ["localhost"]\n[chat]\ndefault_channels = [{channels}]\n[limits]\nrate = 0\n'
        )
        self.start()
        try:
            self.await_ready()
            self.tokens = DataDirectory(directory).import_accounts(accounts, "--tokens")
        finally:
            process.stop(self._running)

    def start(self) -> None:
        """Start it; it takes the port that it had."""
        command = [*self._command, "--listen", f"127.0.0.1:{self.port}"]
        self._running = launch(command, list(os.sched_getaffinity(0)), self._directory)

    def await_ready(self) -> None:
        """Wait until it accepts connections.

        Raises: RuntimeError when it does not.
        """
        self.port = await_port(self._running, self._directory)

    def kill(self) -> None:
        """SIGKILL it, now, and wait for its end.

        Raises: RuntimeError when it had ended by itself.
        """
        self._running.kill()
        code = self._running.wait(DEADLINE)
        if code != -9:
            raise RuntimeError(f"the server ended by itself with {code}: {(self._directory / OUTPUT).read_text()}")

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._running.kill()
        self._running.wait(DEADLINE)

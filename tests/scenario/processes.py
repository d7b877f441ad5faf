"""The three commands as real processes: started, waited for by what they print, and never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

BIN = Path(sys.executable).parent
DEADLINE = 20.0
"""Seconds until a wait is a failure."""
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `err` by lines, since each error is to be one."""

    code: int
    out: str
    err: list[str]


class Program:
    """A running command; what it prints is collected line by line."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], umask: int = 0o022) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            umask=umask,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._news = threading.Condition()
        self._open_streams = 2
        self._readers = [
            threading.Thread(target=self._collect, args=(stream, lines), daemon=True)
            for stream, lines in ((self._process.stdout, self.out), (self._process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, *lines: str) -> None:
        """Type lines."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._process.stdin.flush()

    def close_stdin(self) -> None:
        """Let it read the end of its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something holds that can only change with a line printed; fail at once when it has ended."""
        with self._news:
            self._news.wait_for(lambda: condition() or not self._open_streams, DEADLINE)
            if not condition():
                printed = "\n".join([*self.out[-30:], "-- stderr:", *self.err[-30:]])
                pytest.fail(f"waited in vain for {what}; the last lines were\n{printed}")

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until so many lines with this text were printed, on either stream."""
        self.wait_until(lambda: sum(text in line for line in [*self.out, *self.err]) >= times, f"{times} × {text!r}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and for the last line; return the exit code, minus the signal's number if one ended it."""
        code = self._process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        return code

    def kill(self) -> int:
        """End it at once, as a power cut would, and wait."""
        self._process.kill()
        return self.wait()

    def _collect(self, stream: IO[bytes] | None, lines: list[str]) -> None:
        assert stream is not None
        with stream:
            for line in stream:
                with self._news:
                    lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._open_streams -= 1
            self._news.notify_all()


class Server(Program):
    """A running securechat-server."""

    def wait_ready(self, listeners: int = 1) -> list[str]:
        """Wait until connections are accepted; return HOST:PORT of every listener."""
        self.wait_until(lambda: len(self._addresses()) >= listeners, "listening on")
        return self._addresses()

    def _addresses(self) -> list[str]:
        marker = "listening on "
        return [line.removeprefix(marker) for line in self.err if line.startswith(marker)]


class Programs:
    """Starts commands in a home of their own and remembers them, so that none outlives its test."""

    def __init__(self, home: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        self.environment = {**kept, "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}
        self._started: list[Program] = []

    def server(
        self,
        data: Path,
        *options: str,
        port: int = 0,
        umask: int = 0o022,
        under: Sequence[str] = (),
        program: Sequence[str] = (str(BIN / "securechat-server"),),
    ) -> Server:
        """Start a server on loopback; `wait_ready` tells where it listens. Without a port it takes a free one.

        under: a command that runs it as its own process. program: another server than the real one.
        """
        listen = () if "--listen" in options else ("--listen", f"127.0.0.1:{port}")
        command = [*under, *program, "--data", str(data), *listen, *options]
        server = Server(command, self.environment, umask)
        self._started.append(server)
        return server

    def client(self, *arguments: str) -> Program:
        """Start a client."""
        return self.start(*_command("securechat-client", *arguments))

    def start(self, *command: str) -> Program:
        """Start any command."""
        program = Program(command, self.environment)
        self._started.append(program)
        return program

    def run(self, name: str, *arguments: str, stdin: str = "", under: Sequence[str] = ()) -> Outcome:
        """Run one of our commands to its end."""
        done = subprocess.run(
            [*under, *_command(name, *arguments)],
            input=stdin.encode(),
            capture_output=True,
            env=self.environment,
            timeout=DEADLINE,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode().splitlines())

    def admin(self, data: Path, *arguments: str, stdin: str = "") -> Outcome:
        """Run an administrative command on a data directory."""
        return self.run("securechat-admin", "--data", str(data), *arguments, stdin=stdin)

    def add_people(self, data: Path, *names: str) -> None:
        """Add accounts whose password is PASSWORD."""
        for name in names:
            assert self.admin(data, "user", "add", name, "--password-stdin", stdin=f"{PASSWORD}\n").code == 0

    def end_all(self) -> None:
        for program in self._started:
            program.kill()


def _command(name: str, *arguments: str) -> list[str]:
    return [str(BIN / name), *arguments]


def port_of(address: str) -> int:
    """Return the port of HOST:PORT."""
    return int(address.rpartition(":")[2])


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something outside of any process of ours, asking for it again and again."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {DEADLINE} s for {what}")
        time.sleep(0.02)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts processes that end with the test."""
    home = tmp_path / "home"
    home.mkdir()
    started = Programs(home)
    try:
        yield started
    finally:
        started.end_all()

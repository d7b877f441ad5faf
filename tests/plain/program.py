"""`securechat-client` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import NamedTuple, Self


class Outcome(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


class Program:
    """One command line; `run` it to its end, or enter it to talk with it."""

    command = [sys.executable, "-c", "from securechat.cli.client import main; main()"]

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self._process: Process | None = None

    async def run(self, stdin: bytes = b"") -> Outcome:
        """Run to the end, with `stdin` piped in."""
        await self._start()
        out, err = await self.process.communicate(stdin)
        return Outcome(self.process.returncode or 0, out.decode(), err.decode())

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    @property
    def process(self) -> Process:
        """The running process."""
        assert self._process is not None
        return self._process

    def type(self, *lines: str) -> None:
        """Write lines to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())

    async def read_until(self, part: str, *, err: bool = False) -> list[str]:
        """Return the lines it writes up to one that contains `part`."""
        stream = self.process.stderr if err else self.process.stdout
        assert stream is not None
        lines: list[str] = []
        while not lines or part not in lines[-1]:
            line = await stream.readline()
            assert line, f"{part!r} never came; before it: {lines}"
            lines.append(line.decode().rstrip("\n"))
        return lines

    async def _start(self) -> None:
        environment = {**os.environ, "TZ": "UTC", "PYTHONWARNINGS": "error"}
        self._process = await asyncio.create_subprocess_exec(
            *self.command, *self.words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
        )

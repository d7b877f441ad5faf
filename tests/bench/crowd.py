"""The load's processes: where they run, and how they are told what to do. Each is a module of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.bench import process
from tests.bench.server import ROOT, Entrant, Server

ENTER_AT_ONCE = 200

Figures = dict[str, float]
"""What a run measured, by name."""


class Cores(NamedTuple):
    """Where the server runs, and where everything else does."""

    server: list[int]
    load: list[int]


def share_cores() -> Cores:
    """Give the server the first core that we may use, the load the others, if there are any."""
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores([first], others or [first])


class Crowd:
    """A load process and its members."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running
        self.pid = running.pid

    def tell(self, **order: Any) -> None:
        """Give an order; the module of the process says which there are."""
        assert self._running.stdin is not None
        self._running.stdin.write(json.dumps(order) + "\n")
        self._running.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for the answer to an order.

        Raises: RuntimeError when the process has ended instead.
        """
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        if not line:
            raise RuntimeError(f"a load process ended early: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def enter(self, server: Server, members: Sequence[Entrant], note: Callable[[str], None] = lambda _: None) -> None:
        """Sign members in, some at a time, and note how far it has come."""
        for start in range(0, len(members), ENTER_AT_ONCE):
            rows = [server.admit(member) for member in members[start : start + ENTER_AT_ONCE]]
            self.tell(enter={"port": server.port, "ca": str(server.ca), "members": rows})
            self.hear()
            note(f"{start + len(rows):,} of {len(members):,} signed in")

    def _last_words(self) -> str:
        assert self._running.stderr is not None
        return self._running.stderr.read().strip()[-1000:]


@contextmanager
def running_crowd(cores: Sequence[int], module: str = "load") -> Iterator[Crowd]:
    """Start a load process on some cores and end it afterwards."""
    command = [sys.executable, "-m", f"tests.bench.{module}"]
    running = process.start(
        command, cores, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with running:
        try:
            yield Crowd(running)
        finally:
            process.stop(running)

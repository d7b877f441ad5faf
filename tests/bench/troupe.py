"""Load processes that do something else than talk at full speed; each is a module of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.bench import process
from tests.bench.crowd import Crowd
from tests.bench.server import ROOT


@contextmanager
def running_troupe(module: str, cores: Sequence[int]) -> Iterator[Crowd]:
    """Start a module as a load process on some cores, and end it afterwards."""
    command = [sys.executable, "-m", f"tests.bench.{module}"]
    running = process.start(command, cores, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with running:
        try:
            yield Crowd(running)
        finally:
            process.stop(running)

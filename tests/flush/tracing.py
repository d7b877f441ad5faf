"""A server with strace beside it, which writes down its calls or makes some of them fail."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flush.trace import FLUSHES, TRACED

ROOT = Path(__file__).parents[2]
TEXT_BYTES = 4096
"""How much of what was written is shown: a page of the database."""


def require_strace() -> None:
    """Skip where strace is not there or may not do what it is for."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not there: nobody can see when the server flushes")
    # As it will be used: on a program with threads of its own and by seccomp, in the place of its parent.
    done = subprocess.run(["strace", *_BESIDE, "-e", "trace=fsync", "true"], capture_output=True, text=True, timeout=20)
    if done.returncode:
        pytest.skip(f"strace may not look at programs here: {done.stderr.strip()}")


# With -D it is not the server's parent: pid, signals, exit code and end of output are the server's own.
_BESIDE = ["-D", "-f", "--seccomp-bpf"]


def watching(trace: Path) -> list[str]:
    """Return the command under which a server's calls come to stand in a file."""
    calls = f"trace={','.join(TRACED)}"
    return ["strace", *_BESIDE, "-y", "-s", str(TEXT_BYTES), "-e", calls, "-o", str(trace)]


def failing(flush: int, trace: Path) -> list[str]:
    """Return the same, but a thread's flushes fail with EIO from this one on (the first is 1)."""
    return [*watching(trace), "-e", f"inject={','.join(FLUSHES)}:error=EIO:when={flush}+"]

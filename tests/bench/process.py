"""A process under measurement: where it runs, what the scheduler says of it, and that it ends when we do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_SET_PARENT_DEATH_SIGNAL = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Account(NamedTuple):
    """What the scheduler has counted for all threads of a process, in nanoseconds. (proc(5), schedstat)

    ran: time on a core. waited: time it could have run but the core was busy with something else, or taken from us.
    """

    ran: int
    waited: int

    def __sub__(self, other: Account) -> Account:
        return Account(self.ran - other.ran, self.waited - other.waited)


def start(command: Sequence[str], cores: Sequence[int], **options: Any) -> subprocess.Popen[str]:
    """Start a program on some cores only; it is killed when this process ends, however that happens."""
    return subprocess.Popen(command, text=True, preexec_fn=_on_cores(cores), **options)


def stop(process: subprocess.Popen[str], seconds: float = 10.0) -> int:
    """End a process politely, or by force after some seconds; return its exit code."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def read_account(pid: int) -> Account:
    """Return what a process has used so far. Threads that have ended are not in it: the server keeps all of its own."""
    ran = waited = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        fields = task.read_text().split()
        ran += int(fields[0])
        waited += int(fields[1])
    return Account(ran, waited)


def read_memory(pid: int) -> int:
    """Return the KiB that are resident, shared pages counted by the process's share of them. (proc(5), smaps_rollup)"""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError("smaps_rollup has no Pss")


def _on_cores(cores: Sequence[int]) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        os.sched_setaffinity(0, cores)
        _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare

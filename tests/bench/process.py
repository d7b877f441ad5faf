"""A process under measurement: where it runs, what the scheduler says of it, and that it ends when we do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_SET_PARENT_DEATH_SIGNAL = 1
_libc = ctypes.CDLL(None, use_errno=True)


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


def kill(process: subprocess.Popen[str]) -> int:
    """End a process by force; return its exit code."""
    process.kill()
    return process.wait()


def read_cpu(pid: int) -> int:
    """Return the nanoseconds that all threads of a process have run, as the scheduler counts them. (proc(5), schedstat)

    Threads that have ended are not in it: none does while something is measured.
    """
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def read_busy(cores: Sequence[int]) -> int:
    """Return the nanoseconds that some cores were not idle, whoever used or took them. (proc(5), stat)"""
    names = {f"cpu{core}" for core in cores}
    lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    ticks = sum(sum(map(int, line[1:4] + line[6:9])) for line in lines if line[0] in names)
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


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

"""Where passwords are hashed: a few threads at lowered priority, and before them two lines that wait."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from securechat.errors import SecurechatError

REMEMBERED = 64
USUAL_SECONDS = 0.05
"""What a hash takes, before there was any."""
_NICENESS = 10

T = TypeVar("T")


class Overloaded(SecurechatError):
    """More passwords wait to be checked than the queue holds, or memory is short; ask again later."""


class HashingPool:
    """Works off two lines; who stands in the first goes before everybody in the other.

    So those who are known wait for each other, and not for the hashes that an attack keeps the threads busy with.

    took_alone, took_together: seconds of each of the last pieces of work, waiting not counted: while nothing else was
        worked on, and while something was.
    """

    def __init__(self, threads: int, limit: int) -> None:
        """Make the pool; `limit`: how many may wait in each line."""
        self.threads = threads
        self.took_alone: deque[float] = deque([USUAL_SECONDS], REMEMBERED)
        self.took_together: deque[float] = deque([USUAL_SECONDS], REMEMBERED)
        self._busy = 0
        self._limit = limit
        self._first: deque[_Job] = deque()
        self._others: deque[_Job] = deque()
        self._queueing = threading.Lock()
        self._executor = ThreadPoolExecutor(threads, "password", initializer=_lower_priority)

    @property
    def waiting(self) -> int:
        """How many wait for a thread; what is being worked on is not counted."""
        return len(self._first) + len(self._others)

    def submit(self, work: Callable[[], T], *, first: bool = False) -> asyncio.Future[T]:
        """Have work done when its turn comes; who stops waiting for it leaves the line.

        Raises: Overloaded.
        """
        line = self._first if first else self._others
        job = _Job(work)
        with self._queueing:
            if len(line) >= self._limit:
                raise Overloaded("too many passwords wait to be checked")
            line.append(job)
        job.future.add_done_callback(lambda future: self._leave(line, job) if future.cancelled() else None)
        self._executor.submit(self._work_next)
        return asyncio.wrap_future(job.future)

    def close(self) -> None:
        """End the threads; waits for what is being worked on and cancels what waits."""
        for job in [*self._first, *self._others]:
            job.future.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _work_next(self) -> None:
        with self._queueing:
            line = self._first or self._others
            # Nothing is there for this call when somebody has left the line.
            job = line.popleft() if line else None
            self._busy += 1
            took = self.took_together if self._busy > 1 else self.took_alone
        try:
            if job is not None and job.future.set_running_or_notify_cancel():
                _do(job, took)
        finally:
            with self._queueing:
                self._busy -= 1

    def _leave(self, line: deque[_Job], job: _Job) -> None:
        with self._queueing, contextlib.suppress(ValueError):
            line.remove(job)


class _Job:
    """Work that waits; its repr shows nothing of it."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()


def _do(job: _Job, took: deque[float]) -> None:
    began = time.monotonic()
    try:
        result = job.work()
    except BaseException as error:
        job.future.set_exception(error)
    else:
        took.append(time.monotonic() - began)
        job.future.set_result(result)


def _lower_priority() -> None:
    # Threads have priorities of their own on Linux only; argon2's own threads inherit it. Never raise what is lower.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))

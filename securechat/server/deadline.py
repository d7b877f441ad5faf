"""The time somebody has for signing in; it stands still while they wait for us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LEAST_SECONDS = 1.0
"""What is left at least after waiting for us."""


class Deadline:
    """Calls `passed` once `seconds` have run; begins stopped."""

    __slots__ = ("_handle", "_is_extended", "_left", "_loop", "_passed")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, passed: Callable[[], None]) -> None:
        self._loop = loop
        self._left = seconds
        self._passed = passed
        self._handle: asyncio.TimerHandle | None = None
        self._is_extended = False

    @property
    def is_running(self) -> bool:
        """Whether the time is running."""
        return self._handle is not None

    def run(self) -> None:
        """Let the time run, from where it was stopped."""
        self._handle = self._loop.call_later(self._left, self._passed)

    def extend(self, seconds: float) -> None:
        """Give that much more time, once."""
        if self._is_extended:
            return
        self._is_extended = True
        if self._handle is None:
            self._left += seconds
        else:
            self.stop()
            self._left += seconds
            self.run()

    def stop(self) -> None:
        """Stop the time; it may be run again."""
        if self._handle is not None:
            self._left = max(LEAST_SECONDS, self._handle.when() - self._loop.time())
            self._handle.cancel()
            self._handle = None

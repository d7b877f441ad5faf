"""The pause between two fan-outs: while it lasts more is read and committed, and leaves in the same writes."""

from __future__ import annotations

from collections.abc import Callable

TIMES = 2.0
"""A pause is so many times as long as the fan-out before it, so that no more than a third of the time goes into writes."""
MOST_SECONDS = 0.01


class Pause:
    """When the next fan-out may begin. On a server that is not busy the pause is over long before anything is due.

    clock: seconds, never running backwards. docs/decisions/0006-hot-path.md has the figures.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._over = 0.0

    @property
    def remaining(self) -> float:
        """Seconds until the next fan-out may begin; 0 when it may now."""
        return max(0.0, self._over - self._clock())

    def follow(self, fan_out: Callable[[], None]) -> None:
        """Do a fan-out and begin the pause that it makes due."""
        began = self._clock()
        fan_out()
        ended = self._clock()
        self._over = ended + min(MOST_SECONDS, TIMES * (ended - began))

"""How long to wait before the next attempt to connect."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Delays that double from `first` to `most` seconds, each shortened at random by up to half.

    The chance spreads the clients of a server that comes back, so that they do not all knock at once.

    chance: returns a number from 0 to 1, `random.random` for instance.
    """

    def __init__(self, first: float, most: float, chance: Callable[[], float]) -> None:
        self._first = first
        self._most = most
        self._chance = chance
        self._next = first

    def take(self) -> float:
        """Return the next delay in seconds; the one after is longer."""
        delay = self._next * (1 - self._chance() / 2)
        self._next = min(self._most, self._next * 2)
        return delay

    def reset(self) -> None:
        """Begin again with the first delay: the last connection was a good one."""
        self._next = self._first

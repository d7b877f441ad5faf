"""How long to wait: for answers, and before the next attempt to connect."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a link is, in seconds.

    connect: for TCP and TLS; entry: for the welcome, where one comes in without it too; sign_in: from there to the welcome; idle: silence after which a PING is sent; answer: for
    an answer to it; stable: how long a connection must have lasted for the delays to begin anew; first_delay and
    most_delay: before the next attempt; closing: for saying goodbye.
    """

    connect: float = 15
    entry: float = 3
    sign_in: float = 60
    idle: float = 30
    answer: float = 30
    stable: float = 10
    first_delay: float = 0.5
    most_delay: float = 30
    closing: float = 2


def milliseconds() -> int:
    """Return the time since 1970."""
    return time.time_ns() // 1_000_000


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

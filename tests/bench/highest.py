"""The highest rate that something bears: up by doubling, then between the last that went and the first that did not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

FACTOR = 2.0
TOLERANCE = 1.05
LEAST = 10
"""A rate below which nothing is tried: whoever does not bear this bears nothing."""
TRIES = 2
"""How often a rate may fail before it counts as too high: a neighbour's noise must not decide."""
T = TypeVar("T")


def find_highest(attempt: Callable[[int], T | None], start: int) -> tuple[int, T] | None:
    """Search for the highest rate at which an attempt succeeds.

    attempt: takes a rate, returns what it measured, or None if the rate was too high. start: the rate tried first.

    Returns the rate and what was measured there, or None if nothing succeeded.
    """
    best: tuple[int, T] | None = None
    too_high: int | None = None
    rate = start
    while rate >= LEAST:
        measured = _try(attempt, rate)
        if measured is None:
            too_high = rate
        else:
            best = (rate, measured)
        if best is None:
            rate = int(rate / FACTOR)
        elif too_high is None:
            rate = int(rate * FACTOR)
        elif too_high / best[0] <= TOLERANCE:
            return best
        else:
            rate = round((too_high * best[0]) ** 0.5)
    return best


def _try(attempt: Callable[[int], T | None], rate: int) -> T | None:
    for _ in range(TRIES):
        measured = attempt(rate)
        if measured is not None:
            return measured
    return None

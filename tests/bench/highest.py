"""The highest rate that something bears: up by doubling, then between the last that went and the first that did not.

A rate may fail and a higher one go: whoever is busier sends more at once, which is less work for those who read it. So
doubling goes on after a failure, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

FACTOR = 2.0
TOLERANCE = 1.05
LEAST = 10
"""A rate below which nothing is tried: whoever does not bear this bears nothing."""
FAILURES = 2
"""Rates in a row that must fail while it goes up."""
TRIES = 2
"""How often a rate may fail before it counts as too high: a neighbour's noise must not decide."""
T = TypeVar("T")


def find_highest(attempt: Callable[[int], T | None], start: int) -> tuple[int, T] | None:
    """Search for the highest rate at which an attempt succeeds.

    attempt: takes a rate, returns what it measured, or None if the rate was too high. start: the rate tried first.

    Returns the rate and what was measured there, or None if nothing succeeded.
    """
    best, too_high = _go_up(attempt, start)
    while best is None or too_high / best[0] > TOLERANCE:
        rate = int(too_high / FACTOR) if best is None else round((too_high * best[0]) ** 0.5)
        if rate < LEAST:
            break
        measured = _try(attempt, rate)
        if measured is None:
            too_high = rate
        else:
            best = (rate, measured)
    return best


def _go_up(attempt: Callable[[int], T | None], start: int) -> tuple[tuple[int, T] | None, int]:
    """Double the rate until two in a row fail; return the highest that went, and the lowest that failed above it."""
    best: tuple[int, T] | None = None
    rate, failed = start, 0
    while failed < FAILURES:
        measured = _try(attempt, rate)
        failed = failed + 1 if measured is None else 0
        if measured is not None:
            best = (rate, measured)
        rate = int(rate * FACTOR)
    return best, int(start if best is None else best[0] * FACTOR)


def _try(attempt: Callable[[int], T | None], rate: int) -> T | None:
    for _ in range(TRIES):
        measured = attempt(rate)
        if measured is not None:
            return measured
    return None

"""Percentiles of what was counted."""

from __future__ import annotations

from collections.abc import Sequence


def pick(ordered: Sequence[int], percent: int) -> int:
    """Return the value that this many percent of some ordered values do not reach."""
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]

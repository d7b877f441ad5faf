"""What is to be reached: a figure, or how it compares with another subject's of the same run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.bench.crowd import Figures
from tests.bench.subjects import OURS

Run = Mapping[str, Figures]
"""What one run measured, by subject."""


class Spread(NamedTuple):
    """A figure of several runs."""

    median: float
    least: float
    most: float


class Goal(NamedTuple):
    """A bound on a figure of our server.

    figure: its name, or two with a slash between them: the first divided by the second.
    over: the subject whose same figure it is divided by, within each run.
    """

    figure: str
    title: str
    most: float | None = None
    least: float | None = None
    over: str = ""
    unit: str = ""
    form: str = ".2f"

    @property
    def bound(self) -> float:
        """The number to reach."""
        bound = self.least if self.most is None else self.most
        assert bound is not None
        return bound

    def is_reached(self, value: float) -> bool:
        """Whether a figure is good enough."""
        return value >= self.bound if self.most is None else value <= self.bound

    def read(self, runs: Sequence[Run]) -> Spread | None:
        """Return the figure over some runs, or None if no run has what it takes."""
        values = [value for run in runs if (value := self._read_one(run)) is not None]
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    def _read_one(self, run: Run) -> float | None:
        value = self._read_of(run, OURS)
        if value is None or not self.over:
            return value
        other = self._read_of(run, self.over)
        return value / other if other else None

    def _read_of(self, run: Run, subject: str) -> float | None:
        figures = run.get(subject, {})
        first, _, second = self.figure.partition("/")
        value, divisor = figures.get(first), figures.get(second) if second else 1.0
        return value / divisor if value is not None and divisor else None

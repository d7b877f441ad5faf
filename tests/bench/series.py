"""All runs of all scenarios, interleaved, so that a noisy minute falls on nobody alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.bench.crowd import Figures
from tests.bench.missing import Missing
from tests.bench.progress import Progress
from tests.bench.run import run_scenario
from tests.bench.scenarios import Scenario
from tests.bench.subjects import PEER, Conditions

MOST_SHOWN = 5
"""Figures of a run that are shown while others are still to come."""


class Series:
    """What is to run, and what came of it.

    results: the runs of each scenario. missing: what this machine lacks. failed: runs of which nothing came.
    """

    def __init__(self, scenarios: Sequence[Scenario], subjects: Sequence[str], conditions: Conditions) -> None:
        self._scenarios = scenarios
        self._subjects = subjects
        self._conditions = conditions
        self.results: dict[str, list[dict[str, Figures]]] = {scenario.name: [] for scenario in scenarios}
        self.missing: list[str] = []
        self.failed: list[str] = []

    def run(self, begin: Callable[[float], Progress]) -> None:
        """Run everything, or as much as there was time for until somebody interrupts.

        begin: makes the progress from all the seconds that are expected.
        """
        steps = list(self._plan())
        progress = begin(sum(_expect(scenario) for scenario, _, _ in steps))
        conditions = self._conditions._replace(note=progress.note)
        try:
            self._run_all(steps, conditions, progress)
        except KeyboardInterrupt:
            self.failed.append("interrupted: this is not all")

    def export(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        scenarios = {}
        for scenario in self._scenarios:
            runs = self.results[scenario.name]
            goals = []
            for goal in scenario.goals:
                spread = goal.read(runs)
                measured = spread and {**spread._asdict(), "reached": goal.is_reached(spread.median)}
                goals.append({"goal": goal._asdict(), "measured": measured})
            scenarios[scenario.name] = {"runs": runs, "goals": goals}
        return {"scenarios": scenarios, "missing": self.missing, "failed": self.failed}

    def _run_all(self, steps: Sequence[tuple[Scenario, int, str]], conditions: Conditions, progress: Progress) -> None:
        for scenario, number, subject in steps:
            while len(self.results[scenario.name]) < number:
                self.results[scenario.name].append({})
            progress.start(f"{scenario.name}, {subject}, run {number} of {scenario.runs}", _expect(scenario))
            self._run_one(scenario, number, subject, conditions, progress)
            progress.finish()

    def _plan(self) -> Iterator[tuple[Scenario, int, str]]:
        """Yield what runs when; who comes first in a scenario changes from run to run."""
        for number in range(1, max(scenario.runs for scenario in self._scenarios) + 1):
            for scenario in self._scenarios:
                if number > scenario.runs:
                    continue
                here = [subject for subject in scenario.subjects if subject in self._subjects]
                for turn in range(len(here)):
                    yield scenario, number, here[(turn + number - 1) % len(here)]

    def _run_one(
        self, scenario: Scenario, number: int, subject: str, conditions: Conditions, progress: Progress
    ) -> None:
        what = f"{scenario.name}, {subject}, run {number}"
        began = time.monotonic()
        try:
            figures = run_scenario(scenario, subject, conditions)
        except Missing as missing:
            line = f"{scenario.name}: {missing}"
            if line not in self.missing:
                self.missing.append(line)
            return
        except (RuntimeError, OSError) as error:
            progress.say(f"{what} failed: {error}")
            (self.missing if subject == PEER else self.failed).append(f"{what}: {error}")
            return
        self.results[scenario.name][number - 1][subject] = figures
        shown = ", ".join(f"{name} {value:.4g}" for name, value in list(figures.items())[:MOST_SHOWN])
        progress.say(f"{what} ({time.monotonic() - began:.0f} s): {shown}")


def _expect(scenario: Scenario) -> float:
    """Return about how many seconds one subject's run takes."""
    return scenario.minutes * 60 / len(scenario.subjects)

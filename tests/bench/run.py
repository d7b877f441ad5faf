"""One run of one scenario by one subject."""

from __future__ import annotations

from importlib import import_module

from tests.bench.crowd import Figures
from tests.bench.missing import Missing
from tests.bench.scenarios import Scenario
from tests.bench.subjects import PEER, Conditions

ATTEMPTS = {PEER: 3}
"""How often a subject may fail before a run goes on without it; one that is not named: once. The peer hangs at times."""


def run_scenario(scenario: Scenario, subject: str, conditions: Conditions) -> Figures:
    """Measure once.

    Raises: RuntimeError when anything was lost or ended early; Missing when this machine lacks what it takes.
    """
    if scenario.flush_delay_us and conditions.shim is None:
        raise Missing("flushes cannot be made slower without the shim")
    for _ in range(ATTEMPTS.get(subject, 1) - 1):
        try:
            return _measure(scenario, subject, conditions)
        except (RuntimeError, OSError) as error:
            conditions.note(f"once more: {error}")
    return _measure(scenario, subject, conditions)


def _measure(scenario: Scenario, subject: str, conditions: Conditions) -> Figures:
    figures: Figures = import_module(f"tests.bench.{scenario.measure}").measure(scenario, subject, conditions)
    return figures

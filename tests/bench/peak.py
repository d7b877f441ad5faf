"""The scenario `flood`: the highest rate that a subject carries while hardly anybody waits."""

from __future__ import annotations

from contextlib import ExitStack

from tests.bench.crowd import Figures
from tests.bench.highest import find_highest
from tests.bench.scenarios import Scenario
from tests.bench.subjects import Conditions
from tests.bench.talk import COLUMNS, WARM_UP_SECONDS, Gathering, gather

__all__ = ["COLUMNS", "measure"]

BOUND_MS = 50.0
"""What p99 may be."""
CARRIED = 0.97
"""What of the offered rate must have arrived; less means that it falls behind."""
STEP_SECONDS = 3.0
DRAIN_SECONDS = 5.0


def measure(scenario: Scenario, subject: str, conditions: Conditions) -> Figures:
    """Measure at the highest rate with p99 within the bound; its figures, and `offered`, the rate.

    Raises: RuntimeError when no rate is low enough.
    """
    with ExitStack() as stack:
        found = find_highest(_Attempts(scenario, subject, conditions, stack).attempt, scenario.rate)
    if found is None:
        raise RuntimeError("it bears no rate at all")
    rate, figures = found
    return {"offered": rate, **figures}


class _Attempts:
    """Rounds at different rates with the same members, who are gathered anew when one went wrong."""

    def __init__(self, scenario: Scenario, subject: str, conditions: Conditions, stack: ExitStack) -> None:
        self._scenario = scenario
        self._subject = subject
        self._conditions = conditions
        self._stack = stack
        self._gathering: Gathering | None = None

    def attempt(self, rate: int) -> Figures | None:
        """Return the figures at a rate, None if it was too high.

        Raises: RuntimeError when not even the members can be gathered.
        """
        if self._gathering is None:
            self._gathering = self._stack.enter_context(gather(self._scenario, self._subject, self._conditions))
            self._gathering.talk(WARM_UP_SECONDS, self._scenario.rate // 4)
        self._conditions.note(f"{rate:,} messages/s")
        try:
            figures = self._gathering.talk(STEP_SECONDS, rate, drain=DRAIN_SECONDS)
        except (RuntimeError, OSError):
            self._gathering = None
            self._stack.close()
            return None
        return figures if figures["p99_ms"] <= BOUND_MS and figures["carried"] >= CARRIED else None

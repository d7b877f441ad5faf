"""The scenario `growth`: whether a delivery costs more when there are more members."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tests.bench import talk
from tests.bench.columns import Column
from tests.bench.crowd import Figures
from tests.bench.scenarios import Scenario
from tests.bench.subjects import Conditions

SIZES = (100, 1000, 4000)
COLUMNS = (
    Column("cpu_us_at_100", "µs/delivery at 100", ".2f", spread=True),
    Column("cpu_us_at_1000", "at 1,000", ".2f", spread=True),
    Column("cpu_us_at_4000", "at 4,000", ".2f", spread=True),
    Column("largest_over_smallest", "largest / smallest", ".2f", spread=True),
    Column("one_more_us", "one member more µs", ".2f", spread=True),
    Column("one_more_growth", "large / small", ".2f", spread=True),
)


def measure(scenario: Scenario, subject: str, conditions: Conditions) -> Figures:
    """Measure the same talk in rooms of different sizes: `cpu_us_at_…` each, and `describe_growth` of them."""
    costs = []
    for members in SIZES:
        figures = talk.measure(dataclasses.replace(scenario, members=members), subject, conditions)
        costs.append(figures["cpu_us_per_delivery"])
    each = {f"cpu_us_at_{members}": cost for members, cost in zip(SIZES, costs, strict=True)}
    return {**each, **describe_growth(SIZES, costs)}


def describe_growth(sizes: Sequence[int], costs: Sequence[float]) -> Figures:
    """Compare what a delivery costs in rooms of three sizes, from small to large.

    A message has its own cost, which few deliveries share in a small room and many in a large one. So beside the costs
    compared as they are, `largest_over_smallest`, there is what one member more costs, where the message's own cost
    falls out: `one_more_us` between the larger two rooms, `one_more_growth` over that between the smaller two.
    """
    totals = [size * cost for size, cost in zip(sizes, costs, strict=True)]
    one_more = [(totals[n + 1] - totals[n]) / (sizes[n + 1] - sizes[n]) for n in range(2)]
    return {
        "largest_over_smallest": max(costs) / min(costs),
        "one_more_us": one_more[1],
        "one_more_growth": one_more[1] / one_more[0],
    }

"""What was measured, as tables for people: the median of the runs, and from where to where they went."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from importlib import import_module

from tests.bench.columns import Column
from tests.bench.crowd import Figures
from tests.bench.goals import Goal, Run, Spread
from tests.bench.scenarios import Scenario
from tests.bench.subjects import FLOOR, OURS, PEER

RULE = "---"
"""A cell of the line under a table's head."""
NOTHING = "–"
TITLES = {OURS: "securechat", FLOOR: "floor", PEER: "InspIRCd"}
TALK = (
    Column("messages_per_s", "messages/s", ",.0f", spread=True),
    Column("deliveries_per_s", "deliveries/s", ",.0f"),
    Column("cpu_us_per_delivery", "CPU µs/delivery", ".2f", spread=True),
    Column("p50_ms", "p50 ms", ".1f", spread=True),
    Column("p99_ms", "p99 ms", ".1f", spread=True),
    Column("flush_p50_ms", "flush p50 ms", ".2f"),
    Column("flush_p99_ms", "flush p99 ms", ".2f"),
    Column("flushes_per_s", "flushes/s", ",.0f"),
    Column("server", "server's core", ".0f%", 100),
    Column("others_beside_server", "others there", ".0f%", 100),
    Column("load", "load's cores", ".0f%", 100),
    Column("others_beside_load", "others there", ".0f%", 100),
)
GROWTH = (
    Column("cpu_us_at_100", "µs/delivery at 100", ".2f", spread=True),
    Column("cpu_us_at_1000", "at 1,000", ".2f", spread=True),
    Column("cpu_us_at_4000", "at 4,000", ".2f", spread=True),
    Column("largest_over_smallest", "largest / smallest", ".2f", spread=True),
    Column("one_more_us", "one member more µs", ".2f", spread=True),
    Column("one_more_growth", "large / small", ".2f", spread=True),
)
IDLE = (
    Column("connections", "connections", ",.0f"),
    Column("kib_per_connection", "KiB each", ".1f", spread=True),
    Column("sign_in_cpu_ms", "sign-in CPU ms each", ".2f", spread=True),
    Column("percent", "CPU, idle", ".2f%", spread=True),
)
TABLES = {"talk": TALK, "peak": TALK, "growth": GROWTH, "idleness": IDLE}
"""The columns of scenarios by the module that measures them."""

Results = Mapping[str, Sequence[Run]]
"""The runs of each scenario, by its name."""


def tabulate(scenarios: Sequence[Scenario], results: Results) -> str:
    """Return what was to be reached and what was measured as Markdown tables, scenarios of a kind in one."""
    kinds: dict[tuple[Column, ...], list[list[str]]] = {}
    for scenario in scenarios:
        columns = _choose_columns(scenario)
        kinds.setdefault(columns, []).extend(_rows(scenario, columns, results[scenario.name]))
    tables = [
        _draw([["scenario", "of", *(column.title for column in columns)], *rows])
        for columns, rows in kinds.items()
        if rows
    ]
    return "\n\n".join([*tabulate_goals(scenarios, results), *tables])


def tabulate_goals(scenarios: Sequence[Scenario], results: Results) -> list[str]:
    """Return the table of goals, if any scenario has one and a run that says something about it."""
    rows = []
    for scenario in scenarios:
        for goal in scenario.goals:
            spread = goal.read(results[scenario.name])
            if spread is not None:
                reached = "yes" if goal.is_reached(spread.median) else "no"
                rows.append([scenario.name, describe(goal), format_spread(goal, spread), format_bound(goal), reached])
    return [_draw([["scenario", "figure", "measured", "goal", "reached"], *rows])] if rows else []


def describe(goal: Goal) -> str:
    """Name what a goal is about."""
    return f"{goal.title} / {TITLES[goal.over]}" if goal.over else goal.title


def format_spread(goal: Goal, spread: Spread) -> str:
    """Write the median, and least and most if they differ from it."""
    text = f"{spread.median:{goal.form}}"
    if spread.least != spread.most:
        text += f" ({spread.least:{goal.form}}-{spread.most:{goal.form}})"
    return f"{text} {goal.unit}".rstrip()


def format_bound(goal: Goal) -> str:
    """Write what is to be reached."""
    times = " x" if goal.over else ""
    return f"{'≥' if goal.most is None else '≤'} {goal.bound:,}{times} {goal.unit}".rstrip()


def _choose_columns(scenario: Scenario) -> tuple[Column, ...]:
    if scenario.special:
        columns: tuple[Column, ...] = import_module(f"tests.bench.{scenario.measure}").COLUMNS
        return columns
    return TABLES[scenario.measure]


def _rows(scenario: Scenario, columns: Sequence[Column], runs: Sequence[Run]) -> list[list[str]]:
    measured = {subject: [run[subject] for run in runs if subject in run] for subject in scenario.subjects}
    return [
        [scenario.name, TITLES[subject], *(_cell(column, figures) for column in columns)]
        for subject, figures in measured.items()
        if figures
    ]


def _cell(column: Column, runs: Sequence[Figures]) -> str:
    values = [run[column.figure] * column.scale for run in runs if column.figure in run]
    if not values:
        return NOTHING
    form, percent = column.form.rstrip("%"), "%" if column.form.endswith("%") else ""
    text = format(statistics.median(values), form) + percent
    if column.spread and len(values) > 1:
        text += f" ({min(values):{form}}-{max(values):{form}})"
    return text


def _draw(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells, the head first, as a Markdown table."""
    whole = [lines[0], [RULE] * len(lines[0]), *lines[1:]]
    widths = [max(map(len, cells)) for cells in zip(*whole, strict=True)]
    padded = [
        [cell.ljust(width, "-" if cell == RULE else " ") for cell, width in zip(line, widths, strict=True)]
        for line in whole
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)

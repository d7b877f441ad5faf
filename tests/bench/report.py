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
    columns: tuple[Column, ...] = import_module(f"tests.bench.{scenario.measure}").COLUMNS
    return columns


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

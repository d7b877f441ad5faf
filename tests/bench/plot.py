"""The goals as a picture: what was measured as a share of what it may be, in SVG and without help."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.bench.goals import Goal, Spread
from tests.bench.report import Results, describe, format_bound, format_spread
from tests.bench.scenarios import Scenario

WIDTH, ROW, TOP, LABELS, SCALE = 900, 34, 56, 400, 220
"""Pixels: the picture, a row, the head, the column of words, and what is exactly at its goal."""
LONGEST = 2.0
"""Times the goal at which a bar is cut off."""
GOOD, BAD, INK, QUIET = "#2a7f62", "#b3452c", "#222222", "#8a8a8a"


def draw(scenarios: Sequence[Scenario], results: Results) -> str:
    """Return an SVG with a bar for each goal: up to the line is reached, beyond it is not."""
    rows = [
        (scenario.name, goal, spread)
        for scenario in scenarios
        for goal in scenario.goals
        if (spread := goal.read(results[scenario.name])) is not None
    ]
    height = TOP + ROW * len(rows) + 16
    at_goal = LABELS + SCALE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(12, 24, "Measured against the goals: a bar that ends before the line has reached its own", size=14),
        *(line for number, row in enumerate(rows) for line in _draw_row(TOP + ROW * number, *row)),
        f'<line x1="{at_goal}" y1="{TOP - 8}" x2="{at_goal}" y2="{height - 12}" stroke="{INK}" stroke-dasharray="4 3"/>',
        _text(at_goal - 14, TOP - 12, "goal"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _draw_row(y: int, name: str, goal: Goal, spread: Spread) -> list[str]:
    end = _place(goal, spread.median)
    low, high = sorted((_place(goal, spread.least), _place(goal, spread.most)))
    colour = GOOD if goal.is_reached(spread.median) else BAD
    middle = y + 10
    return [
        _text(12, y + 9, f"{name}: {describe(goal)}"),
        _text(12, y + 23, f"{format_spread(goal, spread)}, goal {format_bound(goal)}", colour=QUIET),
        f'<rect x="{LABELS}" y="{y}" width="{end - LABELS:.1f}" height="20" fill="{colour}"/>',
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="{INK}" stroke-width="2"/>',
    ]


def _place(goal: Goal, value: float) -> float:
    """Return where a value lies: on the goal's line when it is just good enough, left of it when it is better."""
    share = value / goal.bound if goal.most is not None else goal.bound / value if value else LONGEST
    return LABELS + SCALE * min(share, LONGEST)


def _text(x: int, y: int, text: str, *, size: int = 12, colour: str = INK) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}">{escape(text)}</text>'

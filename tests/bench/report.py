"""What was measured, as a table for people: the median of the runs, and from where to where they went."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.bench.run import Figures

RULE = "---"
"""A cell of the line under a table's head."""


class Column(NamedTuple):
    """A figure in a table; `scale` turns it into what `form` shows. spread: whether least and most are shown too."""

    figure: str
    title: str
    form: str
    scale: float = 1.0
    spread: bool = False


TALK = (
    Column("messages_per_s", "messages/s", ",.0f"),
    Column("deliveries_per_s", "deliveries/s", ",.0f", spread=True),
    Column("cpu_us_per_delivery", "CPU µs/delivery", ".2f", spread=True),
    Column("p50_ms", "p50 ms", ".1f", spread=True),
    Column("p99_ms", "p99 ms", ".1f", spread=True),
    Column("server", "server's core", ".0f%", 100),
    Column("others_beside_server", "others there", ".0f%", 100),
    Column("load", "load's cores", ".0f%", 100),
    Column("others_beside_load", "others there", ".0f%", 100),
)
IDLE = (
    Column("connections", "connections", ",.0f"),
    Column("kib_per_connection", "KiB each", ".1f", spread=True),
    Column("sign_in_cpu_ms", "sign-in CPU ms each", ".2f", spread=True),
    Column("server", "server's core", ".2f%", 100),
)


def tabulate(runs: Mapping[str, Sequence[Figures]]) -> str:
    """Return the runs of each scenario as Markdown tables, talking ones and idle ones apart."""
    tables = []
    for columns in (TALK, IDLE):
        rows = {name: each for name, each in runs.items() if columns[1].figure in each[0]}
        if rows:
            tables.append(_table(columns, rows))
    return "\n\n".join(tables)


def _table(columns: Sequence[Column], rows: Mapping[str, Sequence[Figures]]) -> str:
    lines = [["scenario", *(column.title for column in columns)], [RULE] * (len(columns) + 1)]
    lines += [[name, *(_cell(column, runs) for column in columns)] for name, runs in rows.items()]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    padded = [
        [cell.ljust(width, "-" if cell == RULE else " ") for cell, width in zip(line, widths, strict=True)]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def _cell(column: Column, runs: Sequence[Figures]) -> str:
    values = [run[column.figure] * column.scale for run in runs]
    form, percent = column.form.rstrip("%"), "%" if column.form.endswith("%") else ""
    text = format(statistics.median(values), form) + percent
    if column.spread and len(values) > 1:
        text += f" ({min(values):{form}}-{max(values):{form}})"
    return text

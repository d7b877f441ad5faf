"""A column of a table of figures."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A figure in a table; `scale` turns it into what `form` shows. spread: whether least and most are shown too."""

    figure: str
    title: str
    form: str
    scale: float = 1.0
    spread: bool = False

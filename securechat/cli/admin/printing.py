"""Printing: tables and sentences for people, JSON for programs; what users wrote never acts on the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import click

from securechat.errors import SecurechatError

Body = TypeVar("Body", bound=Callable[..., Any])

Row: TypeAlias = Mapping[str, Any]
"""The cells of a line by the names of their columns."""

_GAP = "  "
_NARROWEST = 16
"""Columns left to a value beside its name, on however narrow a terminal."""


def json_option(body: Body) -> Body:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(body)


class Unprintable(SecurechatError):
    """What was done cannot be told: the other end of stdout takes nothing."""


def print_line(text: str) -> None:
    """Print a line of what was asked for.

    Raises: Unprintable, for stdout alone: a reader that has gone away is nobody's fault.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unprintable(
            f"stdout: cannot be written ({error.strerror}); it is done all the same: what was a new secret, make anew"
        ) from None


def print_json(result: Any) -> None:
    """Print a result as one line of JSON in ASCII: nothing in it acts on a terminal."""
    import json

    print_line(json.dumps(result))


def print_table(rows: Sequence[Row]) -> None:
    """Print rows for people: below each other on a terminal that is too narrow, else one a line."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lay_out(rows, width):
        print_line(line)


def lay_out(rows: Sequence[Row], width: int | None) -> list[str]:
    """Return the lines of a table; where one would be wider than `width`, a block of lines for each row instead.

    rows: all with the same columns. width: columns of the terminal, None where nothing is too wide.
    """
    if not rows:
        return []
    titles = list(rows[0])
    lines = [titles, *([_cell(row[title]) for title in titles] for row in rows)]
    widths = [max(count_columns(cells[i]) for cells in lines) for i in range(len(titles))]
    if width is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        return _stack(titles, lines[1:], width)
    return [_GAP.join(_pad(cell, wide) for cell, wide in zip(cells, widths, strict=True)).rstrip() for cells in lines]


def count_columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(character) else 1 + (east_asian_width(character) in "WF") for character in text)


def _cell(value: Any) -> str:
    from securechat.plain.visible import show

    if isinstance(value, bool):
        return "yes" if value else "no"
    return show(str(value)) if value not in ("", None) else "-"


def _pad(text: str, width: int) -> str:
    return text + " " * (width - count_columns(text))


def _stack(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return each row as lines of a name and its value, blocks parted by an empty line."""
    margin = max(count_columns(title) for title in titles) + len(_GAP)
    lines: list[str] = []
    for cells in rows:
        lines += [""] if lines else []
        for title, cell in zip(titles, cells, strict=True):
            first, *others = _wrap(cell, max(width - margin, _NARROWEST))
            lines += [_pad(title, margin) + first, *(" " * margin + other for other in others)]
    return lines


def _wrap(text: str, width: int) -> Iterator[str]:
    """Yield a text in pieces of at most `width` columns, parted at spaces; within a word only where it is longer."""
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if count_columns(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        line = word
        while count_columns(line) > width:
            end = _find_end(line, width)
            yield line[:end]
            line = line[end:]
    yield line


def _find_end(word: str, width: int) -> int:
    """Return where to part a word that is too long: after the last colon that fits, as in a fingerprint, if any."""
    end = 1
    while count_columns(word[: end + 1]) <= width:
        end += 1
    return word.rfind(":", 0, end) + 1 or end

"""Lines broken to a terminal's width: at words, with a hanging indent, counted in cells and not in characters.

Takes text that has been through `visible.show`: there is no control in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from wcwidth import wcwidth

from securechat.plain.settings import LEAST_WIDTH
from securechat.plain.wording import Piece

_EMOJI_FORM: Final = "\ufe0f"
"""Makes the character before it two cells wide. (Unicode, UTS 51, emoji presentation)"""


def measure(text: str) -> int:
    """Return how many cells a text takes."""
    return sum(width for _, width in _clusters(text))


def cut(text: str, width: int) -> str:
    """Return a text shortened to `width` cells, with `..` for what is missing."""
    if measure(text) <= width:
        return text
    return text[: _fit(text, max(0, width - 2))] + ".."


def break_text(text: str, width: int, indent: int) -> list[tuple[int, int]]:
    """Return where each line begins and ends; all but the first have `indent` cells less."""
    width = max(width, LEAST_WIDTH)
    hanging = width - min(indent, width // 2)
    lines: list[tuple[int, int]] = []
    start, room = 0, width
    while start < len(text) or not lines:
        end = following = start + _fit(text[start:], room)
        if end < len(text):
            space = text.rfind(" ", start + 1, end + 1)
            # What is too long for any line, an address or a text that has no spaces, is broken and begins here.
            is_whole = end <= space + 1 or measure(text[space + 1 :].partition(" ")[0]) <= hanging
            if space > start and text[start:space].strip() and is_whole:
                end, following = space, space + 1
        lines.append((start, end))
        start, room = following, hanging
    return lines


def lay_out(pieces: Sequence[Piece], width: int, indent: int) -> list[list[Piece]]:
    """Return the pieces by lines of at most `width` cells; lines after the first begin with `indent` spaces."""
    width = max(width, LEAST_WIDTH)
    indent = min(indent, width // 2)
    text = "".join(words for _, words in pieces)
    lines = []
    for number, (start, end) in enumerate(break_text(text, width, indent)):
        margin: list[Piece] = [("", " " * indent)] if number and indent else []
        lines.append([*margin, *_slice(pieces, start, end)])
    return lines


def _slice(pieces: Sequence[Piece], start: int, end: int) -> Iterator[Piece]:
    at = 0
    for role, words in pieces:
        part = words[max(0, start - at) : max(0, end - at)]
        if part:
            yield role, part
        at += len(words)


def _fit(text: str, room: int) -> int:
    """Return how many characters fit into `room` cells; at least one cluster, so that there is an end."""
    cells = 0
    fitting = 0
    for end, width in _clusters(text):
        cells += width
        if cells > room and fitting:
            break
        fitting = end
    return fitting


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Yield the end and the width of each character with the marks on it."""
    width = 0
    for i, character in enumerate(text):
        own = max(0, wcwidth(character))
        if i and own:
            yield i, width
            width = 0
        width = max(width, own)
        if character == _EMOJI_FORM and width == 1:
            width = 2
    if text:
        yield len(text), width

"""Masks with `*` and `?`, as in ban lists and WHO."""

from __future__ import annotations

import re

from securechat.wire.names import fold

MAX_MASK = 100
"""Characters of a mask by which somebody searches."""


def match_mask(mask: str, text: str) -> bool:
    """Tell whether `mask` covers the whole of `text`, compared by case folding.

    `*` stands for any number of characters and `?` for exactly one; nothing else is special, not even a backslash.
    Takes time at most in proportion to the two lengths multiplied. (Modern IRC, Wildcard Expressions)
    """
    text = fold(text)
    first, *others = fold(mask).split("*")
    if not others:
        return len(first) == len(text) and _fits(first, text, 0)
    *inner, last = others
    place, end = len(first), len(text) - len(last)
    if place > end or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    # The leftmost place of each piece is as good as any later one: nothing has to be tried twice.
    for piece in inner:
        found = _find(piece, text, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def _find(piece: str, text: str, start: int, end: int) -> int:
    """Return the leftmost place from `start` at which the piece fits before `end`, or -1."""
    if "?" not in piece:
        return text.find(piece, start, end)
    places = range(start, end - len(piece) + 1)
    return next((place for place in places if _fits(piece, text, place)), -1)


def _fits(piece: str, text: str, place: int) -> bool:
    if "?" not in piece:
        return text.startswith(piece, place)
    return all(wanted in ("?", there) for wanted, there in zip(piece, text[place:], strict=False))


def compile_mask(mask: str) -> re.Pattern[str] | None:
    """Return a mask for matching many folded texts, by `fullmatch`; None for one that is longer than MAX_MASK.

    It matches what `match_mask` matches, and takes time at most in proportion to the two lengths multiplied: a piece
    that has found its leftmost place never looks for another.
    """
    if len(mask) > MAX_MASK:
        return None
    first, *others = (
        "".join("." if sign == "?" else re.escape(sign) for sign in piece) for piece in fold(mask).split("*")
    )
    if not others:
        return re.compile(first, re.DOTALL)
    *inner, last = others
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in inner if piece) + f".*{last}", re.DOTALL)

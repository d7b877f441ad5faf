"""Masks with `*` and `?`, as in ban lists and WHO."""

from __future__ import annotations

import re
from functools import lru_cache

from securechat.wire.names import fold


def match_mask(mask: str, text: str) -> bool:
    """Tell whether `mask` covers the whole of `text`, compared by case folding.

    `*` stands for any number of characters and `?` for exactly one; nothing else is special, not even a backslash.
    Takes time at most in proportion to the two lengths multiplied. (Modern IRC, Wildcard Expressions)
    """
    return _compile(fold(mask)).fullmatch(fold(text)) is not None


@lru_cache(maxsize=1024)
def _compile(mask: str) -> re.Pattern[str]:
    pieces = ["".join("." if c == "?" else re.escape(c) for c in piece) for piece in re.split(r"\*+", mask)]
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return re.compile(first, re.DOTALL)
    # The leftmost place of each piece is as good as any later one, so an atomic group may forget the others:
    # without it a mask of many stars would try every combination.
    inner = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1])
    return re.compile(f"{first}{inner}.*{last}", re.DOTALL)

"""Whether a password is one that guessers try first: on the list of leaked ones, or made of what these are made of.

A list alone holds few of twelve characters, and misses the next year put behind the same word. So what such lists
consist of is told by rule too: a password is taken apart into common words (letters dressed up as digits count as
letters), rows of keys, counting up or down, repetitions, dates, and characters that are none of these; where no more
than a few parts are left, it is common. Nothing is asked of which kinds of characters it has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from securechat.auth.commonwords import PHRASES, WORDS

MOST: Final = 6
"""What the parts of a common password cost together at most: three words, or whatever else counts as two."""
LIST: Final = Path(__file__).with_name("common.txt")
"""One a line, in lower case; read when it is needed, which is seldom."""
SHORTEST: Final = 8
"""Characters that are there before they are repeated."""
LONGEST: Final = 64
"""Characters; of what is longer only repetition is looked for."""
PART: Final = 2
MARK: Final = 1
DIGITS: Final = 3
"""What a part costs: a mark between or behind others is worth less, three or four digits that are nothing more."""

_LEET: Final = str.maketrans("013457@$!|", "oieastasii")
_ROWS: Final = (
    *("1234567890", "0123456789", "abcdefghijklmnopqrstuvwxyz"),
    *("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"),
    *("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    *(
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "qazwsxedcrfvtgbyhnujmikolp",
        "1q2w3e4r5t6y7u8i9o0p",
        "q1w2e3r4t5y6u7i8o9p0",
    ),
    *("147258369", "789456123", "159753", "zaqxswcdevfrbgtnhymju", "!@#$%^&*()", '!"§$%&/()='),
)
_SHORTEST_ROW: Final = 3
_DAY: Final = r"(?:0[1-9]|[12]\d|3[01])"
_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_YEAR: Final = r"(?:19|20)\d\d"
_DATE: Final = re.compile(
    rf"{_YEAR}(?:{_MONTH}{_DAY})?|{_DAY}{_MONTH}(?:19|20)?\d\d|{_MONTH}{_DAY}{_YEAR}|\d\d"
    rf"|{_YEAR}([-./ ])\d\d?\1\d\d?|\d\d?([-./ ])\d\d?\2(?:19|20)?\d\d"
)
_LONGEST_DATE: Final = 10
_LONGEST_WORD: Final = max(map(len, WORDS))


def is_common(prepared: str, words: Collection[str] = ()) -> bool:
    """Tell whether a password is common.

    Args:
        prepared: As `prepare_password` returns it.
        words: What is common here: the names of the account and of the network.

    """
    whole = prepared.casefold()
    text = _without_repetition(whole)
    if len(text) < min(SHORTEST, len(whole)):
        return True
    if len(text) > LONGEST:
        return False
    letters = "".join(filter(str.isalnum, text))
    said = letters.rstrip("0123456789")
    spellings = {whole, text, letters, said, said.translate(_LEET)}
    if spellings & PHRASES or _is_listed(spellings):
        return True
    own = frozenset(word.casefold() for word in words if len(word) > 2)
    return _cost(text, own) <= MOST


def _is_listed(spellings: Collection[str]) -> bool:
    listed = LIST.read_text("ascii")
    return any(f"\n{spelling}\n" in listed for spelling in spellings if spelling)


def _without_repetition(text: str) -> str:
    """Return the shortest text that this one repeats, itself perhaps."""
    at = (text + text).find(text, 1)
    return text[:at] if text else text


def _cost(text: str, own: frozenset[str]) -> int:
    """Return what the cheapest way of taking a text apart costs, if not more than `MOST`; the same part again is free."""
    plain = text.translate(_LEET)
    # best[n]: the parts of the first n characters, and what they cost.
    best: list[tuple[int, frozenset[str]]] = [(0, frozenset())]
    best += [(len(text) * PART + 1, frozenset())] * len(text)
    for start in range(len(text)):
        cost, parts = best[start]
        if cost > MOST:
            continue  # It only gets dearer from here; what is behind is not worth the time.
        for length, price in _parts(text, plain, start, own):
            part = text[start : start + length]
            if part in parts:
                price = 0
            if cost + price < best[start + length][0]:
                best[start + length] = (cost + price, parts | {part})
    return best[-1][0]


def _parts(text: str, plain: str, start: int, own: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Return how long the parts are that begin at a place, and what each costs."""
    yield 1, PART if text[start].isalnum() else MARK
    yield len(text) - start - len(text[start:].lstrip(text[start])), PART
    longest = max([_LONGEST_WORD, _LONGEST_DATE, *map(len, own)])
    for length in range(2, min(longest, len(text) - start) + 1):
        part = text[start : start + length]
        if _is_word(part, own) or _is_word(plain[start : start + length], own) or _is_row_or_date(part):
            yield length, PART
        elif length <= 4 and part.isdecimal():
            yield length, DIGITS


def _is_word(part: str, own: frozenset[str]) -> bool:
    return part in WORDS or part in own


def _is_row_or_date(part: str) -> bool:
    if part in _stretches():
        return True
    return part[0].isdecimal() and len(part) <= _LONGEST_DATE and _DATE.fullmatch(part) is not None


@lru_cache(maxsize=1)
def _stretches() -> frozenset[str]:
    """Return every piece of a row of keys or of counting, there and back."""
    found = set()
    for row in _ROWS:
        for way in (row, row[::-1]):
            found |= {way[start:end] for start in range(len(way)) for end in range(start + _SHORTEST_ROW, len(way) + 1)}
    return frozenset(found)

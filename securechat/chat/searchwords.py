"""The words of a message, and what people type to find it: how it is read, and when it is found.

Every store finds by these words, whatever index it keeps, so all of them find the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from unicodedata import category, normalize, unidata_version

from securechat.errors import SecurechatError

RULES: Final = f"1 unicode {unidata_version}"
"""What `split_words` depends on: to be counted up with every change of it."""
MAX_WORDS: Final = 16
"""In all of what is searched for; more would cost more than anybody means."""
MOST_LETTERS: Final = 8192
"""Characters that are remembered; who writes more different ones waits for them."""
MIN_PREFIX: Final = 2
"""Characters; of a shorter beginning the word itself is searched for."""

_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
# What is left of an accent once its letter is taken apart, and what only says how a character is drawn.
_DRAWN_ONLY: Final = re.compile("[\u0300-\u036f\u200d\ufe0e\ufe0f]")
# Scripts that put no spaces between words: each character is a word, and what stands together a phrase.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_PIECE: Final = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')


class Phrase(NamedTuple):
    """Words that stand together in this order, at least one; `prefix`: of the last one only the beginning is given."""

    words: tuple[str, ...]
    prefix: bool = False


class Asked(NamedTuple):
    """What was typed: what the text must hold, and what else is said of it, as `from:` and the like."""

    phrases: tuple[Phrase, ...]
    filters: dict[str, str]


class TooManyWords(SecurechatError):
    """More than `MAX_WORDS` are asked for."""


class _Letters(dict[int, str]):
    """What each character becomes on the way to words: itself, itself alone, or a space."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        kind = category(character)
        if kind == "So" or _UNSPACED.match(character):
            shown = f" {character} "
        else:
            shown = character if kind[0] in "LNM" else " "
        if len(self) < MOST_LETTERS:
            self[point] = shown
        return shown


_LETTERS: Final = _Letters()


def split_words(text: str) -> list[str]:
    """Return the words of a text in the form in which they are compared: no case, no accents, no punctuation.

    Full-width and other forms for compatibility are their plain ones (NFKC). An emoji is a word, and so is each
    character of a script that puts no spaces between words. No word holds a space, a quote or any other ASCII
    character but letters and digits.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    plain = _DRAWN_ONLY.sub("", normalize("NFKD", text))
    return normalize("NFKC", normalize("NFKC", plain).casefold()).translate(_LETTERS).split()


def read_asked(text: str, filters: Iterable[str] = ()) -> Asked:
    """Read what somebody types: `words`, `"words that stand together"`, `beginning*` and `filter:value`.

    filters: the names of those there are; of several for the same the last one counts.
    Raises: TooManyWords.
    """
    found: dict[str, str] = {}
    phrases = []
    for quoted, star, plain in _PIECE.findall(text):
        name, colon, value = plain.partition(":")
        if colon and value and name.lower() in filters:
            found[name.lower()] = value
            continue
        words = tuple(split_words(plain or quoted))
        if words:
            begins = bool(star) or plain.endswith("*")
            phrases.append(Phrase(words, begins and len(words[-1]) >= MIN_PREFIX))
    if sum(len(phrase.words) for phrase in phrases) > MAX_WORDS:
        raise TooManyWords(f"At most {MAX_WORDS} words can be searched for at once")
    return Asked(tuple(dict.fromkeys(phrases)), found)


def matches(phrases: tuple[Phrase, ...], text: str) -> bool:
    """Tell whether a text holds all that is asked for."""
    words = split_words(text)
    return all(_holds(words, phrase) for phrase in phrases)


def _holds(words: list[str], phrase: Phrase) -> bool:
    *first, last = phrase.words
    length = len(first)
    for place in range(len(words) - length):
        word = words[place + length]
        if (word.startswith(last) if phrase.prefix else word == last) and words[place : place + length] == first:
            return True
    return False

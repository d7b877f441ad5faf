"""Text of others made fit for a terminal: what would act, hide or reorder is shown instead."""

from __future__ import annotations

from typing import Final
from unicodedata import category

MAX_MARKS: Final = 4
"""Combining marks on one character; more of them than any language uses would paint over the lines around."""

_SHOWN_AS_CODE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_MARKS: Final = frozenset({"Mn", "Me"})
# Drawn as nothing although Unicode calls them letters, marks or symbols.
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


def show(text: str) -> str:
    """Return text in which every character can be seen and none acts on the terminal.

    Controls become `^[`, `^?` and so on, everything else that is unseen its code: `<U+202E>`, and a flood of combining
    marks their number. Also takes ends of lines, so that one field never becomes two lines.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for character in text:
        kind = category(character)
        if kind in _MARKS and character not in _INVISIBLE:
            marks += 1
            if marks <= MAX_MARKS:
                shown.append(character)
            continue
        if marks > MAX_MARKS:
            shown.append(f"<+{marks - MAX_MARKS} marks>")
        marks = 0
        if character < " " or character == "\x7f":
            shown.append(f"^{chr(ord(character) ^ 0x40)}")
        elif kind in _SHOWN_AS_CODE or character in _INVISIBLE:
            shown.append(f"<U+{ord(character):04X}>")
        else:
            shown.append(character)
    if marks > MAX_MARKS:
        shown.append(f"<+{marks - MAX_MARKS} marks>")
    return "".join(shown)

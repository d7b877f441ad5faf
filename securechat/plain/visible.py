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
_JOINERS: Final = "\u200c\u200d"
_EMOJI_FORM: Final = "\ufe0f"


def show(text: str) -> str:
    """Return text in which every character can be seen and none acts on the terminal.

    Controls become `^[`, `^?` and so on, everything else that is unseen its code: `<U+202E>`, and a flood of combining
    marks their number. Also takes ends of lines, so that one field never becomes two lines.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(show_each(text))


def show_each(text: str) -> list[str]:
    """Return what `show` makes of each character of a text."""
    shown: list[str] = []
    marks = 0
    for i, character in enumerate(text):
        kind = category(character)
        if (kind in _MARKS and character not in _INVISIBLE) or _joins(text, i):
            marks += 1
            if marks > MAX_MARKS + 1:
                shown[-1] = ""
            shown.append(character if marks <= MAX_MARKS else f"<+{marks - MAX_MARKS} marks>")
            continue
        marks = 0
        if character < " " or character == "\x7f":
            shown.append(f"^{chr(ord(character) ^ 0x40)}")
        elif (kind in _SHOWN_AS_CODE and not _is_picture(character)) or character in _INVISIBLE:
            shown.append(f"<U+{ord(character):04X}>")
        else:
            shown.append(character)
    return shown


def drop_controls(text: str) -> str:
    """Return a text without characters that control a terminal, but for ends of lines and tabs: nobody types them."""
    return "".join(character for character in text if category(character) != "Cc" or character in "\n\t")


def _joins(text: str, i: int) -> bool:
    """Tell whether a character is a joiner that has work to do: in a picture of several, or between letters."""
    if text[i] not in _JOINERS or not 0 < i < len(text) - 1:
        return False
    before, after = text[i - 1], text[i + 1]
    if _is_shaped(before) and _is_shaped(after):
        return True
    ends_picture = before == _EMOJI_FORM or category(before) in ("So", "Sk")
    return text[i] == "\u200d" and ends_picture and category(after) == "So"


def _is_shaped(character: str) -> bool:
    """Tell whether joiners decide the shape of a letter, as from Arabic to Sinhala. (RFC 5892, A.1 and A.2)"""
    return "\u0600" <= character <= "\u0dff" and category(character)[0] in "LM"


def _is_picture(character: str) -> bool:
    """Tell whether all of a character's block is kept for pictures: this Python may be older than it. (UTS 51)"""
    return "\U0001f000" <= character <= "\U0001faff"

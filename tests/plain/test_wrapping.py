"""Lines broken to a width, as tables; the cells are counted here by hand."""

from __future__ import annotations

import pytest

from securechat.plain.visible import show
from securechat.plain.wording import Piece
from securechat.plain.wrapping import break_text, cut, lay_out, measure

MEASURED = [
    ("", 0),
    ("abc", 3),
    ("日本", 4),
    ("e\u0301", 1),
    ("😀", 2),
    ("❤\ufe0f", 2),
    ("한국어", 6),
    ("a\u0300\u0301\u0302b", 2),
]


@pytest.mark.parametrize(("text", "cells"), MEASURED)
def test_a_text_takes_so_many_cells(text: str, cells: int) -> None:
    assert measure(text) == cells


def lines_of(text: str, width: int, indent: int) -> list[str]:
    return [text[start:end] for start, end in break_text(text, width, indent)]


BROKEN = [
    ("", 20, 0, [""]),
    ("short", 20, 0, ["short"]),
    ("twenty cells exactly", 20, 0, ["twenty cells exactly"]),
    ("twenty cells exactly!", 20, 0, ["twenty cells", "exactly!"]),
    ("one two three four five six", 20, 0, ["one two three four", "five six"]),
    ("one two three four five six seven", 20, 8, ["one two three four", "five six", "seven"]),
    ("x" * 45, 20, 0, ["x" * 20, "x" * 20, "x" * 5]),
    ("x" * 45, 20, 5, ["x" * 20, "x" * 15, "x" * 10]),
    ("日本語" * 5, 20, 0, ["日本語" * 3 + "日", "本語日本語"]),
    ("x" + "日" * 10, 20, 0, ["x" + "日" * 9, "日"]),
    ("e\u0301" * 25, 20, 0, ["e\u0301" * 20, "e\u0301" * 5]),
    ("two  spaces here now and", 20, 0, ["two  spaces here now", "and"]),
    ("tiny", 3, 0, ["tiny"]),
    ("<bob> " + "x" * 40, 20, 6, ["<bob> " + "x" * 14, "x" * 14, "x" * 12]),
    ("<bob> " + "日" * 12, 20, 6, ["<bob> " + "日" * 7, "日" * 5]),
    ("<bob> " + "x" * 15 + " yy", 20, 0, ["<bob>", "x" * 15 + " yy"]),
    ("<bob> nineteen.more " + "x" * 30, 20, 0, ["<bob> nineteen.more", "x" * 20, "x" * 10]),
    ("a " * 15, 20, 30, ["a a a a a a a a a a", "a a a a a "]),
]


@pytest.mark.parametrize(("text", "width", "indent", "lines"), BROKEN)
def test_a_text_is_broken_so(text: str, width: int, indent: int, lines: list[str]) -> None:
    assert lines_of(text, width, indent) == lines


def test_no_line_is_wider_than_asked_and_nothing_but_spaces_is_lost() -> None:
    text = "Ein langer Satz mit 日本語 und e\u0301 und 😀😀 und " + "w" * 70 + " zu Ende"
    for width in range(20, 90):
        lines = lines_of(text, width, 7)
        assert all(measure(line) <= width for line in lines)
        assert all(measure(line) <= width - 7 for line in lines[1:])
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_pieces_keep_what_they_are_across_lines_and_hang_below_the_text() -> None:
    pieces: list[Piece] = [
        ("time", "14:02"),
        ("", " "),
        ("nick", "<bob>"),
        ("", " "),
        ("text", "one two three four five"),
    ]
    assert lay_out(pieces, 24, 6) == [
        [("time", "14:02"), ("", " "), ("nick", "<bob>"), ("", " "), ("text", "one two")],
        [("", "      "), ("text", "three four five")],
    ]


def test_what_is_cut_says_so() -> None:
    assert [cut("日本語", 6), cut("日本語", 5), cut("日本語", 3), cut("abc", 3), cut("abcd", 3)] == [
        "日本語",
        "日..",
        "日..",
        "abc",
        "a..",
    ]


def test_a_flood_of_marks_takes_no_more_room_than_its_number() -> None:
    shown = show("z" + "\u0301" * 170)
    assert shown == "z" + "\u0301" * 4 + "<+166 marks>"
    assert measure(shown) == 13

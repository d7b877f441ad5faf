"""What others wrote, made fit for a terminal; written out as a table."""

from __future__ import annotations

import sys
from unicodedata import category

import pytest

from securechat.plain.visible import drop_controls, show, show_each

SHOWN = [
    ("", ""),
    ("plain ASCII ~", "plain ASCII ~"),
    ("Grüße, Ελλάδα, 日本語, مرحبا", "Grüße, Ελλάδα, 日本語, مرحبا"),
    ("😀 👍🏽", "😀 👍🏽"),
    ("👩\u200d💻 👩🏽\u200d🚀 🏳\ufe0f\u200d🌈", "👩\u200d💻 👩🏽\u200d🚀 🏳\ufe0f\u200d🌈"),
    ("\U0001fa77 \U0001fae8", "\U0001fa77 \U0001fae8"),
    ("می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष"),
    ("a\u200db\u200dc a\u200cb", "a<U+200D>b<U+200D>c a<U+200C>b"),
    ("\u200d💻 💻\u200d 💻\u200c💻 💻\u200dx", "<U+200D>💻 💻<U+200D> 💻<U+200C>💻 💻<U+200D>x"),
    ("م" + "\u064e\u200d" * 4 + "\u064eم", "م" + "\u064e\u200d" * 2 + "<+5 marks>م"),
    ("م\u200c\u200cم م\u200c", "م<U+200C><U+200C>م م<U+200C>"),
    ("e\u0301", "e\u0301"),
    ("\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
    ("\x1b]52;c;cm0gLXJm\x07", "^[]52;c;cm0gLXJm^G"),
    ("a\rb\nc\td\0e", "a^Mb^Jc^Id^@e"),
    ("\x7f", "^?"),
    ("\x9b31m", "<U+009B>31m"),
    ("\x85", "<U+0085>"),
    ("\u202etxt.exe", "<U+202E>txt.exe"),
    ("\u2066\u2069\u200e\u200f\u061c", "<U+2066><U+2069><U+200E><U+200F><U+061C>"),
    ("ali\u200bce", "ali<U+200B>ce"),
    ("\ufeff\u2060\u00ad\u180e", "<U+FEFF><U+2060><U+00AD><U+180E>"),
    ("\u2028\u2029", "<U+2028><U+2029>"),
    ("\U000e0041", "<U+E0041>"),
    ("\ud800", "<U+D800>"),
    ("\ue000", "<U+E000>"),
    ("\u3164\u2800\u115f", "<U+3164><U+2800><U+115F>"),
    ("z" + "\u0300" * 7, "z" + "\u0300" * 4 + "<+3 marks>"),
    ("<b>&amp; {x} [red]", "<b>&amp; {x} [red]"),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_text_is_shown_so(text: str, shown: str) -> None:
    assert show(text) == shown


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_what_each_character_becomes_makes_up_the_whole(text: str, shown: str) -> None:
    assert len(show_each(text)) == len(text)
    assert "".join(show_each(text)) == shown


@pytest.mark.parametrize(
    ("text", "left"), [("a\tb\nc é", "a\tb\nc é"), ("\x1b[2J\x07\x9bx\x7f\r", "[2Jx"), ("\u202e", "\u202e")]
)
def test_controls_fall_out_of_what_is_typed(text: str, left: str) -> None:
    assert drop_controls(text) == left


def test_no_code_point_comes_out_that_acts_on_a_terminal() -> None:
    acting = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    dangerous = [chr(i) for i in range(sys.maxunicode + 1) if category(chr(i)) in acting]
    assert len(dangerous) > 2000
    for character in dangerous:
        assert not any(category(c) in acting for c in show(character)), hex(ord(character))

"""Masks: the public vectors, what is not special, and that no mask takes long."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.wire.mask import match_mask
from tests.wire.test_message import load_vectors


@pytest.mark.parametrize("case", load_vectors("mask-match"), ids=lambda case: repr(case["mask"]))
def test_a_mask_matches_as_the_vectors_say(case: dict[str, Any]) -> None:
    assert [text for text in case["matches"] if not match_mask(case["mask"], text)] == []
    assert [text for text in case["fails"] if match_mask(case["mask"], text)] == []


@pytest.mark.parametrize(
    ("mask", "text", "matches"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "a\nb", True),
        ("?", "", False),
        ("?", "ä", True),
        ("??", "ä", False),
        ("**a**", "bab", True),
        ("a*b*c", "abbc", True),
        ("a*b*c", "acb", False),
        ("*aab", "aaab", True),
        ("aba*aba", "aba", False),
        ("aba*aba", "abaaba", True),
        ("*a?b*", "xxaab", True),
        ("*?*?*", "a", False),
        ("anna!*@*", "ANNA!x@y", True),
        ("STRASSE*", "straße 1", True),
        ("[a-z]*", "b", False),
        ("[a-z]*", "[A-Z]x", True),
        ("a.c", "abc", False),
        (r"a\*", "a*", False),
        (r"a\*", r"a\x", True),
        ("a|b", "a", False),
        ("(a", "(a", True),
        ("a+", "aa", False),
        ("^a$", "a", False),
    ],
)
def test_only_star_and_question_mark_are_special(mask: str, text: str, matches: bool) -> None:
    assert match_mask(mask, text) is matches


def match_by_definition(mask: str, text: str) -> bool:
    if not mask:
        return not text
    if mask[0] == "*":
        return any(match_by_definition(mask[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and mask[0] in ("?", text[0]) and match_by_definition(mask[1:], text[1:])


@given(st.text("ab?*", max_size=8), st.text("ab", max_size=8))
def test_a_mask_matches_as_its_definition_says(mask: str, text: str) -> None:
    assert match_mask(mask, text) is match_by_definition(mask, text)


def measure_seconds(matcher: Callable[[str, str], object], mask: str, text: str) -> float:
    started = time.process_time()
    matcher(mask, text)
    return time.process_time() - started


@pytest.mark.parametrize("mask", ["*a" * 200 + "b", "*?" * 200 + "b", "*a?" * 150 + "b", "*" * 500 + "b", "?*" * 250])
def test_a_spiteful_mask_takes_no_longer_than_its_length_allows(mask: str) -> None:
    assert measure_seconds(match_mask, mask, "a" * 500) < 0.5


def test_control_a_plain_translation_takes_far_longer_over_a_far_smaller_mask() -> None:
    def match_plainly(mask: str, text: str) -> object:
        return re.compile(mask.replace("*", ".*")).fullmatch(text)

    mask, text = "*a" * 4 + "b", "a" * 150
    assert measure_seconds(match_plainly, mask, text) > 20 * measure_seconds(match_mask, mask, text)

from __future__ import annotations

import pytest

from securechat.auth.passwords import check_password, prepare_password


@pytest.mark.parametrize(
    ("typed", "prepared"),
    [
        ("plain", "plain"),
        ("e\u0301", "\u00e9"),
        ("a\u00a0b\u2003c\u3000d", "a b c d"),
        ("\u2000", " "),
        ("  Kept As It Is  ", "  Kept As It Is  "),
        ("\uff21", "\uff21"),
        ("\u212b", "\u00c5"),
    ],
)
def test_a_password_has_one_form(typed: str, prepared: str) -> None:
    assert prepare_password(typed) == prepared
    assert prepare_password(prepared) == prepared


CONTROL = "a password may not contain control characters"
SHORT = "a password needs at least 12 characters"
LONG = "a password may have at most 1024 bytes"
COMMON = "a password may not be one of the first that are guessed: take several words that do not belong together"
PATTERN = "correct horse battery, and so on and so forth, "


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("correct horse battery", None),
        ("x1y2 z3a4 b5", None),
        ("x" * 12, COMMON),
        ("x" * 11, SHORT),
        ("", SHORT),
        ("\u00e9" * 12, COMMON),
        ("e\u0301" * 11, SHORT),
        ((PATTERN * 25)[:1024], None),
        ("x" * 1024, COMMON),
        ("x" * 1025, LONG),
        ("\u00e9\u00e8\u00e7\u00e0\u00f9\u00f1\u00f2\u00f3" * 64, None),
        ("\u00e9" * 513, LONG),
        ("x" * 1_000_000, LONG),
        ("sct_" + "a" * 52, "a password may not begin with sct_"),
        ("sct_twelve chars", "a password may not begin with sct_"),
        ("my sct_ password", None),
        ("tab\there and more", CONTROL),
        ("line\nbreak and more", CONTROL),
        ("nul\x00 and much more", CONTROL),
        ("del\x7f and much more", CONTROL),
        ("c1\x9b and much more", CONTROL),
        ("lone \ud800 surrogate", CONTROL),
        ("line\u2028separator too", CONTROL),
        ("\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645", None),
        ("Administrator", "a password may not be the account's name"),
    ],
)
def test_a_password_is_judged_by_its_own_form(password: str, reason: str | None) -> None:
    assert check_password(password, name="administrator") == reason


def test_the_least_length_is_a_setting() -> None:
    assert check_password("x" * 15, minimum=16) == "a password needs at least 16 characters"
    assert check_password("x1y2 z3a4 b5c6 d", minimum=16) is None

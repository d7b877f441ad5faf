"""Names: which are allowed, which are the same, and which look the same."""

from __future__ import annotations

import sys
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.wire.names import (
    CHANNEL_LENGTH,
    NICK_LENGTH,
    RESERVED,
    fold,
    is_account_name,
    is_channel_name,
    is_device_name,
    is_hostname,
    is_reserved,
    skeleton,
    split_userhost,
)
from tests.wire.test_message import load_vectors


@pytest.mark.parametrize("case", load_vectors("userhost-split"), ids=lambda case: repr(case["source"]))
def test_a_source_is_split_as_the_vectors_say(case: dict[str, Any]) -> None:
    atoms = case["atoms"]
    assert split_userhost(case["source"]) == tuple(atoms.get(part, "") for part in ("nick", "user", "host"))


@pytest.mark.parametrize("case", load_vectors("validate-hostname"), ids=lambda case: repr(case["host"]))
def test_a_host_name_is_judged_as_the_vectors_say(case: dict[str, Any]) -> None:
    assert is_hostname(case["host"]) is case["valid"]


@pytest.mark.parametrize("host", [".", "..", "a..b", ".a.b", "a.b\n", "a.b.c:1", "ä.de", "a" * 64 + ".de", "a." * 130])
def test_more_names_that_are_no_host_names(host: str) -> None:
    assert not is_hostname(host)


SAME = [
    ("anna", "ANNA"),
    ("#Straße", "#STRASSE"),
    ("#caf\u00e9", "#cafe\u0301"),
    ("#\u212a", "#k"),  # the sign for kelvin
    ("#\u03a3\u03a3", "#\u03c3\u03c2"),  # both small sigmas
    ("#\u01f0", "#\u004a\u030c"),
]
DISTINCT = [("anna", "ana"), ("#a", "#ä"), ("#o", "#ö"), ("a_b", "ab"), ("[", "{"), ("#ı", "#i")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_that_differ_only_in_case_or_composition_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), DISTINCT)
def test_other_names_are_not_the_same(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_folding_twice_changes_nothing_for_any_character() -> None:
    characters = (chr(code) for code in range(0x80, sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    assert [c for c in characters if fold(fold(c)) != fold(c)] == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_folding_is_final_and_blind_to_case(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text.casefold()) == fold(text)


@pytest.mark.parametrize("name", ["a", "Z", "anna", "a1", "a_b-c", "a-", "a" * 32])
def test_an_account_name_begins_with_a_letter_and_stays_in_ascii(name: str) -> None:
    assert is_account_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1a",
        "_a",
        "-a",
        "a" * 33,
        "a b",
        "a.b",
        "a@b",
        "a!b",
        "a\n",
        "\na",
        "ä",
        "аnna",
        "a\u0661",
        "a\0",
        "#a",
        "a,b",
    ],
)
def test_anything_else_is_no_account_name(name: str) -> None:
    assert not is_account_name(name)


def test_a_nick_is_as_long_as_an_account_name() -> None:
    assert (NICK_LENGTH, CHANNEL_LENGTH) == (32, 64)


CONFUSABLE = [
    ("anna", "ANNA"),
    ("bob", "b0b"),
    ("bob", "BOB"),
    ("bill", "biII"),  # two capital i
    ("bill", "bi11"),
    ("bill", "blil"),
    ("I", "l"),
    ("paul", "pau1"),
    ("barn", "bam"),
    ("tom", "torn"),
    ("TOM", "toRN"),
    ("win", "vvin"),
    ("awv", "avw"),
    ("awv", "avvv"),
    ("mrn", "rnm"),
    ("anna-maria", "annamaria"),
    ("anna_maria", "anna-maria"),
    ("anna", "anna_"),
    ("anna", "an--na"),
    ("r-n", "m"),
    ("v_v", "w"),
    ("al-l", "AI1"),
    ("modern", "modem"),
    ("M0rn", "rnom"),
]
APART = [
    ("anna", "ana"),
    ("anna", "annaa"),
    ("anna", "hanna"),
    ("bob", "rob"),
    ("max", "rnx"),
    ("nn", "m"),
    ("r", "m"),
    ("v", "w"),
    ("nr", "m"),
    ("john", "joan"),
    ("tom", "tim"),
    ("carla", "karla"),
    ("anna2", "anna3"),
    ("user1", "user2"),
    ("user10", "user11"),
    ("a5", "as"),
    ("jan", "ian"),
    ("u", "v"),
    ("eve", "ewe"),
]


@pytest.mark.parametrize(("one", "other"), CONFUSABLE)
def test_names_that_can_be_mistaken_for_each_other_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_that_can_be_told_apart_have_two_skeletons(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


def test_control_folding_case_alone_would_miss_nearly_all_of_them() -> None:
    assert [pair for pair in CONFUSABLE if fold(pair[0]) == fold(pair[1])] == [("anna", "ANNA"), ("bob", "BOB")]


CLASSROOM = """
anna bea carl dana emil finn greta hans ida jan karl lena mia nils olga paul quinn rosa sven tina ulf vera wim xenia
yuri zoe ali omar fatima chen li wei ming yuki haruto sofia mateo lucas emma noah liam olivia ava ethan mason jim kim
tim tom pam sam dan ian ivan ilya alina milan marina martin mario
"""


def test_a_classroom_of_ordinary_names_has_no_two_alike() -> None:
    names = CLASSROOM.split()
    assert [(a, b) for a, b in combinations(names, 2) if skeleton(a) == skeleton(b)] == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "search",
            "server",
            "securechat",
            "admin",
            "root",
            "nickserv",
            "NickServ",
            "chanserv",
            "saslserv",
            "memoserv",
        ),
        *("operserv", "global", "services", "system", "everyone", "here", "channel", "all", "null", "deleted"),
        *("ADMIN", "adrnin", "adm1n", "Adm-In", "r00t", "rO_ot", "sec-ure-chat", "N1ckServ", "g1obal", "system-"),
    ],
)
def test_services_and_what_looks_like_them_are_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["anna", "ali", "Ali", "ruth", "rooted", "admina", "heer", "nuii", "sergio", "allan"])
def test_people_are_not_reserved(name: str) -> None:
    assert not is_reserved(name)


def test_reserved_names_are_folded_account_names() -> None:
    assert {name for name in RESERVED if fold(name) != name or not is_account_name(name)} == set()


GOOD_CHANNELS = [
    "#a",
    "##",
    "#general",
    "#General-Talk_2",
    "#a:b",
    "#a*?",
    "#ümlaut",
    "#日本語",
    "#кириллица",
    "#عربى",
    "#हिन्दी",
    "#🐍",
    "#\u00e9",
    "#" + "a" * 63,
    "#" + "ü" * 31,
]
BAD_CHANNELS = {
    "empty": "",
    "only the sign": "#",
    "no sign": "general",
    "another sign": "&local",
    "64 bytes after the sign": "#" + "a" * 64,
    "65 bytes in 33 characters": "#" + "ü" * 32,
    "space": "#a b",
    "comma": "#a,b",
    "NUL": "#a\0",
    "BEL": "#a\x07",
    "tab": "#a\tb",
    "LF": "#a\n",
    "CR": "#a\r",
    "ESC": "#a\x1b[31m",
    "DEL": "#a\x7f",
    "C1 CSI": "#a\x9b",
    "next line": "#a\x85b",
    "no-break space": "#a\u00a0b",
    "ogham space": "#a\u1680b",
    "em space": "#a\u2003b",
    "narrow no-break space": "#a\u202fb",
    "ideographic space": "#a\u3000b",
    "line separator": "#a\u2028b",
    "paragraph separator": "#a\u2029b",
    "soft hyphen": "#a\u00adb",
    "Arabic letter mark": "#a\u061cb",
    "zero width space": "#a\u200bb",
    "zero width non-joiner": "#a\u200cb",
    "zero width joiner": "#a\u200db",
    "left-to-right mark": "#a\u200e",
    "right-to-left mark": "#a\u200f",
    "right-to-left embedding": "#a\u202bb",
    "right-to-left override": "#a\u202eb",
    "pop directional": "#a\u202cb",
    "word joiner": "#a\u2060b",
    "invisible times": "#a\u2062b",
    "first strong isolate": "#a\u2068b",
    "pop isolate": "#a\u2069b",
    "byte order mark": "#\ufeffa",
    "tag character": "#a\U000e0061",
    "interlinear annotation": "#a\ufff9",
    "combining grapheme joiner": "#a\u034fb",
    "Hangul filler": "#a\u3164",
    "halfwidth Hangul filler": "#a\uffa0",
    "Hangul choseong filler": "#a\u115f",
    "Khmer inherent vowel": "#a\u17b4",
    "Mongolian variation selector": "#a\u180b",
    "empty Braille cell": "#a\u2800",
    "variation selector": "#a\ufe0f",
    "supplementary variation selector": "#a\U000e0100",
    "not composed": "#e\u0301",
    "singleton that NFC replaces": "#\u212b",
    "lone surrogate": "#a\ud800",
    "noncharacter": "#a\ufffe",
}


@pytest.mark.parametrize("name", GOOD_CHANNELS)
def test_a_channel_may_be_named_in_any_script(name: str) -> None:
    assert is_channel_name(name)


@pytest.mark.parametrize("name", BAD_CHANNELS.values(), ids=BAD_CHANNELS.keys())
def test_a_channel_name_hides_nothing(name: str) -> None:
    assert not is_channel_name(name)


def test_control_a_rule_of_separators_alone_would_let_the_invisible_through() -> None:
    def keeps_the_grammar(name: str) -> bool:
        return name[:1] == "#" and len(name) > 1 and not any(c in name for c in " ,\0\r\n\x07")

    assert sum(keeps_the_grammar(name) for name in BAD_CHANNELS.values()) > 40


@pytest.mark.parametrize("name", ["phone", "Anna's laptop", "büro", "a" * 64])
def test_a_device_may_be_named_freely(name: str) -> None:
    assert is_device_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a ", "a\n", "a\0b", "a\x1b", "a\u202eb", "a\u200b", "a" * 65, "\ud800"]
)
def test_a_device_name_can_be_shown_as_it_is(name: str) -> None:
    assert not is_device_name(name)

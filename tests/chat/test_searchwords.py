"""The words of a message and of a search: how they are read, and when one holds the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.chat.searchwords import MAX_WORDS, Asked, Phrase, TooManyWords, matches, read_asked, split_words

WORDS = [
    ("Hello, World!", ["hello", "world"]),
    ("don't foo_bar-baz 1.2.3", ["don", "t", "foo", "bar", "baz", "1", "2", "3"]),
    ("Crème BRÛLÉE", ["creme", "brulee"]),
    ("Straße", ["strasse"]),
    ("Ελλάδα", ["ελλαδα"]),
    ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
    ("ＡＢＣ １２", ["abc", "12"]),
    ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
    ("nice 🎉🎉 ❤️", ["nice", "🎉", "🎉", "❤"]),
    ("\x0304red\x03 \x01ACTION waves\x01", ["04red", "action", "waves"]),
    ("one\ntwo", ["one", "two"]),
    ('"§" … -- * ', []),
    ("", []),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_the_words_of_a_text(text: str, words: list[str]) -> None:
    assert split_words(text) == words


ASKED = [
    ("red Green", (Phrase(("red",)), Phrase(("green",)))),
    ('"red green" blue', (Phrase(("red", "green")), Phrase(("blue",)))),
    ("pre*", (Phrase(("pre",), prefix=True),)),
    ('"a pre"*', (Phrase(("a", "pre"), prefix=True),)),
    ("p*", (Phrase(("p",)),)),
    ("user@example.org", (Phrase(("user", "example", "org")),)),
    ('"never closed', (Phrase(("never", "closed")),)),
    ('foo"bar baz"', (Phrase(("foo",)), Phrase(("bar", "baz")))),
    ("OR AND NOT NEAR(a b)", tuple(Phrase(words) for words in [("or",), ("and",), ("not",), ("near", "a"), ("b",)])),
    ("red red", (Phrase(("red",)),)),
    ('* "" ** :) "', ()),
]


@pytest.mark.parametrize(("text", "phrases"), ASKED)
def test_what_is_asked_for(text: str, phrases: tuple[Phrase, ...]) -> None:
    assert read_asked(text) == Asked(phrases, {})


def test_filters_are_those_that_there_are() -> None:
    asked = read_asked("from:bob In:#c re: other:x from:carol word", ("from", "in"))
    assert asked.filters == {"from": "carol", "in": "#c"}
    assert asked.phrases == (Phrase(("re",)), Phrase(("other", "x")), Phrase(("word",)))


def test_there_are_only_so_many_words() -> None:
    most = " ".join(f"w{number}" for number in range(MAX_WORDS))
    assert len(read_asked(most).phrases) == MAX_WORDS
    with pytest.raises(TooManyWords):
        read_asked(f"{most} more")
    with pytest.raises(TooManyWords):
        read_asked("a-" * (MAX_WORDS + 1))


HOLDS = [
    ("red", "a Red thing", True),
    ("red", "a reddish thing", False),
    ("re*", "a reddish thing", True),
    ("red thing", "thing, red", True),
    ('"red thing"', "thing, red", False),
    ('"red thing"', "a red-thing", True),
    ('"red thi"*', "a red thing", True),
    ('"red thi"*', "a thing red", False),
    ("creme", "Crème", True),
    ("crème", "CREME", True),
    ("東京", "私は東京へ行く", True),
    ("京東", "私は東京へ行く", False),
    ("red green", "red", False),
    ('"red red green"', "red red red green", True),
]


@pytest.mark.parametrize(("words", "text", "found"), HOLDS)
def test_a_text_holds_what_is_asked_for(words: str, text: str, found: bool) -> None:
    assert matches(read_asked(words).phrases, text) is found


@given(st.text())
def test_no_text_has_words_that_could_mean_anything_in_an_expression(text: str) -> None:
    for word in split_words(text):
        assert word
        assert all(character.isalnum() for character in word if character.isascii())
        assert "§" not in word


@given(st.text(max_size=30))
def test_a_text_holds_its_own_words(text: str) -> None:
    if len(words := split_words(text)) <= MAX_WORDS:
        assert matches(read_asked(text.replace('"', " ").replace("*", " ")).phrases, text)
        assert all(matches((Phrase((word,)),), text) for word in words)

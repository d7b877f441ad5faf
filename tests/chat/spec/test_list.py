"""Modern IRC, LIST and ELIST: names, masks, not-masks, members, and ages in minutes; a slow mask costs little."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.chat.events import TopicSet
from securechat.chat.streams import channel_stream
from securechat.wire.mask import MAX_MASK, compile_mask, match_mask
from securechat.wire.names import fold
from tests.chat.stage import NOON, Stage

MINUTE = 60_000


@pytest.fixture
def stage() -> Stage:
    """`#one` of 1 member is 60 minutes old, `#two` 30, `#three` 10; topics of `#one` 20, `#two` 5 minutes, `#three` none."""
    stage = Stage("alice", "bob", "carol")
    for name, people, age, topic in (("#one", 1, 60, 20), ("#two", 2, 30, 5), ("#three", 3, 10, None)):
        channel = stage.channel(name, dict.fromkeys(["bob", "alice", "carol"][:people], ""))
        channel.created = NOON - age * MINUTE
        if topic is not None:
            stage.happen(channel_stream(channel.id), TopicSet("id-bob", "news"))
            channel.topic_time = NOON - topic * MINUTE
    return stage


CONDITIONS = [
    ("LIST", "#one #two #three"),
    # M and N: masks and not-masks; a name is a name.
    ("LIST #two", "#two"),
    ("LIST #TWO,#one,#none", "#two #one"),
    ("LIST *o*", "#one #two"),
    ("LIST #t??", "#two"),
    ("LIST *two,#three", "#two #three"),
    ("LIST !#t*", "#one"),
    ("LIST *o*,!*two", "#one"),
    ("LIST #two,!#t*", ""),
    # U: members.
    ("LIST >1", "#two #three"),
    ("LIST <3", "#one #two"),
    ("LIST >1,<3", "#two"),
    # C: created less, or more, than so many minutes ago.
    ("LIST C<31", "#two #three"),
    ("LIST C>30", "#one"),
    ("LIST c>5,C<31", "#two #three"),
    # T: the same of the topic; a channel without one has none that is old or new.
    ("LIST T<10", "#two"),
    ("LIST T>10", "#one"),
    ("LIST T<100", "#one #two"),
    # Conditions hold together with names and masks, in either parameter.
    ("LIST *t*,>2", "#three"),
    ("LIST #one,#two >1", "#two"),
    ("LIST #one C<10", ""),
    ("LIST <99999999999", ""),
    ("LIST " + "#" * 101 + "*", ""),
]


@pytest.mark.parametrize(("line", "expected"), CONDITIONS, ids=[line[:20] for line, _ in CONDITIONS])
def test_list_shows_what_meets_all_conditions(stage: Stage, line: str, expected: str) -> None:
    lines = stage.play(stage.enter("alice"), line).lines
    assert lines[0] == ":chat.example 321 alice Channel :Users  Name"
    assert lines[-1] == ":chat.example 323 alice :End of /LIST"
    assert " ".join(each.split()[3] for each in lines[1:-1]) == expected


def test_the_conditions_are_the_ones_said(stage: Stage) -> None:
    lines = stage.play(stage.enter("alice"), "ISUPPORT").lines
    assert any(" ELIST=CMNTU " in line for line in lines)


HIDING = ["LIST", "LIST *", "LIST #hidden", "LIST #h*", "LIST >0", "LIST C<100", "LIST T<100", "LIST !#x"]


@pytest.mark.parametrize("line", HIDING)
def test_no_condition_finds_a_secret_channel(line: str) -> None:
    """And neither does the topic of a channel that is closed to the asker, or its age."""
    stage = Stage("alice", "bob")
    channel = stage.channel("#hidden", {"bob": "q"}, modes="nst")
    stage.happen(channel_stream(channel.id), TopicSet("id-bob", "news"))
    assert stage.play(stage.enter("alice"), line).numerics == ["321", "323"]
    assert stage.play(stage.enter("bob"), line).numerics == ["321", "322", "323"], "the control: it is there"


def test_a_topic_that_is_not_shown_is_not_found() -> None:
    stage = Stage("alice", "bob")
    channel = stage.channel("#closed", {"bob": "q"}, modes="int")
    stage.happen(channel_stream(channel.id), TopicSet("id-bob", "news"))
    alice = stage.enter("alice")
    assert stage.play(alice, "LIST").lines[1] == ":chat.example 322 alice #closed 1 :"
    assert stage.play(alice, "LIST T<100").numerics == ["321", "323"]


def test_a_name_with_a_star_in_it_is_a_name_too() -> None:
    stage = Stage("alice")
    stage.channel("#a*b", {"alice": "q"})
    stage.channel("#axb", {"alice": "q"})
    lines = stage.play(stage.enter("alice"), "LIST #a*b").lines
    assert [line.split()[3] for line in lines[1:-1]] == ["#a*b", "#axb"]


def test_masks_that_match_slowly_elsewhere_cost_little_here() -> None:
    """Four of the slowest masks that fit, against 2,000 of the longest names."""
    stage = Stage("alice")
    for i in range(2_000):
        stage.channel("#" + "a" * 59 + f"{i:04}", {"alice": "q"})
    alice = stage.enter("alice")
    for mask in ("*a" * 50, "*" + "?" * 30 + "b", "*a?" * 30 + "b", "?*" * 50):
        start = time.process_time()
        stage.play(alice, "LIST " + ",".join([mask[:MAX_MASK]] * 4))
        assert time.process_time() - start < 1


def test_more_masks_than_are_looked_at_find_nothing_more() -> None:
    stage = Stage("alice")
    for name in ("#a", "#b", "#c", "#d", "#e"):
        stage.channel(name, {"alice": "q"})
    lines = stage.play(stage.enter("alice"), "LIST #a?,#b?,#c?,#d?,#e*").lines
    assert len(lines) == 2


text = st.text("ab?*#ß", max_size=12)


@given(text, st.text("ab#ß", max_size=12))
def test_a_compiled_mask_matches_what_a_mask_matches(mask: str, name: str) -> None:
    pattern = compile_mask(mask)
    assert pattern is not None
    assert (pattern.fullmatch(fold(name)) is not None) == match_mask(mask, name)


def test_a_mask_is_at_most_a_hundred_long() -> None:
    assert compile_mask("*" * 100) is not None
    assert compile_mask("*" * 101) is None


def test_channels_that_come_and_go_while_the_list_is_drawn_do_not_disturb_it(stage: Stage) -> None:
    alice = stage.enter("alice")
    (send,) = stage.judge(alice, "LIST")
    lines = iter(send.lines)  # type: ignore[union-attr]
    next(lines), next(lines)
    stage.channel("#four", {"alice": "q"})
    assert [line.params[1] for line in lines if line.command == "322"] == ["#two", "#three"]

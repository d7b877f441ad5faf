"""What a command is answered: at once or as it is read, and with which label."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest

from securechat.chat.answers import Answer
from securechat.chat.pipeline import Pipeline, Unit
from securechat.wire.message import Message, parse
from tests.chat.stage import told


def units_of(line: str) -> list[Unit]:
    pipeline = Pipeline()
    pipeline.receive(parse(line.encode()))
    units = []
    while (unit := pipeline.take()) is not None:
        units.append(unit)
    return units


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("@label=a1 PING x", "a1"),
        ("PING x", ""),
        ("@label= PING x", ""),
        ("@label=" + "x" * 64 + " PING x", "x" * 64),
        ("@label=" + "x" * 65 + " PING x", ""),
        ("@label=" + "é" * 32 + " PING x", "é" * 32),
        ("@label=" + "é" * 33 + " PING x", ""),
    ],
)
def test_a_label_has_at_most_64_bytes(line: str, label: str) -> None:
    (unit,) = units_of(line)
    assert unit.answer.label == label


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("@label=a PRIVMSG #a,#b,bob :x", ["PRIVMSG #a x", "PRIVMSG #b x", "PRIVMSG bob x"]),
        ("@label=a JOIN #a,#b k", ["JOIN #a k", "JOIN #b"]),
        ("@label=a PART #a,#b :x", ["PART #a x", "PART #b x"]),
        ("@label=a TAGMSG #a,#b", ["TAGMSG #a", "TAGMSG #b"]),
        ("@label=a KICK #a bob,carol", ["KICK #a bob", "KICK #a carol"]),
        ("@label=a MODE #a,#b", ["MODE #a,#b"]),
        ("@label=a FNORD #a,#b", ["FNORD #a,#b"]),
        ("@label=a PRIVMSG , :x", ["PRIVMSG , x"]),
    ],
)
def test_a_command_for_several_is_one_answer_from_all_of_them(line: str, parts: list[str]) -> None:
    units = units_of(line)
    assert [" ".join((unit.message.command, *unit.message.params)).strip() for unit in units] == parts
    assert len({id(unit.answer) for unit in units}) == 1
    assert units[0].answer.label == "a"


def lines(*texts: str) -> list[Message]:
    return [parse(text.encode()) for text in texts]


class Taken:
    """An answer's parts as they are to be sent: what is due at once, and what is drawn later."""

    def __init__(self, parts: int = 1, label: str = "L") -> None:
        self.answer = Answer(label, parts)
        self._later: list[Iterable[Message]] = []
        self._references: Callable[[], str] = map("b{}".format, itertools.count(1)).__next__

    def take(self, due: Iterable[str] = (), lazy: Iterable[str] | None = None, *, labelled: bool = True) -> list[str]:
        drawn = None if lazy is None else iter(lines(*lazy))
        now, later = self.answer.take(
            lines(*due), drawn, labelled=labelled, source="s", next_reference=self._references
        )
        if later is not None:
            self._later.append(later)
        return told(now)

    def later(self) -> list[str]:
        drawn, self._later = told(itertools.chain.from_iterable(self._later)), []
        return drawn


def test_without_a_label_lines_are_sent_as_they_are() -> None:
    for label, labelled in (("", True), ("L", False)):
        taken = Taken(label=label)
        assert taken.take([":s 001"], [":s 002"], labelled=labelled) == [":s 001"]
        assert taken.later() == [":s 002"]


def test_no_line_is_answered_with_ack() -> None:
    taken = Taken()
    assert taken.take() + taken.later() == ["@label=L :s ACK"]
    taken = Taken()
    assert taken.take(lazy=[]) + taken.later() == ["@label=L :s ACK"]


@pytest.mark.parametrize("is_due", [True, False])
def test_a_single_line_carries_the_label(is_due: bool) -> None:
    taken = Taken()
    line = ["@msgid=m :b!b@h PRIVMSG #a x"]
    assert taken.take(line if is_due else [], None if is_due else line) + taken.later() == [
        "@label=L;msgid=m :b!b@h PRIVMSG #a x"
    ]


@pytest.mark.parametrize("due", [0, 1, 2, 3])
def test_several_lines_come_in_a_batch_that_carries_the_label(due: int) -> None:
    taken = Taken()
    texts = [":s 001", "@msgid=m :s 002", ":s 003"]
    now = taken.take(texts[:due], texts[due:] or None)
    assert len(now) == (1 + due if due else 0)
    assert now + taken.later() == [
        "@label=L :s BATCH +b1 labeled-response",
        "@batch=b1 :s 001",
        "@batch=b1;msgid=m :s 002",
        "@batch=b1 :s 003",
        ":s BATCH -b1",
    ]


@pytest.mark.parametrize("is_due", [True, False])
def test_a_batch_alone_carries_the_label_itself(is_due: bool) -> None:
    """IRCv3 multiline: the label is on the opening BATCH of an echo, and only there."""
    taken = Taken()
    texts = ["@msgid=m :b BATCH +m draft/multiline #a", "@batch=m :b PRIVMSG #a x", ":b BATCH -m"]
    now = taken.take(texts if is_due else [], None if is_due else texts)
    assert now + taken.later() == [f"@label=L;{texts[0][1:]}", *texts[1:]]


def test_a_batch_and_more_come_in_another_that_carries_the_label() -> None:
    taken = Taken()
    texts = [":b BATCH +m draft/multiline a", "@batch=m :b PRIVMSG a x", ":b BATCH -m", ":s 301"]
    assert taken.take(texts) + taken.later() == [
        "@label=L :s BATCH +b1 labeled-response",
        "@batch=b1 :b BATCH +m draft/multiline a",
        "@batch=m :b PRIVMSG a x",
        "@batch=b1 :b BATCH -m",
        "@batch=b1 :s 301",
        ":s BATCH -b1",
    ]


def test_a_batch_that_is_there_already_carries_the_label_itself() -> None:
    taken = Taken()
    taken.take(lazy=[":s BATCH +b7 chathistory #a", "@batch=b7 :s 002", ":s BATCH -b7"])
    assert taken.later() == ["@label=L :s BATCH +b7 chathistory #a", "@batch=b7 :s 002", ":s BATCH -b7"]


def test_each_target_of_several_is_answered_when_its_turn_comes_and_in_one_batch() -> None:
    taken = Taken(parts=3)
    assert taken.take([":a PRIVMSG #a x"]) == ["@label=L :s BATCH +b1 labeled-response", "@batch=b1 :a PRIVMSG #a x"]
    assert taken.take() == []
    assert taken.take([":a PRIVMSG #c x"]) == ["@batch=b1 :a PRIVMSG #c x"]
    assert taken.later() == [":s BATCH -b1"]


def test_the_batch_ends_after_what_earlier_targets_have_yet_to_draw() -> None:
    taken = Taken(parts=2)
    assert taken.take([":a JOIN #a"], [":s 366 a #a"])[1:] == ["@batch=b1 :a JOIN #a"]
    assert taken.take([":a JOIN #b"], [":s 366 a #b"]) == ["@batch=b1 :a JOIN #b"]
    assert taken.later() == ["@batch=b1 :s 366 a #a", "@batch=b1 :s 366 a #b", ":s BATCH -b1"]


def test_several_targets_without_a_line_are_acknowledged_once() -> None:
    taken = Taken(parts=2)
    assert taken.take() + taken.take() + taken.later() == ["@label=L :s ACK"]


def test_an_answer_is_drawn_no_faster_than_it_is_taken() -> None:
    drawn: list[int] = []

    def endless() -> Iterable[Message]:
        for i in itertools.count():
            drawn.append(i)
            yield Message("353", (str(i),))

    answer = Answer("L", 1)
    _, later = answer.take([], endless(), labelled=True, source="s", next_reference=lambda: "b1")
    assert later is not None
    lazily = iter(later)
    for _ in range(4):
        next(lazily)
    assert len(drawn) <= 4

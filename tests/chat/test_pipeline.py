"""One connection's commands in their order, and the label on what they are answered."""

from __future__ import annotations

import itertools

import pytest

from securechat.chat.pipeline import MAX_UNDER_WAY, Pipeline, Unit, label_answer
from securechat.wire.message import Message, parse
from tests.chat.stage import told

# A step says what happens; then stands what may be judged next, each launched as it is taken.
#   "+ A b c"   lines are received: lower case messages (PRIVMSG), upper case other commands
#   "ok a"      a is stored
#   "stale a"   a was judged on what has passed
#   "!"         a line that was no command
STORIES: dict[str, list[tuple[str, str]]] = {
    "messages go together": [
        ("+ a b c", "a b c"),
        ("+ d", "d"),
    ],
    "anything else waits for all before it": [
        ("+ a b X", "a b"),
        ("ok a", ""),
        ("ok b", "X"),
    ],
    "everything waits for anything else": [
        ("+ X a Y b", "X"),
        ("+ c", ""),
        ("ok X", "a"),
        ("ok a", "Y"),
        ("ok Y", "b c"),
    ],
    "a fault has its place too": [
        ("+ a", "a"),
        ("!", ""),
        ("+ b", ""),
        ("ok a", "!"),
        ("ok !", "b"),
    ],
    "what was stale is judged again before all that came later": [
        ("+ a b c", "a b c"),
        ("ok a", ""),
        ("stale b", ""),
        ("+ d X", ""),
        ("stale c", "b c d"),
        ("ok b", ""),
        ("ok c", ""),
        ("ok d", "X"),
    ],
    "nothing new is judged while the stale come back": [
        ("+ a b", "a b"),
        ("stale a", ""),
        ("+ c", ""),
        ("stale b", "a b c"),
    ],
    "stale again and again it keeps its place": [
        ("+ a b", "a b"),
        ("stale a", ""),
        ("stale b", "a b"),
        ("ok a", ""),
        ("stale b", "b"),
        ("stale b", "b"),
    ],
    "a stale command that goes alone": [
        ("+ X a", "X"),
        ("stale X", "X"),
        ("ok X", "a"),
    ],
}


class Client:
    """A pipeline driven by hand."""

    def __init__(self) -> None:
        self.pipeline = Pipeline()
        self.taken: dict[str, Unit] = {}

    def do(self, step: str) -> None:
        what, *names = step.split()
        if what == "+":
            for name in names:
                command = "PRIVMSG" if name.islower() else "MODE"
                self.pipeline.receive(Message(command, ("#room", name)), labelled=False)
        elif what == "!":
            self.pipeline.receive_fault(Message("417"))
        else:
            (name,) = names
            self.pipeline.land(self.taken.pop(name), again=what == "stale")

    def judge(self) -> list[str]:
        """Take and launch whatever may be judged now."""
        names = []
        while (unit := self.pipeline.take()) is not None:
            name = "!" if unit.replies else unit.message.params[1]
            self.pipeline.launch(unit)
            self.taken[name] = unit
            names.append(name)
        return names


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_nothing_overtakes_an_earlier_command(story: list[tuple[str, str]]) -> None:
    client = Client()
    for step, expected in story:
        client.do(step)
        assert client.judge() == expected.split(), step


def test_a_lane_begins_a_new_attempt_when_all_of_the_last_have_come_back() -> None:
    client = Client()
    attempts = []
    for step in ["+ a b", "stale a", "stale b", "ok a", "stale b", "ok b"]:
        client.do(step)
        client.judge()
        attempts.append(client.pipeline.lane.attempt)
    assert attempts == [0, 0, 1, 1, 2, 2]
    assert client.pipeline.is_idle


def test_how_often_a_command_was_judged_is_counted() -> None:
    client = Client()
    client.do("+ a")
    counts = []
    for _ in range(3):
        client.judge()
        counts.append(client.taken["a"].attempts)
        client.do("stale a")
    assert counts == [1, 2, 3]


def test_only_so_many_messages_are_under_way_together() -> None:
    client = Client()
    names = ["".join(pair) for pair in itertools.islice(itertools.product("abcdefghijklmnopq", repeat=2), 260)]
    client.do("+ " + " ".join(names))
    assert MAX_UNDER_WAY == 256
    assert client.judge() == names[:256]
    assert len(client.pipeline) == 4
    client.do(f"ok {names[0]}")
    assert client.judge() == names[256:257]


def test_after_the_end_nothing_waits() -> None:
    client = Client()
    client.do("+ a b X")
    client.judge()
    client.do("stale a")
    client.pipeline.clear()
    client.do("ok b")
    assert client.judge() == []
    assert client.pipeline.is_idle


# ── labels ──


def unit_of(line: str, *, labelled: bool = True) -> list[Unit]:
    pipeline = Pipeline()
    pipeline.receive(parse(line.encode()), labelled=labelled)
    units = []
    while (unit := pipeline.take()) is not None:
        units.append(unit)
    return units


@pytest.mark.parametrize(
    ("line", "labelled", "label"),
    [
        ("@label=a1 PING x", True, "a1"),
        ("@label=a1 PING x", False, ""),
        ("PING x", True, ""),
        ("@label= PING x", True, ""),
        ("@label=" + "x" * 64 + " PING x", True, "x" * 64),
        ("@label=" + "x" * 65 + " PING x", True, ""),
        ("@label=" + "é" * 32 + " PING x", True, "é" * 32),
        ("@label=" + "é" * 33 + " PING x", True, ""),
    ],
)
def test_a_label_counts_when_it_was_negotiated_and_has_at_most_64_bytes(line: str, labelled: bool, label: str) -> None:
    (unit,) = unit_of(line, labelled=labelled)
    assert unit.answer.label == label


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("@label=a PRIVMSG #a,#b,bob :x", ["PRIVMSG #a x", "PRIVMSG #b x", "PRIVMSG bob x"]),
        ("@label=a JOIN #a,#b k", ["JOIN #a k", "JOIN #b"]),
        ("@label=a PART #a,#b :x", ["PART #a x", "PART #b x"]),
        ("@label=a TAGMSG #a,#b", ["TAGMSG #a", "TAGMSG #b"]),
        ("@label=a KICK #a bob,carol", ["KICK #a bob,carol"]),
        ("@label=a MODE #a,#b", ["MODE #a,#b"]),
        ("@label=a FNORD #a,#b", ["FNORD #a,#b"]),
        ("@label=a PRIVMSG , :x", ["PRIVMSG , x"]),
    ],
)
def test_a_command_for_several_is_one_answer_from_all_of_them(line: str, parts: list[str]) -> None:
    units = unit_of(line)
    assert [" ".join((unit.message.command, *unit.message.params)).strip() for unit in units] == parts
    assert len({id(unit.answer) for unit in units}) == 1
    assert units[0].answer.open == len(parts)
    assert units[0].answer.label == "a"


def labelled(*lines: str) -> list[str]:
    messages = [parse(line.encode()) for line in lines]
    return told(label_answer(iter(messages), "L", "b9", "chat.example"))


def test_no_line_is_answered_with_ack() -> None:
    assert labelled() == ["@label=L :chat.example ACK"]


def test_a_single_line_carries_the_label() -> None:
    assert labelled(":chat.example PONG chat.example x") == ["@label=L :chat.example PONG chat.example x"]
    assert labelled("@msgid=m :b!b@h PRIVMSG #a x") == ["@msgid=m;label=L :b!b@h PRIVMSG #a x"]


def test_several_lines_come_in_a_batch_that_carries_the_label() -> None:
    assert labelled(":s 001", "@msgid=m :s 002", ":s 003") == [
        "@label=L :chat.example BATCH +b9 labeled-response",
        "@batch=b9 :s 001",
        "@msgid=m;batch=b9 :s 002",
        "@batch=b9 :s 003",
        ":chat.example BATCH -b9",
    ]


def test_a_batch_that_is_there_already_carries_the_label_itself() -> None:
    assert labelled(":s BATCH +b1 chathistory #a", "@batch=b1 :s 002", ":s BATCH -b1") == [
        "@label=L :s BATCH +b1 chathistory #a",
        "@batch=b1 :s 002",
        ":s BATCH -b1",
    ]
    assert labelled(":s BATCH +b1 chathistory #a", ":s BATCH -b1")[0] == "@label=L :s BATCH +b1 chathistory #a"


def test_an_answer_is_drawn_no_faster_than_it_is_taken() -> None:
    drawn: list[int] = []

    def endless() -> itertools.chain[Message]:
        return itertools.chain.from_iterable([drawn.append(i) or Message("353", (str(i),))] for i in itertools.count())  # type: ignore[func-returns-value]

    answer = label_answer(endless(), "L", "b9", "chat.example")
    for _ in range(4):
        next(answer)
    assert len(drawn) <= 4

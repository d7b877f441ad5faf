"""One connection's commands in their order, and the label on what they are answered."""

from __future__ import annotations

import itertools

import pytest

from securechat.chat.pipeline import MAX_UNDER_WAY, Pipeline, Unit
from securechat.wire.message import Message

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
                self.pipeline.receive(Message(command, ("#room", name)))
        elif what == "!":
            self.pipeline.receive_fault(b"", Message("417"))
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
    assert (len(client.pipeline), client.pipeline.under_way) == (0, 0)


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
    assert (len(client.pipeline), client.pipeline.under_way) == (0, 0)

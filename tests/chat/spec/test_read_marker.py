"""IRCv3 read-marker, section by section, over the core."""

from __future__ import annotations

import pytest

from securechat.chat.arrears import ReadMark
from securechat.chat.marks import MARKS_PER_ACCOUNT
from securechat.chat.signals import MarkSet
from securechat.wire.capabilities import READ_MARKER
from tests.chat.stage import NOON, Stage

ROOM = "c/c-#room"
EARLIER = "2026-11-21T11:00:00.000Z"
EARLIER_MS = NOON - 3_600_000


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol")
    stage.channel("#room", {"alice": "", "bob": ""})
    stage.channel("#other", {"bob": ""})
    return stage


def test_client_get_answers_a_star_where_nothing_is_known(stage: Stage) -> None:
    """MARKREAD server command: "If there is no known last message read timestamp, … a literal `*`"."""
    alice = stage.enter("alice", READ_MARKER)
    assert stage.play(alice, "MARKREAD #ROOM").lines == [":chat.example MARKREAD #room *"]
    assert stage.play(alice, "MARKREAD Bob").lines == [":chat.example MARKREAD bob *"]


def test_client_set_is_answered_by_what_was_set_and_told_by_broadcast(stage: Stage) -> None:
    """MARKREAD client set command: "The server MUST reply to a successful `MARKREAD` client set command"."""
    alice = stage.enter("alice", READ_MARKER)
    scene = stage.play(alice, f"MARKREAD #room timestamp={EARLIER}")
    assert scene.lines == [f":chat.example MARKREAD #room timestamp={EARLIER}"]
    assert scene.effects[0].signal == MarkSet("id-alice", ROOM, EARLIER_MS)
    assert scene.events == []


@pytest.mark.parametrize("given", ["2026-11-21T10:00:00.000Z", EARLIER])
def test_a_mark_never_goes_back(stage: Stage, given: str) -> None:
    """Read timestamp notes: "SHOULD reply with a `MARKREAD` command with the newer, previous value"."""
    alice = stage.enter("alice", READ_MARKER)
    stage.world.marks.set("id-alice", ROOM, EARLIER_MS)
    scene = stage.play(alice, f"MARKREAD #room timestamp={given}")
    assert scene.lines == [f":chat.example MARKREAD #room timestamp={EARLIER}"]
    assert len(scene.effects) == 1


def test_nothing_is_read_before_it_was_said(stage: Stage) -> None:
    """Implementation Considerations: "it can clamp it between the last read timestamp and the current time"."""
    alice = stage.enter("alice", READ_MARKER)
    scene = stage.play(alice, "MARKREAD #room timestamp=2999-01-01T00:00:00.000Z")
    assert scene.lines == [":chat.example MARKREAD #room timestamp=2026-11-21T12:00:00.000Z"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("MARKREAD", "FAIL MARKREAD NEED_MORE_PARAMS :Missing parameters"),
        ("MARKREAD #room *", "FAIL MARKREAD INVALID_PARAMS * :Not timestamp= and a time"),
        ("MARKREAD #room yesterday", "FAIL MARKREAD INVALID_PARAMS yesterday :Not timestamp= and a time"),
        ("MARKREAD #room timestamp=1", "FAIL MARKREAD INVALID_PARAMS timestamp=1 :Not timestamp= and a time"),
        ("MARKREAD #other", "FAIL MARKREAD INVALID_PARAMS #other :No conversation of yours"),
        ("MARKREAD #none", "FAIL MARKREAD INVALID_PARAMS #none :No conversation of yours"),
        ("MARKREAD nobody", "FAIL MARKREAD INVALID_PARAMS nobody :No conversation of yours"),
    ],
)
def test_errors_are_standard_replies(stage: Stage, line: str, answer: str) -> None:
    """Errors and Warnings."""
    alice = stage.enter("alice", READ_MARKER)
    assert stage.play(alice, line).lines == [f":chat.example {answer}"]


def test_marks_are_bounded(stage: Stage) -> None:
    alice = stage.enter("alice", READ_MARKER)
    for number in range(MARKS_PER_ACCOUNT):
        stage.world.marks.set("id-alice", f"d/id-alice/{number}", 1)
    scene = stage.play(alice, f"MARKREAD #room timestamp={EARLIER}")
    assert scene.lines[0].startswith(":chat.example FAIL MARKREAD INTERNAL_ERROR #room :")
    assert stage.play(stage.enter("bob"), f"MARKREAD #room timestamp={EARLIER}").lines[0].endswith(EARLIER)


def test_marks_come_back_with_the_state(stage: Stage) -> None:
    stage.world.marks.__init__([ReadMark("id-alice", ROOM, EARLIER_MS)])
    alice = stage.enter("alice", READ_MARKER)
    assert stage.play(alice, "MARKREAD #room").lines == [f":chat.example MARKREAD #room timestamp={EARLIER}"]

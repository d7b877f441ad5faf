"""IRCv3 extended-isupport: the limits before signing in, and in a batch."""

from __future__ import annotations

import pytest

from securechat.chat import replies
from securechat.chat.answers import Answer
from securechat.chat.ask import Ask
from securechat.wire.capabilities import BATCH, EXTENDED_ISUPPORT, LABELED_RESPONSE
from securechat.wire.message import Message
from tests.chat.stage import Stage, told

BOTH = BATCH | EXTENDED_ISUPPORT


def test_before_signing_in_only_who_negotiated_it_may_ask() -> None:
    """draft/extended-isupport capability."""
    stage = Stage()
    assert stage.play(stage.stranger(), "ISUPPORT").lines == [":chat.example 451 * :Sign in first"]
    assert stage.play(stage.stranger(caps=BATCH), "ISUPPORT").numerics == ["451"]
    assert set(stage.play(stage.stranger(caps=EXTENDED_ISUPPORT), "ISUPPORT").numerics) == {"005"}


def test_by_the_capability_it_can_be_negotiated() -> None:
    """Examples: Enabling the capability."""
    stage = Stage()
    session = stage.stranger()
    scene = stage.play(session, "CAP LS 302", "CAP REQ :batch draft/extended-isupport", "ISUPPORT")
    lines = scene.lines[scene.lines.index(":chat.example CAP * ACK :batch draft/extended-isupport") + 1 :]
    assert lines[0] == ":chat.example BATCH +isupport draft/isupport"
    assert lines[-1] == ":chat.example BATCH -isupport"
    assert all(line.startswith("@batch=isupport :chat.example 005 * ") for line in lines[1:-1])
    assert len(lines) > 2


@pytest.mark.parametrize("caps", [0, BATCH, EXTENDED_ISUPPORT])
def test_without_either_capability_there_is_no_batch(caps: int) -> None:
    stage = Stage("alice")
    assert set(stage.play(stage.enter("alice", caps), "ISUPPORT").numerics) == {"005"}


def test_every_line_of_it_is_in_a_batch_of_its_own_in_the_welcome_and_in_version_too() -> None:
    """draft/isupport batch: no unbatched RPL_ISUPPORT, and nothing else in the batch."""
    stage = Stage("alice")
    session = stage.enter("alice", BOTH)
    welcome = list(replies.welcome_lines(Ask(session, Message("USER"), stage.world)))
    version = stage.judge(session, "VERSION")[0]
    for lines in (welcome, list(version.lines)):  # type: ignore[union-attr]
        limits = [line for line in lines if line.command == "005"]
        assert limits
        assert all(line.tags == {"batch": "isupport"} for line in limits)
        assert [line for line in lines if "batch" in line.tags] == limits
        commands = [line.command for line in lines]
        first, last = commands.index("BATCH"), len(commands) - commands[::-1].index("BATCH") - 1
        assert set(commands[first + 1 : last]) == {"005"}


def test_inside_a_labelled_answer_the_batch_stays_one() -> None:
    """IRCv3 batch: batches nest; IRCv3 labeled-response: an answer of several lines is in one."""
    stage = Stage("alice")
    session = stage.enter("alice", BOTH | LABELED_RESPONSE)
    (send,) = stage.judge(session, "VERSION")
    answer = Answer("x", 1)
    due, lazy = answer.take([], send.lines, labelled=True, source="chat.example", next_reference=lambda: "b1")  # type: ignore[union-attr]
    assert due == []
    lines = told(lazy or ())
    assert lines[0] == "@label=x :chat.example BATCH +b1 labeled-response"
    assert lines[1].startswith("@batch=b1 :chat.example 351 ")
    assert lines[2] == "@batch=b1 :chat.example BATCH +isupport draft/isupport"
    assert lines[3].startswith("@batch=isupport :chat.example 005 ")
    assert lines[-2:] == ["@batch=b1 :chat.example BATCH -isupport", ":chat.example BATCH -b1"]

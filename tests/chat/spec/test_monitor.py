"""IRCv3 monitor: the list, who of it is online, its limit; what is told as people come and go is in tests/server."""

from __future__ import annotations

import pytest

from securechat.chat.effects import Broadcast
from securechat.chat.replies import isupport_tokens
from securechat.chat.session import Session
from securechat.chat.signals import Watched
from tests.chat.stage import Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol")
    stage.enter("bob")
    return stage


@pytest.fixture
def alice(stage: Stage) -> Session:
    return stage.enter("alice")


def signals(stage: Stage, session: Session, line: str) -> list[Watched]:
    found = [effect.signal for effect in stage.play(session, line).effects if isinstance(effect, Broadcast)]
    return [signal for signal in found if isinstance(signal, Watched)]


# `MONITOR + target[,target2]*`: RPL_MONONLINE for those that are online, RPL_MONOFFLINE for the others.
def test_who_is_added_is_shown_online_or_offline(stage: Stage, alice: Session) -> None:
    assert stage.play(alice, "MONITOR + bob,carol,nobody").lines == [
        ":chat.example 730 alice bob!bob@securechat",
        ":chat.example 731 alice carol,nobody",
    ]


# "Targets already in the list MUST NOT be added again."
def test_who_is_in_the_list_is_not_added_again(stage: Stage, alice: Session) -> None:
    stage.play(alice, "MONITOR + bob")
    assert stage.play(alice, "MONITOR + bob,BOB,Bob").lines == []
    assert stage.play(alice, "MONITOR L").lines == [
        ":chat.example 732 alice bob",
        ":chat.example 733 alice :End of MONITOR list",
    ]


# "'target' MUST be a valid nick as determined by the IRC daemon." No hostmasks: "disallowing subscription to hostmasks".
@pytest.mark.parametrize("target", ["bob!*@*", "b*b", "#room", "", "1bob", "x" * 33])
def test_what_can_be_nobodys_nick_is_not_watched(stage: Stage, alice: Session, target: str) -> None:
    assert stage.play(alice, f"MONITOR + {target},bob").lines == [":chat.example 730 alice bob!bob@securechat"]
    assert alice.monitored == {"bob": "bob"}


# `MONITOR - target[,target2]*` and `MONITOR C`: "No output will be returned for use of this command."
@pytest.mark.parametrize(("line", "left"), [("MONITOR - BOB,nobody", ["carol"]), ("MONITOR C", []), ("MONITOR -", [])])
def test_taking_out_is_answered_by_nothing(stage: Stage, alice: Session, line: str, left: list[str]) -> None:
    stage.play(alice, "MONITOR + bob,carol")
    scene = stage.play(alice, line)
    assert scene.lines == []
    assert list(alice.monitored) == (left if line != "MONITOR -" else ["bob", "carol"])


# `MONITOR S`: "for each target in the list being monitored, whether the client is online or offline".
def test_the_list_shows_who_is_here_now(stage: Stage, alice: Session) -> None:
    stage.play(alice, "MONITOR + carol,bob")
    stage.enter("carol")
    assert stage.play(alice, "MONITOR S").lines == [":chat.example 730 alice carol!carol@securechat,bob!bob@securechat"]


def test_the_index_is_told_what_changed_and_nothing_else(stage: Stage, alice: Session) -> None:
    assert signals(stage, alice, "MONITOR + Bob,carol") == [Watched(added=("bob", "carol"))]
    assert signals(stage, alice, "MONITOR + bob") == [Watched()]
    assert signals(stage, alice, "MONITOR - bob,x") == [Watched(dropped=("bob",))]
    assert signals(stage, alice, "MONITOR C") == [Watched(dropped=("carol",))]


# 734: "<limit> is the maximum number of targets a client may have in their list, <targets> the list of targets, as the
# client sent them, that cannot be added." The MONITOR token of 005 carries the same limit.
def test_the_limit_of_isupport_is_the_one_enforced(stage: Stage, alice: Session) -> None:
    (token,) = [token for token in isupport_tokens("net") if token.startswith("MONITOR=")]
    limit = int(token.removeprefix("MONITOR="))
    stage.play(alice, *(f"MONITOR + n{i}" for i in range(limit - 1)))
    scene = stage.play(alice, "MONITOR + bob,Late,later")
    assert scene.lines == [
        ":chat.example 730 alice bob!bob@securechat",
        f":chat.example 734 alice {limit} Late,later :Monitor list is full.",
    ]
    assert len(alice.monitored) == limit
    stage.play(alice, "MONITOR - n1")
    assert stage.play(alice, "MONITOR + later").numerics == ["731"]


def test_what_a_full_list_has_no_room_for_is_named_in_whole_lines(stage: Stage, alice: Session) -> None:
    stage.play(alice, *(f"MONITOR + n{i}" for i in range(100)))
    nicks = [f"x{i:03}" for i in range(99)]
    request = "MONITOR + " + ",".join(nicks)
    assert len(request.encode()) < 510
    lines = stage.play(alice, request).lines
    assert {line.split(" ")[1] for line in lines} == {"734"}
    assert max(len(line.encode()) for line in lines) <= 510
    assert ",".join(line.split(" ")[4] for line in lines) == ",".join(nicks)


def test_a_full_list_in_answers_to_one_long_line_stays_within_lines(stage: Stage, alice: Session) -> None:
    nicks = [f"n{i:02}{'x' * 28}" for i in range(14)]
    lines = stage.play(alice, "MONITOR + " + ",".join(nicks)).lines
    assert {line.split(" ")[1] for line in lines} == {"731"}
    assert len(lines) > 1
    assert ",".join(line.split(" ")[3].removeprefix(":") for line in lines) == ",".join(nicks)
    assert max(map(len, lines)) <= 510


# "Only one special modifier may be used per MONITOR command."
@pytest.mark.parametrize("line", ["MONITOR +-bob", "MONITOR X", "MONITOR +bob"])
def test_another_modifier_is_none(stage: Stage, alice: Session, line: str) -> None:
    assert stage.play(alice, line).lines[0].startswith(":chat.example FAIL MONITOR INVALID_PARAMS ")
    assert stage.play(alice, "MONITOR").numerics == ["461"]


# Presence does not notice a quick return, so neither does this: who has just gone counts as online.
def test_who_has_just_gone_is_online_still(stage: Stage, alice: Session) -> None:
    carol = stage.enter("carol")
    stage.world.presence.depart("id-carol", carol.id)
    assert stage.play(alice, "MONITOR + carol").numerics == ["730"]
    stage.world.presence.announce_gone("id-carol", carol.id)
    assert stage.play(alice, "MONITOR S").numerics == ["731"]

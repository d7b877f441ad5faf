"""What an account's role allows over everybody (KILL, WALLOPS), and that OPER gives nothing."""

from __future__ import annotations

import pytest

from securechat.chat.announcements import alarm_line, kill_line
from securechat.chat.effects import Append, Broadcast, Entry
from securechat.chat.events import Record
from securechat.chat.server_events import Administered
from securechat.chat.signals import Alarm
from securechat.wire.capabilities import ACCOUNT_TAG, SERVER_TIME
from tests.chat.stage import NOON, Stage, told


@pytest.fixture
def stage() -> Stage:
    """Anna is an administrator, bob is nobody in particular."""
    stage = Stage("bob")
    stage.register("anna", role="admin")
    return stage


@pytest.mark.parametrize("line", ["OPER", "OPER anna", "OPER anna secret"])
@pytest.mark.parametrize("name", ["anna", "bob"])
def test_nobody_becomes_an_administrator_by_oper(stage: Stage, name: str, line: str) -> None:
    """Modern IRC, ERR_NOOPERHOST."""
    scene = stage.play(stage.enter(name), line)
    assert scene.lines == [f":chat.example 491 {name} :There is no OPER here: an account's role decides"]


def test_an_administrator_kills_and_warns(stage: Stage) -> None:
    anna = stage.enter("anna")
    assert stage.judge(anna, "KILL BOB :enough") == [
        Append((Entry("s", Administered("kill", "bob", "id-anna", "enough")),)),
    ]
    assert stage.judge(anna, "WALLOPS :hear me") == [Broadcast(Alarm("id-anna", "hear me"))]


@pytest.mark.parametrize(
    ("name", "line", "numeric"),
    [
        ("bob", "KILL anna :enough", "481"),
        ("bob", "KILL nobody :enough", "481"),
        ("bob", "WALLOPS :hear me", "481"),
        ("anna", "KILL nobody :enough", "401"),
        ("anna", "KILL bob", "461"),
        ("anna", "WALLOPS", "461"),
        ("anna", "KILL bob :" + "x" * 301, "417"),
        ("anna", "WALLOPS :" + "x" * 301, "417"),
    ],
)
def test_nobody_else_does_and_nothing_comes_of_what_cannot_be_done(
    stage: Stage, name: str, line: str, numeric: str
) -> None:
    scene = stage.play(stage.enter(name), line)
    assert (scene.numerics, scene.effects) == ([numeric], [])


def test_both_say_who_it_was_and_when(stage: Stage) -> None:
    caps = SERVER_TIME | ACCOUNT_TAG
    event, alarm = Administered("kill", "bob", "id-anna", "that is enough"), Alarm("id-anna", "hear me")
    killed = kill_line(Record("s", 1, "m1", NOON, event), event, "bob", stage.world, 0)
    assert told([killed, alarm_line(alarm, stage.world, caps)]) == [
        ":anna!anna@securechat KILL bob :that is enough",
        "@time=2026-11-21T12:00:00.000Z;account=anna :anna!anna@securechat WALLOPS :hear me",
    ]

"""Slow mode, `+W <seconds>`: who waits, how long, and what is said of it. (Its transaction: tests/storage/test_channels.py)"""

from __future__ import annotations

import pytest

from securechat.chat.events import Invited, ModeSet
from securechat.chat.streams import channel_stream
from securechat.wire.capabilities import MESSAGE_TAGS, ONCE
from tests.chat.stage import NOON, Stage

ROOM = channel_stream("c-#room")


@pytest.fixture
def stage() -> Stage:
    """In #room, slow by 10 s, alice is owner, oscar operator, vera has a voice, bob and carol have nothing."""
    stage = Stage("alice", "oscar", "vera", "bob", "carol")
    stage.channel("#room", {"alice": "q", "oscar": "o", "vera": "v", "bob": "", "carol": ""})
    stage.happen(ROOM, ModeSet("id-alice", slow=10))
    return stage


def test_a_plain_member_waits_and_is_told_how_long(stage: Stage) -> None:
    bob = stage.enter("bob")
    assert stage.play(bob, "PRIVMSG #room :one").lines == []
    for later, left in ((0, 10), (1, 10), (1000, 9), (9999, 1)):
        stage.now = NOON + later
        scene = stage.play(bob, "PRIVMSG #room :two")
        text = f":chat.example 404 bob #room :Slow mode: one message every 10 s; wait {left} s"
        assert (scene.lines, scene.events) == ([text], [])
    stage.now = NOON + 10_000
    assert len(stage.play(bob, "PRIVMSG #room :two").events) == 1


def test_another_device_of_the_account_waits_too_and_other_people_do_not(stage: Stage) -> None:
    stage.play(stage.enter("bob"), "PRIVMSG #room :one")
    assert stage.play(stage.enter("bob", device="d2"), "PRIVMSG #room :two").numerics == ["404"]
    assert len(stage.play(stage.enter("carol"), "PRIVMSG #room :one").events) == 1


@pytest.mark.parametrize("name", ["alice", "oscar", "vera"])
def test_operators_and_the_voiced_do_not_wait(stage: Stage, name: str) -> None:
    assert len(stage.play(stage.enter(name), *["PRIVMSG #room :x"] * 3).events) == 3


def test_a_role_that_is_lost_brings_the_wait_back(stage: Stage) -> None:
    vera = stage.enter("vera")
    stage.play(vera, "PRIVMSG #room :one")
    stage.play(stage.enter("alice"), "MODE #room -v vera")
    assert stage.play(vera, "PRIVMSG #room :two").numerics == ["404"]


def test_a_notice_waits_in_silence(stage: Stage) -> None:
    """RFC 2812, 3.3.2: a NOTICE is never answered."""
    scene = stage.play(stage.enter("bob"), "NOTICE #room :one", "NOTICE #room :two")
    assert (scene.lines, len(scene.events)) == ([], 1)


def test_typing_is_no_message(stage: Stage) -> None:
    bob = stage.enter("bob", MESSAGE_TAGS)
    stage.play(bob, "PRIVMSG #room :one")
    assert stage.play(bob, "@+typing=active TAGMSG #room").numerics == []


def test_a_message_with_an_id_is_looked_up_before_it_has_to_wait(stage: Stage) -> None:
    bob = stage.enter("bob", MESSAGE_TAGS | ONCE)
    stage.play(bob, "PRIVMSG #room :one")
    (effect,) = stage.judge(bob, "@securechat.internal/id=12345678 PRIVMSG #room :two")
    assert (effect.entries, effect.refusal.replies[0].command) == ((), "404")  # type: ignore[union-attr]


def test_switched_off_it_forgets_who_spoke_when(stage: Stage) -> None:
    alice, bob = stage.enter("alice"), stage.enter("bob")
    stage.play(bob, "PRIVMSG #room :one")
    assert stage.play(alice, "MODE #room -W").events == [ModeSet("id-alice", slow=0)]
    assert len(stage.play(bob, "PRIVMSG #room :two").events) == 1
    stage.play(alice, "MODE #room +W 10")
    assert len(stage.play(bob, "PRIVMSG #room :three").events) == 1
    assert stage.play(bob, "PRIVMSG #room :four").numerics == ["404"]


def test_a_longer_wait_counts_from_the_same_message(stage: Stage) -> None:
    bob = stage.enter("bob")
    stage.play(bob, "PRIVMSG #room :one")
    stage.play(stage.enter("alice"), "MODE #room +W 60")
    stage.now = NOON + 59_000
    assert stage.play(bob, "PRIVMSG #room :two").lines[0].endswith("one message every 60 s; wait 1 s")


def test_leaving_and_coming_back_does_not_shorten_the_wait(stage: Stage) -> None:
    bob = stage.enter("bob")
    scene = stage.play(bob, "PRIVMSG #room :one", "PART #room", "JOIN #room", "PRIVMSG #room :two")
    assert scene.numerics == ["404"]


def test_it_is_a_mode_with_a_parameter_when_set_alone(stage: Stage) -> None:
    """CHANMODES: type C. (Modern IRC, MODE)"""
    alice = stage.enter("alice")
    assert stage.play(stage.enter("bob"), "MODE #room").lines[0] == ":chat.example 324 bob #room +ntW 10"
    assert stage.play(alice, "MODE #room +W 10").events == []
    assert stage.play(alice, "MODE #room +Wv 86400 bob").events[0] == ModeSet("id-alice", slow=86_400)
    stage.play(alice, "MODE #room -v bob")
    assert len(stage.play(alice, "MODE #room -Wv bob").events) == 1
    for wrong in ("", " 0", " 86401", " x", " -1"):
        assert stage.play(alice, f"MODE #room +W{wrong}").numerics == ["696"]


def test_an_invitation_is_no_message_and_neither_is_a_topic(stage: Stage) -> None:
    stage.register("dave")
    stage.enter("dave")
    stage.happen(ROOM, ModeSet("id-alice", off="t"))
    scene = stage.play(stage.enter("bob"), "PRIVMSG #room :one", "INVITE dave #room", "TOPIC #room :new")
    assert scene.numerics == ["341"]
    assert Invited("id-dave", "id-bob") in scene.events

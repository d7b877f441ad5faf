"""Bounds of what one account makes grow: channels it owns, people it invites, connections it has."""

from __future__ import annotations

import msgspec
import pytest

from securechat.chat import directory
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.channel import count_owned
from securechat.chat.events import OWNER, Dropped, Invited, Joined, Left
from securechat.chat.session import State
from securechat.chat.signin import welcome
from securechat.chat.streams import channel_stream
from securechat.config import Limits
from securechat.wire.message import Message
from tests.chat.stage import Stage


def limit(stage: Stage, **values: int) -> None:
    stage.world.settings.current = msgspec.structs.replace(stage.world.config, limits=Limits(**values))


def test_an_account_owns_so_many_channels_and_makes_no_more() -> None:
    stage = Stage("alice", "bob")
    limit(stage, owned_channels=3)
    alice = stage.enter("alice")
    assert stage.play(alice, "JOIN #one", "JOIN #two", "JOIN #three").lines == []
    refused = [":chat.example 405 alice #four :You own too many channels to make another"]
    assert stage.play(alice, "JOIN #four").lines == refused
    stage.channel("#another", {"bob": OWNER})
    assert stage.play(alice, "JOIN #another").lines == [], "joining what there is makes nothing grow"
    assert stage.play(stage.enter("bob"), "JOIN #four").lines == []


def test_to_leave_a_channel_that_stays_is_no_way_to_make_more() -> None:
    stage = Stage("alice")
    limit(stage, owned_channels=2)
    alice = stage.enter("alice")
    for name in ("#one", "#two"):
        stage.play(alice, f"JOIN {name}", f"PRIVMSG {name} :here to stay", f"PART {name}")
    assert stage.play(alice, "JOIN #three").numerics == ["405"]
    stage.play(alice, "JOIN #one")
    assert stage.play(alice, "JOIN #three").numerics == ["405"], "it is counted once"


def test_a_channel_that_is_gone_is_no_longer_owned() -> None:
    stage = Stage("alice")
    limit(stage, owned_channels=1)
    alice = stage.enter("alice")
    for number in range(5):
        assert stage.play(alice, f"JOIN #{number}", f"PART #{number}").lines == []


def test_who_is_owner_is_counted_here_or_gone() -> None:
    stage = Stage("alice", "bob")
    stage.channel("#here", {"alice": OWNER})
    stage.channel("#guest", {"bob": OWNER, "alice": "o"})
    stage.channel("#gone", {"alice": OWNER, "bob": ""})
    stage.happen(channel_stream("c-#gone"), Left("id-alice", "", OWNER))
    channels = stage.directory.channels.values()
    assert (count_owned(channels, "id-alice"), count_owned(channels, "id-bob")) == (2, 1)


def test_so_many_are_invited_and_no_more_until_some_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INVITED_PER_CHANNEL", 2)
    stage = Stage("alice", "bob", "carol", "dave")
    channel = stage.channel("#room", {"alice": OWNER}, "i")
    alice, bob, *_ = [stage.enter(name) for name in ("alice", "bob", "carol", "dave")]
    assert stage.play(alice, "INVITE bob #room", "INVITE carol #room").numerics == ["341", "341"]
    scene = stage.play(alice, "INVITE dave #room")
    assert scene.lines == [
        ":chat.example FAIL INVITE TOO_MANY_INVITED #room 2 :Too many are invited who have not come yet"
    ]
    assert scene.events == []
    assert stage.play(alice, "INVITE bob #room").events == [Invited("id-bob", "id-alice")], (
        "who is invited already may be again"
    )
    assert stage.play(bob, "JOIN #room").events == [Joined("id-bob", "")]
    assert stage.play(alice, "INVITE dave #room").numerics == ["341"]
    assert channel.invited == {"id-carol", "id-dave"}


def test_a_connection_too_many_is_refused_when_it_would_be_let_in() -> None:
    stage = Stage("alice", "bob")
    limit(stage, connections_per_account=2)
    stage.enter("alice")
    for name, states in (("bob", [State.READY]), ("alice", [State.READY, State.AUTHENTICATED])):
        for expected in states:
            session = stage.stranger(State.AUTHENTICATED)
            session.account = f"id-{name}"
            list(welcome(Ask(session, Message("USER"), stage.world)))
            assert session.state is expected
            if expected is State.READY:
                stage.world.presence.arrive(session.account, session.id)


def test_names_of_dropped_channels_are_known_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "DROPPED_REMEMBERED", 2)
    stage = Stage("alice")
    for name in ("#one", "#two", "#three"):
        stage.write_into(stage.channel(name, {"alice": OWNER}), "alice")
        stage.happen(channel_stream(f"c-{name}"), Dropped())
    assert [stage.directory.name_of_channel(f"c-{name}") for name in ("#one", "#two", "#three")] == [
        "*",
        "#two",
        "#three",
    ]

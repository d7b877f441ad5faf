"""PRIVMSG, NOTICE, TAGMSG, AWAY: who hears it, what is refused, what travels with it, and sending exactly once."""

from __future__ import annotations

import hashlib

import pytest

from securechat.chat.effects import Append, Broadcast, Entry, Once, Refusal, Send
from securechat.chat.event import Event
from securechat.chat.events import (
    BanSet,
    ModeSet,
    Posted,
)
from securechat.chat.presence import OFFLINE
from securechat.chat.signals import AwaySet, TagsSent
from securechat.chat.streams import account_stream, channel_stream, direct_stream, parties
from securechat.wire.capabilities import ACCOUNT_TAG, ECHO_MESSAGE, MESSAGE_TAGS, ONCE, SERVER_TIME
from tests.chat.stage import NOON, Scene, Stage, told

ID = "0b9f7a52-6c1e-4a5e-9b1c-0d6a5a2f8f10"
TAG = f"@securechat.internal/id={ID}"


@pytest.fixture
def stage() -> Stage:
    """Alice owns #room, vera has a voice there, bob has nothing, dave is outside."""
    stage = Stage("alice", "vera", "bob", "dave")
    stage.channel("#room", {"alice": "q", "vera": "v", "bob": ""})
    return stage


def test_a_message_is_judged_on_the_epochs_of_channel_and_writer(stage: Stage) -> None:
    stage.happen(channel_stream("c-#room"), BanSet("id-alice", "nobody"))
    (append,) = stage.judge(stage.enter("bob"), "PRIVMSG #ROOM :hello you")
    assert append == Append(
        (Entry("c/c-#room", Posted("id-bob", "PRIVMSG", "hello you")),),
        expects=(("c/c-#room", 1), ("a/id-bob", 0)),
    )


def test_a_direct_message_is_judged_on_the_epochs_of_both(stage: Stage) -> None:
    stage.enter("alice")
    (append,) = stage.judge(stage.enter("bob"), "NOTICE Alice :hello")
    assert append == Append(
        (Entry("d/id-alice/id-bob", Posted("id-bob", "NOTICE", "hello")),),
        expects=(("a/id-alice", 0), ("a/id-bob", 0)),
    )


def test_a_direct_conversation_has_one_stream_whoever_begins() -> None:
    assert direct_stream("id-b", "id-a") == direct_stream("id-a", "id-b") == "d/id-a/id-b"
    assert parties("d/id-a/id-a") == ("id-a", "id-a")
    assert (channel_stream("x"), account_stream("x")) == ("c/x", "a/x")


# What #room is like, then who may write into it.
SILENCE: list[tuple[list[Event], str]] = [
    ([], "alice vera bob"),
    ([ModeSet("id-alice", off="n")], "alice vera bob dave"),
    ([ModeSet("id-alice", on="m")], "alice vera"),
    ([ModeSet("id-alice", on="m", off="n")], "alice vera"),
    ([BanSet("id-alice", "*!*@*")], "alice vera"),
    ([BanSet("id-alice", "bob!*@*")], "alice vera"),
    ([BanSet("id-alice", "dave!*@*"), ModeSet("id-alice", off="n")], "alice vera bob"),
    ([ModeSet("id-alice", on="i", key="key", limit=1)], "alice vera bob"),
]


@pytest.mark.parametrize(("events", "speakers"), SILENCE)
def test_who_may_write_into_a_channel(stage: Stage, events: list[Event], speakers: str) -> None:
    for event in events:
        stage.happen(channel_stream("c-#room"), event)
    for name in ["alice", "vera", "bob", "dave"]:
        scene = stage.play(stage.enter(name), "PRIVMSG #room :hello")
        if name in speakers.split():
            assert scene.events == [Posted(f"id-{name}", "PRIVMSG", "hello")]
        else:
            assert scene.lines == [f":chat.example 404 {name} #room :Cannot send to channel"]
            assert scene.events == []


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("#none", ":chat.example 403 bob #none :No such channel"),
        ("nobody", ":chat.example 401 bob nobody :No such nick"),
        ("@#room", ":chat.example 401 bob @#room :No such nick"),
        ("*", ":chat.example 401 bob * :No such nick"),
    ],
)
def test_a_target_that_is_none_is_named_to_privmsg_and_passed_over_by_notice(
    stage: Stage, target: str, expected: str
) -> None:
    bob = stage.enter("bob")
    assert stage.play(bob, f"PRIVMSG {target} :x").lines == [expected]
    assert stage.play(bob, f"NOTICE {target} :x") == Scene()


# ── how long a line may be ──

# ":bob!bob@securechat PRIVMSG #room :" is 35 bytes, ":bob!bob@securechat NOTICE alice :" 34; CR LF are two.
FITS = [
    ("PRIVMSG #room", 475),
    ("PRIVMSG #ROOM", 475),
    ("NOTICE alice", 476),
    ("PRIVMSG alice", 475),
    ("PRIVMSG ALICE", 475),
]


@pytest.mark.parametrize(("head", "room"), FITS)
@pytest.mark.parametrize("length", [511, 512, 513])
def test_a_line_is_stored_whole_up_to_512_bytes_and_refused_whole_beyond(
    stage: Stage, head: str, room: int, length: int
) -> None:
    stage.enter("alice")
    text = "a b" + "x" * (room - 3 + length - 512)
    scene = stage.play(stage.enter("bob"), f"{head} :{text}")
    if length <= 512:
        assert scene.events == [Posted("id-bob", head.split()[0], text)]
    else:
        assert scene.lines == [":chat.example 417 bob :Message is too long once it carries your name"]
        assert scene.events == []


def test_length_is_counted_in_bytes(stage: Stage) -> None:
    bob = stage.enter("bob")
    assert len(stage.play(bob, "PRIVMSG #room :" + "é" * 237).events) == 1
    assert stage.play(bob, "PRIVMSG #room :" + "é" * 238).numerics == ["417"]
    assert stage.play(bob, "PRIVMSG #room :" + "\U0001f600" * 119).numerics == ["417"]


# ── away ──


@pytest.mark.parametrize(
    ("command", "away", "expected"),
    [
        ("PRIVMSG", None, []),
        ("PRIVMSG", "at lunch", [":chat.example 301 bob alice :at lunch"]),
        ("PRIVMSG", OFFLINE, [":chat.example 301 bob alice :Not connected"]),
        ("NOTICE", "at lunch", []),
        ("NOTICE", OFFLINE, []),
    ],
)
def test_who_writes_to_somebody_absent_is_told_so(
    stage: Stage, command: str, away: str | None, expected: list[str]
) -> None:
    if away is not OFFLINE:
        alice = stage.enter("alice")
        stage.play(alice, f"AWAY :{away or ''}")
    scene = stage.play(stage.enter("bob"), f"{command} alice :hello")
    assert scene.events == [Posted("id-bob", command, "hello")]
    assert scene.lines == expected


@pytest.mark.parametrize(
    ("line", "text", "answer"),
    [
        ("AWAY :at lunch", "at lunch", ":chat.example 306 bob :You have been marked as being away"),
        ("AWAY", None, ":chat.example 305 bob :You are no longer marked as being away"),
        ("AWAY :", None, ":chat.example 305 bob :You are no longer marked as being away"),
    ],
)
def test_being_away_is_told_and_kept_by_nothing(stage: Stage, line: str, text: str | None, answer: str) -> None:
    bob = stage.enter("bob")
    scene = stage.play(bob, line)
    assert scene.effects[0] == Broadcast(AwaySet("id-bob", bob.id, text))
    assert scene.lines == [answer]
    assert stage.world.presence.away("id-bob") == text
    assert stage.play(bob, "AWAY :" + "x" * 301).numerics == ["417"]


# ── several targets ──


def test_several_targets_are_several_messages(stage: Stage) -> None:
    stage.enter("alice")
    scene = stage.play(stage.enter("bob"), "PRIVMSG #room,alice,#none,#room,,Alice :hello")
    assert [event.text for event in scene.events if isinstance(event, Posted)] == ["hello"] * 2
    assert scene.lines == [":chat.example 403 bob #none :No such channel"]


@pytest.mark.parametrize("command", ["PRIVMSG", "NOTICE"])
def test_nine_targets_are_too_many(stage: Stage, command: str) -> None:
    nine = ",".join(f"#{i}" for i in range(9))
    scene = stage.play(stage.enter("bob", ONCE), f"{command} {nine} :x")
    refused = f":chat.example 407 bob {nine} :Too many targets, or several for one id"
    assert scene.lines == ([refused] if command == "PRIVMSG" else [])
    assert stage.play(stage.enter("bob", ONCE), f"{TAG} {command} #room,alice :x").numerics == ["407"]


# ── tags ──


def test_only_the_clients_own_tags_travel(stage: Stage) -> None:
    tags = f"@+draft/reply=m1;time=1970-01-01T00:00:00.000Z;account=alice;msgid=x;label=1;+typing=a\\sb;{TAG[1:]}"
    scene = stage.play(stage.enter("bob", MESSAGE_TAGS), f"{tags} PRIVMSG #room :hello")
    assert scene.events == [Posted("id-bob", "PRIVMSG", "hello", {"+draft/reply": "m1", "+typing": "a b"})]


@pytest.mark.parametrize(("target", "stream"), [("#ROOM", "c/c-#room"), ("Alice", "d/id-alice/id-bob")])
def test_tags_without_a_text_are_passed_on_and_kept_by_nothing(stage: Stage, target: str, stream: str) -> None:
    name = "#room" if target[0] == "#" else "alice"
    caps = MESSAGE_TAGS | ECHO_MESSAGE | SERVER_TIME | ACCOUNT_TAG
    scene = stage.play(stage.enter("bob", caps), f"@+typing=active;label=x TAGMSG {target}")
    assert scene.effects[0] == Broadcast(TagsSent("id-bob", stream, name, "n1", NOON, {"+typing": "active"}))
    tags = "@msgid=n1;account=bob;time=2026-11-21T12:00:00.000Z;+typing=active"
    assert scene.lines == [f"{tags} :bob!bob@securechat TAGMSG {name}"]
    assert scene.events == []


@pytest.mark.parametrize(
    ("name", "target", "numeric"), [("dave", "#room", "404"), ("bob", "#none", "403"), ("bob", "nobody", "401")]
)
def test_tags_are_refused_where_a_text_would_be(stage: Stage, name: str, target: str, numeric: str) -> None:
    assert stage.play(stage.enter(name, MESSAGE_TAGS), f"@+typing=active TAGMSG {target}").numerics == [numeric]


def test_tags_are_for_clients_that_negotiated_them(stage: Stage) -> None:
    assert stage.play(stage.enter("bob"), "@+typing=active TAGMSG #room").numerics == ["421"]
    (sent, echo) = stage.judge(stage.enter("bob", MESSAGE_TAGS), "@+typing=active TAGMSG #room")
    assert isinstance(sent, Broadcast)
    assert isinstance(echo, Send)
    assert told(echo.lines) == []


# ── exactly once ──


def digest(*said: str) -> bytes:
    return hashlib.sha256("\0".join(said).encode()).digest()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PRIVMSG #Room :hello", ("PRIVMSG", "#room", "hello")),
        ("NOTICE alice :hello", ("NOTICE", "alice", "hello")),
        ("PRIVMSG ALICE :Hello", ("PRIVMSG", "alice", "Hello")),
    ],
)
def test_an_id_goes_with_a_digest_of_command_target_and_text(stage: Stage, line: str, said: tuple[str, ...]) -> None:
    (append,) = stage.judge(stage.enter("bob", ONCE), f"{TAG} {line}")
    assert isinstance(append, Append)
    assert append.once == Once("id-bob", ID, digest(*said))
    assert append.refusal is None
    assert len(append.entries) == 1


@pytest.mark.parametrize(
    ("command", "target", "text", "numeric"),
    [
        ("PRIVMSG", "#room", "x", "404"),
        ("NOTICE", "#room", "x", "404"),
        ("PRIVMSG", "#none", "x", "403"),
        ("PRIVMSG", "nobody", "x", "401"),
        ("PRIVMSG", "alice", "x" * 490, "417"),
    ],
)
def test_what_policy_refuses_is_looked_up_all_the_same(
    stage: Stage, command: str, target: str, text: str, numeric: str
) -> None:
    (append,) = stage.judge(stage.enter("dave", ONCE), f"{TAG} {command} {target} {text}")
    assert isinstance(append, Append)
    assert append.entries == ()
    assert append.once == Once("id-dave", ID, digest(command, target, text))
    assert append.refusal is not None
    assert append.refusal.replies[0].command == numeric


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "dots.are.not", "grüßgott", "under_score"])
def test_an_id_that_is_none_fails(stage: Stage, given: str) -> None:
    tag = "@securechat.internal/id=" + given.replace(" ", "\\s")
    for command in ["PRIVMSG", "NOTICE"]:
        scene = stage.play(stage.enter("bob", ONCE), f"{tag} {command} #room :x")
        assert scene.lines == [
            f":chat.example FAIL {command} INVALID_ID :A message id is 8 to 64 letters, digits and hyphens"
        ]
        assert scene.events == []


@pytest.mark.parametrize("caps", [0, MESSAGE_TAGS | ECHO_MESSAGE])
def test_an_id_means_nothing_without_the_capability(stage: Stage, caps: int) -> None:
    (append,) = stage.judge(stage.enter("bob", caps), f"{TAG} PRIVMSG #room :hello")
    assert isinstance(append, Append)
    assert append.once is None
    with pytest.raises(Refusal):
        stage.judge(stage.enter("dave", caps), f"{TAG} PRIVMSG #room :hello")

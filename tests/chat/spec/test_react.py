"""IRCv3 draft/react: which TAGMSGs are reactions, which are kept, and how they look."""

from __future__ import annotations

import pytest

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.effects import Append, Broadcast, Effect, Entry, ReadHistory, Refusal, Send
from securechat.chat.events import Reacted, Record, Unreacted
from securechat.chat.ports import Reactions, ReactionsQuery
from securechat.chat.session import Session
from securechat.wire.capabilities import ECHO_MESSAGE, MESSAGE_TAGS
from securechat.wire.message import parse
from tests.chat.stage import NOON, Stage, told

ROOM, DIRECT = "c/c-#room", "d/id-alice/id-bob"
WAVE = "👋"


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol")
    stage.channel("#room", {"alice": "q", "bob": ""})
    return stage


def react(stage: Stage, session: Session, line: str, standing: frozenset[str] | None) -> list[Effect]:
    """Judge a reaction to its end, when these stand."""
    (read,) = stage.judge(session, line)
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    reactions = None if standing is None else Reactions(standing, len(standing))
    return list(read.then(Ask(session, parse(line.encode()), stage.world), reactions, "b1"))


# Examples: a reaction, an emoji, an emoticon, and one taken back.
KEPT = [
    ("@+draft/reply=123;+draft/react=lol TAGMSG #room", frozenset(),
     Entry(ROOM, Reacted("id-bob", "123", "lol", {"+draft/reply": "123", "+draft/react": "lol"}))),
    (f"@+reply=123;+draft/react={WAVE} TAGMSG #room", frozenset({"lol"}),
     Entry(ROOM, Reacted("id-bob", "123", WAVE, {"+reply": "123", "+draft/react": WAVE}))),
    ("@+reply=1;+draft/reply=1;+draft/react=:) TAGMSG alice", frozenset(),
     Entry(DIRECT, Reacted("id-bob", "1", ":)", {"+reply": "1", "+draft/reply": "1", "+draft/react": ":)"}))),
    ("@+reply=1;+draft/unreact=lol TAGMSG #room", frozenset({"lol"}),
     Entry(ROOM, Unreacted("id-bob", "1", "lol", {"+reply": "1", "+draft/unreact": "lol"}))),
    ("@+reply=1;+draft/react=lol;+other=x;label=7 TAGMSG #room", frozenset(),
     Entry(ROOM, Reacted("id-bob", "1", "lol", {"+reply": "1", "+draft/react": "lol", "+other": "x"}))),
]  # fmt: skip


@pytest.mark.parametrize(("line", "standing", "entry"), KEPT)
def test_a_reaction_is_kept_with_its_message(stage: Stage, line: str, standing: frozenset[str], entry: Entry) -> None:
    (append,) = react(stage, stage.enter("bob", MESSAGE_TAGS), line, standing)
    assert isinstance(append, Append)
    assert append.entries == (entry,)
    assert append.expects[-1] == ("a/id-bob", 0)


def test_the_message_is_looked_up_in_that_conversation(stage: Stage) -> None:
    (read,) = stage.judge(stage.enter("bob", MESSAGE_TAGS), "@+reply=1;+draft/react=x TAGMSG #room")
    assert isinstance(read, ReadHistory)
    assert read.query == ReactionsQuery("id-bob", ROOM, "1")


@pytest.mark.parametrize(
    ("line", "standing"),
    [
        ("@+reply=1;+draft/react=x TAGMSG #room", None),
        ("@+reply=1;+draft/unreact=x TAGMSG #room", None),
        ("@+reply=1;+draft/react=x TAGMSG #room", frozenset({"x"})),
        ("@+reply=1;+draft/unreact=x TAGMSG #room", frozenset({"y"})),
    ],
)
def test_what_changes_nothing_or_is_about_nothing_readable_goes_the_way_of_any_tags(
    stage: Stage, line: str, standing: frozenset[str] | None
) -> None:
    broadcast, echo = react(stage, stage.enter("bob", MESSAGE_TAGS | ECHO_MESSAGE), line, standing)
    assert isinstance(broadcast, Broadcast)
    assert isinstance(echo, Send)
    assert [parse(line.encode()).command for line in told(echo.lines)] == ["TAGMSG"]


@pytest.mark.parametrize(
    "tags",
    [
        "+draft/react=x",
        "+reply=1",
        "+typing=active",
        "+reply=1;+draft/react",
        "+reply=;+draft/react=x",
        "+reply=1;+draft/reply=2;+draft/react=x",
        "+reply=1;+draft/react=x;+draft/unreact=x",
        "+reply=1;+react=x",
    ],
)
def test_other_tags_are_the_clients_own_affair(stage: Stage, tags: str) -> None:
    """Dependencies: "this tag MUST be used in conjunction with +draft/reply"."""
    effects = stage.judge(stage.enter("bob", MESSAGE_TAGS), f"@{tags} TAGMSG #room")
    assert [type(effect) for effect in effects] == [Broadcast, Send]


def refusal(stage: Stage, line: str, standing: frozenset[str] = frozenset()) -> str:
    with pytest.raises(Refusal) as caught:
        react(stage, stage.enter("bob", MESSAGE_TAGS), line, standing)
    return told(caught.value.replies)[0].removeprefix(":chat.example ").split(" :")[0]


def test_reactions_are_bounded_in_length_and_number(stage: Stage) -> None:
    """Value restrictions: "a byte limit may be appropriate"."""
    bob = stage.enter("bob", MESSAGE_TAGS)
    twenty = frozenset(map(str, range(20)))
    assert react(stage, bob, f"@+reply=1;+draft/react={'x' * 64} TAGMSG #room", frozenset())
    too_long = f"@+reply=1;+draft/react={WAVE * 16}! TAGMSG #room"
    assert stage.play(bob, too_long).lines[0].split(" :")[0] == ":chat.example FAIL TAGMSG REACTION_TOO_LONG 64"
    assert refusal(stage, "@+reply=1;+draft/react=x TAGMSG #room", twenty) == "FAIL TAGMSG TOO_MANY_REACTIONS 20"
    assert react(stage, bob, "@+reply=1;+draft/react=19 TAGMSG #room", frozenset(map(str, range(19))))
    assert react(stage, bob, "@+reply=1;+draft/unreact=1 TAGMSG #room", twenty)


def test_nobody_changes_its_mind_for_ever(stage: Stage) -> None:
    bob, line = stage.enter("bob", MESSAGE_TAGS), "@+reply=1;+draft/react=x TAGMSG #room"
    (read,) = stage.judge(bob, line)
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    ask = Ask(bob, parse(line.encode()), stage.world)
    assert [type(effect) for effect in read.then(ask, Reactions(changes=199), "b1")] == [Append]
    with pytest.raises(Refusal) as caught:
        read.then(ask, Reactions(changes=200), "b1")
    assert caught.value.replies[0].params[:2] == ("TAGMSG", "TOO_MANY_REACTIONS")


@pytest.mark.parametrize(("target", "numeric"), [("#room", "404"), ("#nowhere", "403"), ("nobody", "401")])
def test_who_may_not_speak_may_not_react(stage: Stage, target: str, numeric: str) -> None:
    scene = stage.play(stage.enter("carol", MESSAGE_TAGS), f"@+reply=1;+draft/react=x TAGMSG {target}")
    assert scene.numerics == [numeric]


def test_who_was_kicked_while_it_was_looked_up_reacts_to_nothing(stage: Stage) -> None:
    bob, line = stage.enter("bob", MESSAGE_TAGS), "@+reply=1;+draft/react=x TAGMSG #room"
    (read,) = stage.judge(bob, line)
    stage.play(stage.enter("alice"), "KICK #room bob")
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    with pytest.raises(Refusal) as caught:
        read.then(Ask(bob, parse(line.encode()), stage.world), Reactions(), "b1")
    assert caught.value.replies[0].command == "404"


@pytest.mark.parametrize("kind", [Reacted, Unreacted])
def test_it_is_shown_as_the_tagmsg_that_it_was(stage: Stage, kind: type[Reacted | Unreacted]) -> None:
    tags = {"+reply": "1", "+draft/react": WAVE}
    in_room = Record(ROOM, 3, "m3", NOON, kind("id-bob", "1", WAVE, tags))
    direct = Record(DIRECT, 3, "m4", NOON, kind("id-bob", "1", WAVE, tags))
    shown = [render.encoded(record, stage.world, MESSAGE_TAGS).decode() for record in (in_room, direct)]
    assert shown == [
        f"@msgid=m3;+reply=1;+draft/react={WAVE} :bob!bob@securechat TAGMSG #room\r\n",
        f"@msgid=m4;+reply=1;+draft/react={WAVE} :bob!bob@securechat TAGMSG alice\r\n",
    ]

"""IRCv3 draft/chathistory with draft/event-playback: what else than messages is read, and for whom."""

from __future__ import annotations

import pytest

from securechat.chat.ask import Ask
from securechat.chat.effects import ReadHistory, Send
from securechat.chat.events import Joined, Kicked, Left, ModeSet, Posted, Reacted, Record, Redacted, RoleSet, TopicSet
from securechat.chat.ports import HistoryQuery, Page
from securechat.wire.capabilities import (
    BATCH,
    CHANNEL_RENAME,
    CHATHISTORY,
    EVENT_PLAYBACK,
    MESSAGE_REDACTION,
    MESSAGE_TAGS,
)
from securechat.wire.message import parse
from tests.chat.stage import NOON, Stage, told

ROOM = "c/c-#room"
ALWAYS = frozenset({"Joined", "Left", "Kicked", "TopicSet", "RoleSet", "ModeSet", "BanSet", "BanLifted"})


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob")
    stage.channel("#room", {"alice": "q", "bob": ""})
    return stage


@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        (0, frozenset()),
        (CHATHISTORY | MESSAGE_TAGS | MESSAGE_REDACTION | CHANNEL_RENAME, frozenset()),
        (EVENT_PLAYBACK, ALWAYS),
        (EVENT_PLAYBACK | MESSAGE_TAGS, ALWAYS | {"Reacted", "Unreacted"}),
        (EVENT_PLAYBACK | MESSAGE_REDACTION, ALWAYS | {"Redacted"}),
        (EVENT_PLAYBACK | CHANNEL_RENAME, ALWAYS | {"ChannelRenamed"}),
    ],
)
def test_events_are_read_for_who_has_negotiated_them(stage: Stage, caps: int, expected: frozenset[str]) -> None:
    """CHATHISTORY Command: without event-playback nothing but PRIVMSG and NOTICE; REDACT only with its capability."""
    (read,) = stage.judge(stage.enter("alice", caps), "CHATHISTORY LATEST #room * 5")
    assert isinstance(read, ReadHistory)
    assert isinstance(read.query, HistoryQuery)
    assert read.query.events == expected


def test_events_stand_in_their_places_as_they_were_told(stage: Stage) -> None:
    alice = stage.enter("alice", BATCH | EVENT_PLAYBACK | MESSAGE_TAGS | MESSAGE_REDACTION)
    events = [
        Joined("id-bob"),
        Posted("id-bob", "PRIVMSG", "hello"),
        TopicSet("id-alice", "our topic"),
        RoleSet("id-bob", "o", "", "id-alice"),
        RoleSet("id-bob", "q", "o"),
        ModeSet("id-alice", on="m"),
        Reacted("id-alice", "m2", "+", {"+reply": "m2", "+draft/react": "+"}),
        Redacted("m0", "id-alice", "spam"),
        Kicked("id-bob", "id-alice", "enough"),
        Left("id-alice", "bye"),
    ]
    records = tuple(Record(ROOM, n, f"m{n}", NOON, event) for n, event in enumerate(events, 1))  # type: ignore[arg-type]
    line = "CHATHISTORY LATEST #room * 20"
    (read,) = stage.judge(alice, line)
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    (send,) = read.then(Ask(alice, parse(line.encode()), stage.world), Page(records), "b1")
    assert isinstance(send, Send)
    assert told(send.lines) == [
        ":chat.example BATCH +b1 chathistory #room",
        "@batch=b1;msgid=m1 :bob!bob@securechat JOIN #room",
        "@batch=b1;msgid=m2 :bob!bob@securechat PRIVMSG #room hello",
        "@batch=b1;msgid=m3 :alice!alice@securechat TOPIC #room :our topic",
        "@batch=b1;msgid=m4 :alice!alice@securechat MODE #room +o bob",
        "@batch=b1;msgid=m5 :chat.example MODE #room -o+q bob bob",
        "@batch=b1;msgid=m6 :alice!alice@securechat MODE #room +m",
        "@batch=b1;msgid=m7;+reply=m2;+draft/react=+ :alice!alice@securechat TAGMSG #room",
        "@batch=b1;msgid=m8 :alice!alice@securechat REDACT #room m0 spam",
        "@batch=b1;msgid=m9 :alice!alice@securechat KICK #room bob enough",
        "@batch=b1;msgid=m10 :alice!alice@securechat PART #room bye",
        ":chat.example BATCH -b1",
    ]

"""Events as lines, and that no field of any of them reaches a terminal as it came."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from securechat.client import events
from securechat.client.events import Event, HistoryRequest, MessageSeen
from securechat.client.outbox import Outgoing
from securechat.plain.wording import word_action, word_event, word_lost_connection, word_refused, word_unconfirmed

NOON = 1_700_049_600_000


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


WORDED = [
    (MessageSeen("#x", "#x", "bob", "hi  there", "m1", NOON), "12:00 #x <bob> hi  there"),
    (MessageSeen("bob", "alice", "bob", "psst", "m1", NOON), "12:00 bob <bob> psst"),
    (MessageSeen("#x", "#x", "bob", "note", "m1", NOON, "NOTICE"), "12:00 #x -bob- note"),
    (MessageSeen("#x", "#x", "bob", "\x01ACTION waves\x01", "m1", NOON), "12:00 #x * bob waves"),
    (MessageSeen("#x", "#x", "bob", "old", "m1", 10**18), "--:-- #x <bob> old"),
    (events.Joined("#x", "bob", False), "-- #x: bob is in"),
    (events.Joined("#x", "alice", True), "-- #x: you are in"),
    (events.Left("#x", "bob", False, "bye"), "-- #x: bob left (bye)"),
    (events.Left("#x", "alice", True, "", "bob"), "-- #x: bob put you out"),
    (events.Departed("bob", ""), "-- bob is offline"),
    (events.TopicSet("#x", "tea", "bob"), "-- #x: topic: tea (by bob)"),
    (events.TopicSet("#x", "", "bob"), "-- #x: no topic any more (by bob)"),
    (events.TopicSet("#x", "tea"), "-- #x: topic: tea"),
    (events.TopicSet("#x", ""), "-- #x: no topic"),
    (events.NamesListed("#x", (("~", "bob"), ("", "al"))), "-- #x: 2 members: ~bob al"),
    (events.NamesListed("#x", (("~", "bob"),)), "-- #x: 1 member: ~bob"),
    (events.AwayChanged("bob", "lunch"), "-- bob is away: lunch"),
    (events.AwayChanged("bob", None), "-- bob is back"),
    (events.ModeChanged("#x", "bob", ("+o", "al")), "-- #x: mode +o al (by bob)"),
    (events.Invited("#x", "alice", "bob"), "-- bob invites alice to #x"),
    (events.Failed("#x", "473", "Invite only"), "-- not done: #x: Invite only (473)"),
    (events.Failed("ACCOUNT", "UNKNOWN", "No such device", "7"), "-- not done: ACCOUNT 7: No such device (UNKNOWN)"),
    (events.GapSuspected("#x", "gone"), "-- #x: messages may be missing here (gone)"),
    (events.Noticed("", "words"), "-- words"),
    (events.ModeChanged("#x", "", ("+nt",)), "-- #x: mode +nt"),
    (events.PasswordChanged(), "-- your password is changed; your other devices must sign in anew"),
    (events.ExportRow(1, '{"type": "account"}'), '-- {"type": "account"}'),
    (events.AccountDeleted(), None),
    (events.Acknowledged("u", "m"), None),
    (events.Following("#x"), None),
]


@pytest.mark.parametrize(("event", "line"), WORDED)
def test_an_event_is_worded_so(event: Event, line: str | None) -> None:
    assert word_event(event) == line


def test_what_became_of_an_own_message_is_said_plainly() -> None:
    message = Outgoing("u", "#x", "hi", reason="Cannot send")
    assert word_unconfirmed(message, "al", "not confirmed") == "?     #x <al> hi -- not confirmed"
    assert word_refused(message, "al") == "!     #x <al> hi -- not sent: Cannot send"
    assert word_action("waves") == "\x01ACTION waves\x01"
    waving = Outgoing("u", "#x", word_action("waves"), reason="no")
    assert word_unconfirmed(waving, "al", "not confirmed") == "?     #x * al waves -- not confirmed"
    assert word_refused(waving, "al") == "!     #x * al waves -- not sent: no"


def test_a_connection_that_is_lost_is_told_from_one_that_never_was() -> None:
    event = events.Disconnected("nothing listens there", 0.5)
    assert word_lost_connection(event) == "-- connection lost: nothing listens there; trying again in 0.5 s"
    never = word_lost_connection(event, had_one=False)
    assert never == "-- not connected: nothing listens there; trying again in 0.5 s"


EVIL = "\x1b]52;c;evil\x07\x9b\u202e\r\n"


def fill(kind: Any) -> Any:
    """Return an event with hostile text wherever text can stand."""
    filled: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        filled[field.name] = {
            "str": EVIL,
            "str | None": EVIL,
            "bool": False,
            "int": NOON,
            "float": 0.5,
            "tuple[str, ...]": (EVIL, EVIL),
            "tuple[tuple[str, str], ...]": ((EVIL, EVIL),),
            "tuple[tuple[str, ...], ...]": ((EVIL, EVIL, EVIL, EVIL),),
            "tuple[MessageSeen, ...]": (),
            "tuple[tuple[str, int], ...]": (),
            "HistoryRequest": HistoryRequest("AFTER", EVIL, EVIL, 1),
            "TargetsRequest": events.TargetsRequest(0, 1),
            "HistoryRequest | TargetsRequest": HistoryRequest("AFTER", EVIL, EVIL, 1),
        }[str(field.type)]
    return kind(**filled)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: str(kind.__name__))
def test_no_field_of_any_event_reaches_the_terminal_as_it_came(kind: Any) -> None:
    event = fill(kind)
    line = word_lost_connection(event) if kind is events.Disconnected else word_event(event)
    assert line is None or line.isprintable(), line


def test_control_the_hostile_text_is_hostile() -> None:
    assert not EVIL.isprintable()
    message = Outgoing(EVIL, EVIL, EVIL, EVIL, reason=EVIL)
    assert word_unconfirmed(message, EVIL, "").isprintable()
    assert word_refused(message, EVIL).isprintable()

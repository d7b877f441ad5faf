"""IRCv3 draft/pre-away: AWAY before signing in, and `AWAY *`."""

from __future__ import annotations

import pytest

from securechat.chat.session import State
from securechat.wire.capabilities import PRE_AWAY
from tests.chat.stage import Stage


# "If the capability has been negotiated, servers MUST accept the AWAY command before connection registration has completed."
@pytest.mark.parametrize(
    ("line", "numeric", "text"),
    [("AWAY :Gone to lunch", "306", "Gone to lunch"), ("AWAY *", "306", "*"), ("AWAY", "305", None)],
)
@pytest.mark.parametrize("state", [State.NEW, State.AUTHENTICATED])
def test_before_signing_in_away_is_kept_for_later(line: str, numeric: str, text: str | None, state: State) -> None:
    stage = Stage()
    session = stage.stranger(state, PRE_AWAY)
    session.away = "before"
    assert stage.play(session, line).numerics == [numeric]
    assert session.away == text


def test_without_the_capability_it_is_refused_before_signing_in() -> None:
    """The control; "MUST negotiate the capability"."""
    stage = Stage()
    session = stage.stranger()
    assert stage.play(session, "AWAY *").numerics == ["451"]
    assert session.away is None


def test_a_text_that_is_too_long_is_refused_as_ever() -> None:
    stage = Stage()
    session = stage.stranger(State.NEW, PRE_AWAY)
    assert stage.play(session, "AWAY :" + "x" * 301).numerics == ["417"]
    assert session.away is None


# "Servers MAY substitute a human-readable message for the * if it would otherwise be relayed as an away message."
def test_the_star_is_relayed_to_nobody() -> None:
    stage = Stage("alice", "bob")
    alice, bob = stage.enter("alice"), stage.enter("bob")
    assert stage.play(alice, "AWAY *").numerics == ["306"]
    assert stage.play(bob, "WHOIS alice").lines.count(":chat.example 301 bob alice :Not connected") == 1
    assert stage.play(bob, "PRIVMSG alice :hello").lines == [":chat.example 301 bob alice :Not connected"]


# "it should not supersede a human-readable AWAY message set by another connection, even if it is more recent"
def test_a_reason_of_another_device_stands() -> None:
    stage = Stage("alice", "bob")
    desk, phone, bob = stage.enter("alice"), stage.enter("alice"), stage.enter("bob")
    stage.play(desk, "AWAY :lunch")
    stage.play(phone, "AWAY *")
    assert stage.play(bob, "PRIVMSG alice :hello").lines == [":chat.example 301 bob alice lunch"]
    stage.play(desk, "AWAY")
    assert stage.play(bob, "PRIVMSG alice :hello").lines == []

"""INVITE without parameters (Modern IRC, INVITE, RPL_INVITELIST) and IRCv3 no-implicit-names.

(Who hears of an invitation, IRCv3 invite-notify: tests/server/test_channels.py)
"""

from __future__ import annotations

import pytest

from securechat.chat.ask import Ask
from securechat.chat.replies import entry_lines
from securechat.wire.capabilities import NO_IMPLICIT_NAMES
from securechat.wire.message import Message
from tests.chat.stage import Stage


def test_invite_alone_lists_where_one_is_invited_and_to_join_uses_it_up() -> None:
    stage = Stage("alice", "bob")
    for name, modes in (("#one", "i"), ("#two", "is"), ("#other", "")):
        stage.channel(name, {"alice": "q"}, modes)
    alice, bob = stage.enter("alice"), stage.enter("bob")
    assert stage.play(bob, "INVITE").lines == [":chat.example 337 bob :End of /INVITE list"]
    stage.play(alice, "INVITE bob #one", "INVITE bob #two")
    assert stage.play(bob, "INVITE").lines == [
        ":chat.example 336 bob #one",
        ":chat.example 336 bob #two",
        ":chat.example 337 bob :End of /INVITE list",
    ]
    assert stage.play(alice, "INVITE").numerics == ["337"]
    stage.play(bob, "JOIN #one")
    assert stage.play(bob, "INVITE").lines[:-1] == [":chat.example 336 bob #two"]


def test_invite_with_one_parameter_lacks_the_other() -> None:
    stage = Stage("alice")
    assert stage.play(stage.enter("alice"), "INVITE bob").lines == [
        ":chat.example 461 alice INVITE :Not enough parameters"
    ]


@pytest.mark.parametrize(("caps", "numerics"), [(0, ["353", "366"]), (NO_IMPLICIT_NAMES, [])])
def test_names_follow_a_join_unless_they_were_negotiated_away(caps: int, numerics: list[str]) -> None:
    """`servers MUST NOT send an implicit NAMES reply`; `MUST reply to explicit NAMES commands`."""
    stage = Stage("alice")
    channel = stage.channel("#room", {"alice": "q"})
    alice = stage.enter("alice", caps)
    shown = entry_lines(Ask(alice, Message("*"), stage.world), channel)
    assert [line.command for line in shown] == numerics
    assert stage.play(alice, "NAMES #room").numerics == ["353", "366"]

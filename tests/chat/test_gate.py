"""The one gate: what may be said before signing in, what is known at all, and what each command needs."""

from __future__ import annotations

import dataclasses

import pytest

from securechat.chat import commands
from securechat.chat.ask import Ask
from securechat.chat.commands import COMMANDS
from securechat.chat.effects import Refusal
from securechat.chat.session import Session, State
from securechat.wire.message import Message
from tests.chat.stage import Stage, told

# Written out, and not taken from the table it checks. (design.md 5; ISUPPORT by IRCv3 extended-isupport,
# AWAY by pre-away: its handler refuses it without that capability, tests/chat/spec/test_pre_away.py.)
ALLOWED = {
    "CAP",
    "AUTHENTICATE",
    "NICK",
    "USER",
    "PASS",
    "PING",
    "PONG",
    "QUIT",
    "REGISTER",
    "VERIFY",
    "ISUPPORT",
    "AWAY",
}

KNOWN = {
    *ALLOWED,
    "JOIN", "PART", "KICK", "INVITE", "NAMES", "LIST", "TOPIC", "MODE", "PRIVMSG", "NOTICE", "TAGMSG", "BATCH", "MARKREAD", "WHO",
    "WHOIS", "WHOWAS", "ISON", "USERHOST", "MOTD", "LUSERS", "VERSION", "INFO", "ADMIN", "TIME", "LINKS", "STATS", "HELP",
    "CHATHISTORY", "REDACT", "SEARCH", "ACCOUNT", "SETNAME", "MONITOR", "METADATA",
    "RENAME", "OPER", "KILL", "WALLOPS",
}  # fmt: skip

UNKNOWN = [
    "FNORD",
    "DIE",
    "REHASH",
    "SERVER",
    "WEBIRC",
    "*",
    "001",
]

NOT_READY = [State.NEW, State.AUTHENTICATING, State.VERIFYING, State.AUTHENTICATED, State.CLOSED]


def strangers_let_through(session: Session, stage: Stage) -> set[str]:
    """Return the commands that are not refused with 451, each tried with enough parameters and with none."""
    through = set()
    for name in [*COMMANDS, *KNOWN, *UNKNOWN]:
        for params in [(), ("a", "b", "c", "d", "e")]:
            ask = Ask(session, Message(name, params), stage.world)
            with pytest.MonkeyPatch.context() as patch:
                if name in COMMANDS:
                    passes = dataclasses.replace(COMMANDS[name], handler=lambda _ask: [])
                    patch.setitem(commands.COMMANDS, name, passes)
                try:
                    commands.dispatch(ask)
                except Refusal as refusal:
                    if refusal.replies[0].command == "451":
                        continue
            through.add(name)
    return through


@pytest.mark.parametrize("state", NOT_READY)
def test_before_signing_in_nothing_passes_but_what_signing_in_needs(state: State) -> None:
    stage = Stage()
    assert strangers_let_through(stage.stranger(state), stage) == ALLOWED


@pytest.mark.parametrize("name", ["LIST", "WHO", "PRIVMSG", "CHATHISTORY"])
def test_a_command_let_through_by_mistake_would_be_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setitem(commands.COMMANDS, name, dataclasses.replace(COMMANDS[name], before_sign_in=True))
    stage = Stage()
    assert strangers_let_through(stage.stranger(), stage) == {*ALLOWED, name}


def test_the_commands_are_the_ones_written_here() -> None:
    assert set(COMMANDS) == KNOWN


@pytest.mark.parametrize("name", sorted(KNOWN - ALLOWED) + UNKNOWN)
def test_a_stranger_is_told_to_sign_in_first_and_nothing_else(name: str) -> None:
    stage = Stage("alice")
    stage.channel("#room", {"alice": "q"})
    with pytest.raises(Refusal) as caught:
        commands.dispatch(Ask(stage.stranger(), Message(name, ("#room", "alice")), stage.world))
    assert told(caught.value.replies) == [":chat.example 451 * :Sign in first"]


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_command_is_named_once_one_has_signed_in(name: str) -> None:
    stage = Stage("alice")
    with pytest.raises(Refusal) as caught:
        commands.dispatch(Ask(stage.enter("alice"), Message(name, ("x",)), stage.world))
    assert told(caught.value.replies) == [f":chat.example 421 alice {name} :Unknown command"]


@pytest.mark.parametrize("name", ["X" * 33, "\x1b[2J", "A\u202eB"])
def test_an_unknown_command_that_is_not_fit_to_be_shown_is_not_repeated(name: str) -> None:
    stage = Stage("alice")
    assert stage.play(stage.enter("alice"), name).lines == [":chat.example 421 alice * :Unknown command"]


# Modern IRC: the least number of parameters of each command that needs some.
NEEDED = {
    "CAP": 1, "AUTHENTICATE": 1, "PASS": 1, "USER": 4, "PING": 1,
    "JOIN": 1, "PART": 1, "KICK": 2, "TOPIC": 1, "RENAME": 2, "KILL": 2, "WALLOPS": 1, "MODE": 1, "TAGMSG": 1, "BATCH": 1,
    "REDACT": 2, "SEARCH": 1, "ACCOUNT": 1, "REGISTER": 3, "VERIFY": 2, "ISON": 1, "USERHOST": 1, "SETNAME": 1, "MONITOR": 1, "STATS": 1,
}  # fmt: skip


@pytest.mark.parametrize(("name", "needed"), NEEDED.items())
def test_with_a_parameter_too_few_the_command_is_named(name: str, needed: int) -> None:
    stage = Stage("alice")
    for count in range(needed):
        line = " ".join([name, *["x"] * count])
        expected = f":chat.example 461 alice {name} :Not enough parameters"
        assert stage.play(stage.enter("alice"), line).lines == [expected]


@pytest.mark.parametrize("name", sorted(ALLOWED & set(NEEDED)))
def test_a_stranger_too_is_told_which_command_lacks_parameters(name: str) -> None:
    stage = Stage()
    assert stage.play(stage.stranger(), name).lines == [f":chat.example 461 * {name} :Not enough parameters"]


@pytest.mark.parametrize("name", sorted(KNOWN - set(NEEDED) - {"PRIVMSG", "NOTICE"}))
def test_all_other_commands_need_none(name: str) -> None:
    stage = Stage("alice")
    assert "461" not in stage.play(stage.enter("alice"), name).numerics


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PRIVMSG", ":chat.example 411 alice :No recipient given (PRIVMSG)"),
        ("PRIVMSG :", ":chat.example 411 alice :No recipient given (PRIVMSG)"),
        ("PRIVMSG bob", ":chat.example 412 alice :No text to send"),
        ("PRIVMSG bob :", ":chat.example 412 alice :No text to send"),
    ],
)
def test_a_message_without_recipient_or_text_has_numerics_of_its_own(line: str, expected: str) -> None:
    stage = Stage("alice", "bob")
    assert stage.play(stage.enter("alice"), line).lines == [expected]

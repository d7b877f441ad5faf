"""IRCv3 account-registration (draft): closed, and says so; the capability would say that REGISTER is accepted."""

from __future__ import annotations

import pytest

from securechat.chat.session import State
from tests.chat.stage import Stage

CLOSED = "Accounts are made by this server's administrators; ask one of them"


def test_a_closed_server_does_not_show_the_capability() -> None:
    """Capability: its presence signifies that the server accepts the REGISTER command."""
    stage = Stage()
    lines = stage.play(stage.stranger(), "CAP LS 302").lines
    assert "account-registration" not in " ".join(lines)
    assert " NAK " in stage.play(stage.stranger(), "CAP REQ draft/account-registration").lines[0]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("REGISTER guest * secret", "FAIL REGISTER TEMPORARILY_UNAVAILABLE guest"),
        ("REGISTER * anna@example.org secret", "FAIL REGISTER TEMPORARILY_UNAVAILABLE *"),
        ("VERIFY guest 1234", "FAIL VERIFY TEMPORARILY_UNAVAILABLE guest"),
    ],
)
def test_a_stranger_is_told_that_it_is_closed(line: str, answer: str) -> None:
    """Responses: TEMPORARILY_UNAVAILABLE."""
    stage = Stage()
    session = stage.stranger()
    assert stage.play(session, line).lines == [f":chat.example {answer} :{CLOSED}"]
    assert session.state is State.NEW


def test_a_star_stands_for_the_nick() -> None:
    """Commands: if <account> is *, then this value is the user's current nickname."""
    stage = Stage()
    lines = stage.play(stage.stranger(), "NICK guest", "REGISTER * * secret").lines
    assert lines == [f":chat.example FAIL REGISTER TEMPORARILY_UNAVAILABLE guest :{CLOSED}"]


@pytest.mark.parametrize("command", ["REGISTER alice * secret", "VERIFY alice 1234"])
@pytest.mark.parametrize("state", [State.AUTHENTICATED, State.READY])
def test_who_has_an_account_is_told_that(command: str, state: State) -> None:
    """Responses: ALREADY_AUTHENTICATED."""
    stage = Stage("alice")
    session = stage.enter("alice")
    session.state = state
    name = command.split()[0]
    assert stage.play(session, command).lines == [
        f":chat.example FAIL {name} ALREADY_AUTHENTICATED alice :You have an account, and are signed in to it"
    ]


def test_what_is_no_name_is_not_repeated() -> None:
    stage = Stage()
    lines = stage.play(stage.stranger(), "REGISTER " + "x" * 300 + " * secret").lines
    assert lines == [f":chat.example FAIL REGISTER TEMPORARILY_UNAVAILABLE * :{CLOSED}"]

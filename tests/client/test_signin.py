"""Signing in as bytes in and out: what may follow what, and who gets the secret."""

from __future__ import annotations

import pytest

from securechat.client.events import (
    Joined,
    MessageSeen,
    SignedIn,
    SignInRefused,
)
from securechat.client.session import ClientSession
from securechat.errors import ConfigError
from tests.client.handshake import ACK, LS, NOW, REQ, RESPONSE, make_session


def test_signing_in_goes_step_by_step_and_the_secret_waits_for_the_challenge() -> None:
    session = make_session()
    steps = [
        (b"", b"CAP LS 302\r\n"),
        (LS, REQ),
        (ACK, b"AUTHENTICATE PLAIN\r\n"),
        (b"AUTHENTICATE +\r\n", b"AUTHENTICATE " + RESPONSE + b"\r\n"),
        (b":irc.test 900 alice a!a@securechat alice :in\r\n", b""),
        (b":irc.test 903 alice :ok\r\n", b"CAP END\r\nNICK alice\r\nUSER alice 0 * alice\r\n"),
        (b":irc.test 001 Alice :Welcome\r\n:irc.test 005 Alice CHATHISTORY=50 :are supported\r\n", b""),
    ]
    for received, written in steps:
        assert session.receive(received) == []
        assert session.outgoing() == written
    assert session.receive(b":irc.test 376 Alice :End\r\n") == [SignedIn("Alice", 50)]


def test_the_capability_list_may_come_in_several_lines() -> None:
    session = make_session()
    session.outgoing()
    session.receive(b"CAP * LS * :sasl server-time message-tags echo-message\r\n")
    assert session.outgoing() == b""
    session.receive(b"CAP * LS :batch labeled-response draft/chathistory securechat.internal/once away-notify\r\n")
    assert session.outgoing() == REQ


def test_the_welcome_ends_with_the_first_line_of_the_chat_where_there_is_no_motd() -> None:
    session = make_session()
    session.receive(LS + ACK + b"AUTHENTICATE +\r\n903 alice :ok\r\n001 alice :hi\r\n005 alice CHATHISTORY=9 :x\r\n")
    events = session.receive(b":alice!alice@securechat JOIN #general\r\n")
    assert events == [SignedIn("alice", 9), Joined("#general", "alice", True)]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
def test_events_do_not_depend_on_how_the_bytes_arrive(chunk: int) -> None:
    stream = (
        LS + ACK + b"AUTHENTICATE +\r\n903 alice :ok\r\n001 alice :hi\r\n376 alice :-\r\n"
        b"@time=2023-11-14T22:13:21.000Z;msgid=m1 :bob!bob@securechat PRIVMSG #general :gr\xc3\xbc\xc3\x9fe\r\n"
    )
    session = make_session()
    events = [event for i in range(0, len(stream), chunk) for event in session.receive(stream[i : i + chunk])]
    assert events == [
        SignedIn("alice", 100),
        MessageSeen("#general", "#general", "bob", "grüße", "m1", NOW + 1000),
    ]


REFUSED = [
    (b"CAP * LS :sasl multi-prefix\r\n", "CAP", True),
    (LS + b"CAP * NAK :sasl\r\n", "CAP", True),
    (LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n", "CAP", True),
    (LS + ACK + b"AUTHENTICATE +\r\n:irc.test 904 alice :SASL authentication failed\r\n", "904", True),
    (LS + ACK + b"AUTHENTICATE +\r\n:irc.test 902 alice :This account is disabled\r\n", "902", True),
    (LS + ACK + b":irc.test 908 alice EXTERNAL :are available\r\n", "908", True),
    (LS + ACK + b"AUTHENTICATE +\r\nFAIL AUTHENTICATE THROTTLED :Wait\r\n", "THROTTLED", False),
    (b"FAIL * ACCOUNT_REQUIRED :Who are you?\r\n", "ACCOUNT_REQUIRED", True),
    (LS + ACK + b"903 alice :ok\r\n:irc.test 433 * alice :taken\r\n", "433", True),
]


@pytest.mark.parametrize(("received", "code", "final"), REFUSED)
def test_a_refusal_ends_the_sign_in(received: bytes, code: str, final: bool) -> None:
    session = make_session()
    (event,) = session.receive(received)
    assert isinstance(event, SignInRefused)
    assert (event.code, event.final) == (code, final)
    session.outgoing()
    assert session.receive(LS + b"AUTHENTICATE +\r\nPING :x\r\n") == []
    assert session.outgoing() == b""


UNASKED = [
    b"AUTHENTICATE +\r\n",
    ACK + b"AUTHENTICATE +\r\n",
    b"CAP * LS :sasl\r\nAUTHENTICATE +\r\n",
    LS + b"AUTHENTICATE +\r\n",
    LS + ACK + b"AUTHENTICATE\r\nAUTHENTICATE :\r\n",
    LS + b"CAP * NAK :sasl\r\nAUTHENTICATE +\r\n",
    LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n",
    LS + ACK.replace(b"echo-message", b"echo-massage") + b"AUTHENTICATE +\r\n",
    b"001 alice :come in\r\n376 alice :x\r\nAUTHENTICATE +\r\n",
    LS
    + ACK
    + b"903 alice :ok\r\nAUTHENTICATE +\r\n001 alice :hi\r\nAUTHENTICATE +\r\n376 alice :x\r\nAUTHENTICATE +\r\n",
]


@pytest.mark.parametrize("received", UNASKED)
def test_no_order_of_lines_but_the_right_one_gets_the_secret(received: bytes) -> None:
    session = make_session()
    session.receive(received)
    assert RESPONSE not in session.outgoing()


def test_control_the_right_order_gets_the_secret_once() -> None:
    session = make_session()
    session.receive(LS + ACK + b"AUTHENTICATE +\r\nAUTHENTICATE +\r\n" + LS + ACK + b"AUTHENTICATE +\r\n")
    assert session.outgoing().count(RESPONSE) == 1


def test_the_secret_stands_in_no_repr() -> None:
    assert "opensesame" not in repr(make_session()) + repr(make_session()._sign_in)


@pytest.mark.parametrize(("user", "secret"), [("", "x"), ("a b", "x"), ("alice", ""), ("alice", "a\0b"), ("1x", "x")])
def test_what_cannot_sign_in_at_all_is_refused_before_anything_is_sent(user: str, secret: str) -> None:
    with pytest.raises(ConfigError):
        ClientSession(user, secret, lambda: NOW)

"""The session as bytes in and out: no socket, no loop."""

from __future__ import annotations

import random
from base64 import b64encode

import pytest

from securechat.client.errors import LineTooLong, Unsendable
from securechat.client.events import (
    Acknowledged,
    AwayChanged,
    Closed,
    Departed,
    Failed,
    HistoryFailed,
    HistoryPage,
    HistoryRequest,
    Invited,
    Joined,
    Left,
    MessageSeen,
    ModeChanged,
    NamesListed,
    Noticed,
    Refused,
    Renamed,
    SignedIn,
    SignInRefused,
    TargetsPage,
    TargetsRequest,
    TopicSet,
)
from securechat.client.outbox import Outgoing
from securechat.client.session import ClientSession
from securechat.client.signin import Phase
from securechat.errors import ConfigError, ProtocolError

NOW = 1_700_000_000_000
LS = (
    b":irc.test CAP * LS :sasl=PLAIN server-time message-tags echo-message batch labeled-response "
    b"draft/chathistory securechat.internal/once away-notify\r\n"
)
REQ = (
    b"CAP REQ :sasl server-time message-tags echo-message batch labeled-response draft/chathistory "
    b"securechat.internal/once away-notify\r\n"
)
RESPONSE = b64encode(b"\0alice\0opensesame")


def make_session() -> ClientSession:
    return ClientSession("alice", "opensesame", lambda: NOW)


def sign_in() -> ClientSession:
    session = make_session()
    session.receive(LS)
    session.receive(b":irc.test CAP * ACK :sasl\r\nAUTHENTICATE +\r\n:irc.test 903 alice :ok\r\n")
    session.receive(b":irc.test 001 Alice :Welcome\r\n:irc.test 005 Alice CHATHISTORY=50 :are\r\n:irc.test 422 Alice :-\r\n")
    session.outgoing()
    assert session.phase is Phase.ACTIVE
    return session


def test_signing_in_goes_step_by_step_and_the_secret_waits_for_the_challenge() -> None:
    session = make_session()
    steps = [
        (b"", b"CAP LS 302\r\n"),
        (LS, REQ),
        (b":irc.test CAP * ACK :sasl\r\n", b"AUTHENTICATE PLAIN\r\n"),
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
    session.receive(LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n903 alice :ok\r\n001 alice :hi\r\n005 alice CHATHISTORY=9 :x\r\n")
    events = session.receive(b":alice!alice@securechat JOIN #general\r\n")
    assert events == [SignedIn("alice", 9), Joined("#general", "alice", True)]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
def test_events_do_not_depend_on_how_the_bytes_arrive(chunk: int) -> None:
    stream = (
        LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n903 alice :ok\r\n001 alice :hi\r\n376 alice :-\r\n"
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
    (LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n:irc.test 904 alice :SASL authentication failed\r\n", "904", True),
    (LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n:irc.test 902 alice :This account is disabled\r\n", "902", True),
    (LS + b"CAP * ACK :sasl\r\n:irc.test 908 alice EXTERNAL :are available\r\n", "908", True),
    (LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\nFAIL AUTHENTICATE THROTTLED :Wait\r\n", "THROTTLED", False),
    (b"FAIL * ACCOUNT_REQUIRED :Who are you?\r\n", "ACCOUNT_REQUIRED", True),
    (LS + b"CAP * ACK :sasl\r\n903 alice :ok\r\n:irc.test 433 * alice :taken\r\n", "433", True),
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
    b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n",
    b"CAP * LS :sasl\r\nAUTHENTICATE +\r\n",
    LS + b"AUTHENTICATE +\r\n",
    LS + b"CAP * ACK :sasl\r\nAUTHENTICATE\r\nAUTHENTICATE :\r\n",
    LS + b"CAP * NAK :sasl\r\nAUTHENTICATE +\r\n",
    b"001 alice :come in\r\n376 alice :x\r\nAUTHENTICATE +\r\n",
]


@pytest.mark.parametrize("received", UNASKED)
def test_no_order_of_lines_but_the_right_one_gets_the_secret(received: bytes) -> None:
    session = make_session()
    session.receive(received)
    assert RESPONSE not in session.outgoing()


def test_control_the_right_order_gets_the_secret_once() -> None:
    session = make_session()
    session.receive(LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\nAUTHENTICATE +\r\n" + LS + b"CAP * ACK :sasl\r\nAUTHENTICATE +\r\n")
    assert session.outgoing().count(RESPONSE) == 1


def test_the_secret_stands_in_no_repr() -> None:
    assert "opensesame" not in repr(make_session()) + repr(make_session()._sign_in)


@pytest.mark.parametrize(("user", "secret"), [("", "x"), ("a b", "x"), ("alice", ""), ("alice", "a\0b"), ("1x", "x")])
def test_what_cannot_sign_in_at_all_is_refused_before_anything_is_sent(user: str, secret: str) -> None:
    with pytest.raises(ConfigError):
        ClientSession(user, secret, lambda: NOW)


def test_a_message_goes_out_with_its_id_and_a_label_and_the_labelled_echo_acknowledges_it() -> None:
    session = sign_in()
    session.send_message(Outgoing("u-1", "#general", "one two"))
    session.send_message(Outgoing("u-2", "bob", "three"))
    assert session.outgoing() == (
        b"@securechat.internal/id=u-1;label=1 PRIVMSG #general :one two\r\n"
        b"@securechat.internal/id=u-2;label=2 PRIVMSG bob three\r\n"
    )
    events = session.receive(
        b"@label=2;msgid=m8;time=2023-11-14T22:13:20.001Z :Alice!Alice@securechat PRIVMSG bob :three\r\n"
        b"@label=1;msgid=m9;time=2023-11-14T22:13:20.002Z :Alice!Alice@securechat PRIVMSG #general :one two\r\n"
    )
    assert events == [
        Acknowledged("u-2", "m8"),
        MessageSeen("bob", "bob", "Alice", "three", "m8", NOW + 1, own=True),
        Acknowledged("u-1", "m9"),
        MessageSeen("#general", "#general", "Alice", "one two", "m9", NOW + 2, own=True),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"@label=1;msgid=m9 :bob!bob@securechat PRIVMSG #general :one two",
        b"@label=7;msgid=m9 :Alice!Alice@securechat PRIVMSG #general :one two",
        b"@msgid=m9 :Alice!Alice@securechat PRIVMSG #general :one two",
        b"@label=1 ACK",
        b"@label=1 PONG",
    ],
)
def test_nothing_but_the_own_labelled_echo_acknowledges(line: bytes) -> None:
    session = sign_in()
    session.send_message(Outgoing("u-1", "#general", "one two"))
    assert not any(isinstance(event, Acknowledged) for event in session.receive(line + b"\r\n"))


def test_an_echo_inside_a_labelled_batch_acknowledges_and_the_remark_beside_it_is_told() -> None:
    session = sign_in()
    session.send_message(Outgoing("u-1", "bob", "hi"))
    events = session.receive(
        b"@label=1 BATCH +r labeled-response\r\n@batch=r :irc.test 301 Alice bob :at lunch\r\n"
        b"@batch=r;msgid=m1 :Alice!Alice@securechat PRIVMSG bob :hi\r\nBATCH -r\r\n"
    )
    assert events == [
        Noticed("301", "bob at lunch"),
        Acknowledged("u-1", "m1"),
        MessageSeen("bob", "bob", "Alice", "hi", "m1", NOW, own=True),
    ]


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        (b"FAIL PRIVMSG TOO_FAST #general :Slow down", "TOO_FAST", "Slow down"),
        (b":irc.test 404 Alice #general :Cannot send", "404", "Cannot send"),
        (b":irc.test 403 Alice #general :No such channel", "403", "No such channel"),
        (b":irc.test 401 Alice bob :No such nick", "401", "No such nick"),
        (b":irc.test 417 Alice :Too long", "417", "Too long"),
    ],
)
def test_a_labelled_failure_refuses_the_message_it_belongs_to(line: bytes, code: str, reason: str) -> None:
    session = sign_in()
    session.send_message(Outgoing("u-1", "#general", "one"))
    session.send_message(Outgoing("u-2", "#general", "two"))
    assert session.receive(b"@label=2 " + line + b"\r\n") == [Refused("u-2", code, reason)]


def test_a_text_that_would_not_fit_behind_the_own_name_is_not_sent() -> None:
    session = sign_in()
    # ":Alice!Alice@securechat PRIVMSG #general :" and CR LF are 44 bytes.
    assert session.room_for("#general") == 468
    session.send_message(Outgoing("u-1", "#general", "x" * 468))
    with pytest.raises(LineTooLong) as raised:
        session.send_message(Outgoing("u-2", "#general", "é" * 235))
    assert raised.value.excess == 2
    assert session.outgoing().count(b"PRIVMSG") == 1


@pytest.mark.parametrize(("target", "text"), [("#x", ""), ("#x", "a\nb"), ("#x", "a\0b"), ("#x", "\ud800"), ("a b", "x")])
def test_what_no_line_can_carry_is_not_sent(target: str, text: str) -> None:
    session = sign_in()
    with pytest.raises(Unsendable):
        session.send_message(Outgoing("u-1", target, text))
    assert session.outgoing() == b""


def test_history_comes_as_one_page() -> None:
    session = sign_in()
    request = HistoryRequest("AFTER", "#general", "msgid=m1", 100)
    session.ask_history(request)
    assert session.outgoing() == b"@label=1 CHATHISTORY AFTER #general msgid=m1 100\r\n"
    events = session.receive(
        b"@label=1 BATCH +h chathistory #general\r\n"
        b"@batch=h;msgid=m2;time=2023-11-14T22:13:20.002Z :bob!bob@securechat PRIVMSG #general :two\r\n"
        b"@msgid=m4;time=2023-11-14T22:13:20.004Z :bob!bob@securechat PRIVMSG #general :live\r\n"
        b"@batch=h;msgid=m3;time=2023-11-14T22:13:20.003Z :bob!bob@securechat NOTICE #general :three\r\n"
        b"BATCH -h\r\n"
    )
    assert events == [
        MessageSeen("#general", "#general", "bob", "live", "m4", NOW + 4),
        HistoryPage(
            request,
            (
                MessageSeen("#general", "#general", "bob", "two", "m2", NOW + 2, replayed=True),
                MessageSeen("#general", "#general", "bob", "three", "m3", NOW + 3, "NOTICE", replayed=True),
            ),
        ),
    ]


def test_a_failed_request_for_history_names_the_request() -> None:
    session = sign_in()
    request = HistoryRequest("AFTER", "#general", "msgid=gone", 100)
    session.ask_history(request)
    line = b"@label=1 FAIL CHATHISTORY MESSAGE_ERROR AFTER #general :Messages could not be retrieved\r\n"
    assert session.receive(line) == [HistoryFailed(request, "MESSAGE_ERROR", "Messages could not be retrieved")]


def test_conversations_with_news_are_listed_with_their_times() -> None:
    session = sign_in()
    request = TargetsRequest(NOW, 20)
    session.ask_targets(request)
    assert session.outgoing() == (
        b"@label=1 CHATHISTORY TARGETS timestamp=2023-11-14T22:13:20.000Z timestamp=9999-12-31T23:59:59.999Z 20\r\n"
    )
    events = session.receive(
        b"@label=1 BATCH +t draft/chathistory-targets\r\n"
        b"@batch=t CHATHISTORY TARGETS bob 2023-11-14T22:13:21.000Z\r\n"
        b"@batch=t CHATHISTORY TARGETS carol yesterday\r\n@batch=t CHATHISTORY\r\n"
        b"@batch=t CHATHISTORY TARGETS #general 2023-11-14T22:13:22.500Z\r\nBATCH -t\r\n"
    )
    assert events == [TargetsPage(request, (("bob", NOW + 1000), ("#general", NOW + 2500)))]


LINES = [
    (b":bob!bob@securechat JOIN #x bob :Bob", [Joined("#x", "bob", False)]),
    (b":alice!alice@securechat JOIN #x", [Joined("#x", "alice", True)]),
    (b":bob!bob@securechat PART #x :bye", [Left("#x", "bob", False, "bye")]),
    (b":bob!bob@securechat KICK #x alice :enough", [Left("#x", "alice", True, "enough", "bob")]),
    (b":bob!bob@securechat QUIT :gone", [Departed("bob", "gone")]),
    (b":bob!bob@securechat NICK robert", [Renamed("bob", "robert", False)]),
    (b":bob!bob@securechat TOPIC #x :tea", [TopicSet("#x", "tea", "bob")]),
    (b":irc.test 332 Alice #x :tea", [TopicSet("#x", "tea")]),
    (b":irc.test 331 Alice #x :No topic", [TopicSet("#x", "")]),
    (b":irc.test 333 Alice #x bob 1700000000", []),
    (b":bob!bob@securechat AWAY :lunch", [AwayChanged("bob", "lunch")]),
    (b":bob!bob@securechat AWAY", [AwayChanged("bob", None)]),
    (b":bob!bob@securechat MODE #x +o carol", [ModeChanged("#x", "bob", ("+o", "carol"))]),
    (b":bob!bob@securechat INVITE Alice #x", [Invited("#x", "Alice", "bob")]),
    (b":irc.test NOTICE Alice :server words", [Noticed("", "server words")]),
    (b":bob!bob@securechat PRIVMSG Alice :psst", [MessageSeen("bob", "Alice", "bob", "psst", "", NOW)]),
    (b"FAIL JOIN CODE #x :no", [Failed("JOIN", "CODE", "no")]),
    (b":irc.test 473 Alice #x :Invite only", [Failed("#x", "473", "Invite only")]),
    (b":irc.test 311 Alice bob bob securechat * :Bob", [Noticed("311", "bob bob securechat * Bob")]),
    (b"ERROR :Closing link", [Closed("Closing link")]),
    (b"@label=99 PONG irc.test x", []),
    (b":irc.test CAP Alice NEW :batch", []),
]


@pytest.mark.parametrize(("line", "events"), LINES)
def test_each_line_of_the_chat_is_its_event(line: bytes, events: list[object]) -> None:
    assert sign_in().receive(line + b"\r\n") == events


def test_names_are_gathered_until_they_end() -> None:
    session = sign_in()
    assert session.receive(b"353 Alice = #x :~bob @+carol\r\n353 Alice = #x :Alice!Alice@securechat\r\n") == []
    assert session.receive(b"366 Alice #x :End\r\n") == [
        NamesListed("#x", (("~", "bob"), ("@+", "carol"), ("", "Alice")))
    ]
    assert session.receive(b"366 Alice #x :End\r\n") == []


def test_a_ping_is_answered_in_every_phase() -> None:
    session = make_session()
    session.outgoing()
    session.receive(b"PING :a b\r\nPING\r\n")
    assert session.outgoing() == b"PONG :a b\r\nPONG\r\n"


SHORT = [b"%s" % command for command in (b"001", b"005", b"332", b"353", b"366", b"404", b"903", b"904", b"999")] + [
    *b"JOIN PART KICK QUIT NICK TOPIC AWAY MODE INVITE FAIL WARN NOTE PRIVMSG NOTICE CAP AUTHENTICATE ACK ERROR".split(),
    b"CHATHISTORY",
    b"CHATHISTORY TARGETS",
    b"TAGMSG #x",
    b":",
    b"@",
    b"@a=b",
    b": :",
    b"\xff\xfe",
    b"PRIVMSG \xff",
    b"@time=never;msgid= :x PRIVMSG Alice :hi",
    b"@time=9999-99-99T99:99:99.999Z :bob!b@c PRIVMSG Alice :hi",
    b"KICK #x",
    b"353 Alice = #x",
    b"353 Alice = #x :@ ~ ++",
    b"005 Alice CHATHISTORY=\xd9\xa3 CHATHISTORY=-1 CHATHISTORY=" + b"9" * 300 + b" :x",
    b"\0PING",
]


@pytest.mark.parametrize("line", SHORT)
@pytest.mark.parametrize("signed_in", [False, True])
def test_a_line_that_lacks_something_harms_nobody(line: bytes, signed_in: bool) -> None:
    session = sign_in() if signed_in else make_session()
    session.receive(line + b"\r\n")


def test_garbage_never_raises_anything_but_a_protocol_error() -> None:
    chance = random.Random(7)
    words = [b"@label=1", b"@batch=r", b"@msgid=m;time=x", b":Alice!a@b", b":bob", b"BATCH", b"+r", b"-r", b"chathistory"]
    words += [b"PRIVMSG", b"FAIL", b"353", b"366", b"433", b"JOIN", b"#x", b":", b"\xff", b"KICK", b"CHATHISTORY", b"NAMES"]
    protocol_errors = 0
    for _ in range(3000):
        session = sign_in()
        session.send_message(Outgoing("u-1", "#x", "hi"))
        session.ask_targets(TargetsRequest(0, 5))
        lines = [b" ".join(chance.choices(words, k=chance.randrange(1, 7))) for _ in range(8)]
        try:
            session.receive(b"\r\n".join(lines) + b"\r\n")
        except ProtocolError:
            protocol_errors += 1
    assert 0 < protocol_errors < 3000


def test_a_line_of_ten_megabytes_is_skipped_and_not_kept() -> None:
    session = sign_in()
    events = session.receive(b"@a=" + b"x" * 5_000_000)
    events += session.receive(b"y" * 5_000_000)
    assert session._splitter.pending == 0
    events += session.receive(b"\r\n:bob!bob@securechat PRIVMSG Alice :after\r\n")
    assert [type(event) for event in events] == [Noticed, MessageSeen]


def test_a_server_cannot_make_the_session_keep_more_and_more() -> None:
    session = sign_in()
    for i in range(200):
        session.receive(b"".join(b"353 Alice = #x :n%d-%d m%d-%d\r\n" % (i, j, i, j) for j in range(100)))
    assert len(session._names[1]) == 10_000
    with pytest.raises(ProtocolError):
        session.receive(b"BATCH +r chathistory #x\r\n" + b"@batch=r PRIVMSG #x :y\r\n" * 5000)
    waiting = make_session()
    refused = waiting.receive(b"".join(b"CAP * LS * :c%d d%d e%d\r\n" % (i, i, i) for i in range(1000)))
    assert [type(event) for event in refused] == [SignInRefused]


def test_a_msgid_too_long_to_be_one_counts_as_none() -> None:
    (event,) = sign_in().receive(b"@msgid=" + b"m" * 256 + b" :bob!b@c PRIVMSG Alice :hi\r\n")
    assert isinstance(event, MessageSeen)
    assert event.msgid == ""


def test_what_is_no_message_is_no_message() -> None:
    session = sign_in()
    assert session.receive(b"PRIVMSG Alice :from nobody\r\n:bob!b@c PRIVMSG Alice\r\n:bob!b@c TAGMSG Alice\r\n") == []

"""The session as bytes in and out: no socket, no loop."""

from __future__ import annotations

import pytest

from securechat.client.errors import LineTooLong, Unsendable
from securechat.client.events import (
    Acknowledged,
    AwayChanged,
    Closed,
    Departed,
    ExportEnded,
    ExportRow,
    Failed,
    HistoryFailed,
    HistoryPage,
    HistoryRequest,
    Invited,
    Joined,
    Left,
    Listing,
    MessageSeen,
    ModeChanged,
    NamesListed,
    Noticed,
    Refused,
    Renamed,
    TargetsPage,
    TargetsRequest,
    TopicSet,
)
from securechat.client.outbox import Outgoing
from securechat.errors import ProtocolError
from tests.client.handshake import NOW, make_session, sign_in


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


def test_an_export_is_told_row_by_row_and_the_talk_between_its_lines_too() -> None:
    session = sign_in()
    assert session.receive(b"BATCH +x securechat.internal/export\r\n@batch=x NOTE ACCOUNT EXPORT 1 :{}\r\n") == []
    assert session.receive(b"@batch=x NOTE ACCOUNT EXPORT 2 :[]\r\n@msgid=m1 :bob!b@s PRIVMSG #x :hi\r\n") == [
        ExportRow(1, "{}"),
        MessageSeen("#x", "#x", "bob", "hi", "m1", NOW),
    ]
    assert session.receive(b"@batch=x NOTE ACCOUNT END_OF_EXPORT :2 rows\r\nBATCH -x\r\n") == [
        ExportRow(2, "[]"),
        ExportEnded(),
    ]
    with pytest.raises(ProtocolError):
        session.receive(b"BATCH -x\r\n")


def test_an_echo_inside_a_labelled_batch_acknowledges_and_the_remark_beside_it_is_told() -> None:
    session = sign_in()
    session.send_message(Outgoing("u-1", "bob", "hi"))
    events = session.receive(
        b"@label=1 BATCH +r labeled-response\r\n@batch=r :irc.test 301 Alice bob :at lunch\r\n"
        b"@batch=r;msgid=m1 :Alice!Alice@securechat PRIVMSG bob :hi\r\nBATCH -r\r\n"
    )
    assert events == [
        AwayChanged("bob", "at lunch"),
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


@pytest.mark.parametrize(
    ("target", "text"), [("#x", ""), ("#x", "a\nb"), ("#x", "a\0b"), ("#x", "\ud800"), ("a b", "x")]
)
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
    (b"FAIL JOIN CODE #x :no", [Failed("JOIN", "CODE", "no", "#x")]),
    (b"NOTE ACCOUNT DEVICE_ADDED 7 sct_x :Keep it", [Noticed("NOTE", "7 sct_x - Keep it")]),
    (b"WARN * CODE :careful", [Noticed("WARN", "careful")]),
    (b"NOTE * CODE", [Noticed("NOTE", "CODE")]),
    (b":irc.test 391 Alice irc.test :noon", [Noticed("391", "irc.test noon")]),
    (b":irc.test 422 Alice :No MOTD", [Noticed("422", "No MOTD")]),
    (b":irc.test 599 Alice :no", [Failed("", "599", "no")]),
    (b":irc.test 696 Alice #x o * :a nick is needed", [Failed("#x", "696", "a nick is needed")]),
    (b":irc.test 902 Alice :locked", [Failed("", "902", "locked")]),
    (b":irc.test 903 Alice :in", [Noticed("903", "in")]),
    (b":irc.test 907 Alice :already", [Failed("", "907", "already")]),
    (b":Alice!a@b JOIN :#a b", []),
    (b"::x!x@y JOIN #x", []),
    (b"::x!x@y PRIVMSG Alice :hi", []),
    (b"!x@y PRIVMSG Alice :hi", []),
    (b":bob!b@c PRIVMSG #a,#b :hi", []),
    (b":irc.test 473 Alice #x :Invite only", [Failed("#x", "473", "Invite only")]),
    (b":irc.test 311 Alice bob bob securechat * :Bob", []),
    (b":irc.test 341 Alice bob #x", [Invited("#x", "bob", "Alice")]),
    (b":irc.test 324 Alice #x +ntk key", [ModeChanged("#x", "", ("+ntk", "key"))]),
    (b":irc.test 329 Alice #x 1700000000", []),
    (
        b"@+draft/reply=m1 :bob!b@c PRIVMSG Alice :yes",
        [MessageSeen("bob", "Alice", "bob", "yes", "", NOW, reply_to="m1")],
    ),
    (b":irc.test 323 Alice :End of /LIST", [Listing("channels", "", ())]),
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
    assert session.receive(b"366 Alice #x :End\r\n") == [NamesListed("#x", ())]


def test_a_ping_is_answered_in_every_phase() -> None:
    session = make_session()
    session.outgoing()
    session.receive(b"PING :a b\r\nPING\r\n")
    assert session.outgoing() == b"PONG :a b\r\nPONG\r\n"

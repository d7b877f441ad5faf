"""A hostile server's lines: nothing raises, nothing is kept without limit."""

from __future__ import annotations

import random

import pytest

from securechat.client.events import (
    MessageSeen,
    Noticed,
    SignInRefused,
    TargetsRequest,
)
from securechat.client.outbox import Outgoing
from securechat.errors import ProtocolError
from tests.client.handshake import make_session, sign_in

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
    words = [
        b"@label=1",
        b"@batch=r",
        b"@msgid=m;time=x",
        b":Alice!a@b",
        b":bob",
        b"BATCH",
        b"+r",
        b"-r",
        b"chathistory",
    ]
    words += [
        b"PRIVMSG",
        b"FAIL",
        b"353",
        b"366",
        b"433",
        b"JOIN",
        b"#x",
        b":",
        b"\xff",
        b"KICK",
        b"CHATHISTORY",
        b"NAMES",
    ]
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
        session.receive(b"BATCH +r chathistory #x\r\n" + b"@batch=r PRIVMSG #x :y\r\n" * 13_000)
    waiting = make_session()
    refused = waiting.receive(b"".join(b"CAP * LS * :c%d d%d e%d\r\n" % (i, i, i) for i in range(1000)))
    assert [type(event) for event in refused] == [SignInRefused]


MSGIDS = [
    (b"m" * 255, "m" * 255),
    (b"m" * 256, ""),
    (b"a\\sb", ""),
    (b"a\\r\\nQUIT", ""),
    (b"\xc3\xa4", ""),
    (b"\x1b", ""),
    (b"A-z_0=", "A-z_0="),
]


@pytest.mark.parametrize(("sent", "kept"), MSGIDS)
def test_a_msgid_that_no_request_could_name_counts_as_none(sent: bytes, kept: str) -> None:
    (event,) = sign_in().receive(b"@msgid=" + sent + b" :bob!b@c PRIVMSG Alice :hi\r\n")
    assert isinstance(event, MessageSeen)
    assert event.msgid == kept


def test_lines_too_long_tell_nothing_before_the_welcome() -> None:
    assert make_session().receive((b"x" * 9000 + b"\r\n") * 3) == []


def test_what_is_no_message_is_no_message() -> None:
    session = sign_in()
    assert session.receive(b"PRIVMSG Alice :from nobody\r\n:bob!b@c PRIVMSG Alice\r\n:bob!b@c TAGMSG Alice\r\n") == []

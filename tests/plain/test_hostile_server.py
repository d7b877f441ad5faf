"""A hostile server on real TLS: the client refuses or survives, shows no traceback and gives the password to nobody."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import trustme

from securechat.client import Address, Link, Timing, UnreachableError, build_context
from tests.client.fakeserver import FakeServer, Guest
from tests.client.tlsserver import Counter, make_context, serving
from tests.plain.program import Program

MakeProgram = Callable[..., Program]

# base64 of NUL alice NUL secret
RESPONSE = b"AGFsaWNlAHNlY3JldA=="
CAPS = (
    b"sasl=PLAIN server-time message-tags echo-message batch labeled-response draft/chathistory "
    b"securechat.internal/once"
)
LS = b":irc.test CAP * LS :" + CAPS + b"\r\n"
ACK = b":irc.test CAP * ACK :" + CAPS.replace(b"=PLAIN", b"") + b"\r\n"
PLUS = b"AUTHENTICATE +\r\n"
WELCOME = b":irc.test 903 alice :ok\r\n:irc.test 001 alice :hi\r\n:irc.test 422 alice :-\r\n"
LONG = 10_000_000


def say(context: ssl.SSLContext, parts: Iterable[bytes]) -> Callable[[Counter, socket.socket], None]:
    """Return what says its piece whatever it hears, and then listens for a moment."""

    def serve(counter: Counter, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.settimeout(5)
            for part in parts:
                tls.sendall(part)
            tls.settimeout(0.7)
            while chunk := tls.recv(65536):
                counter.said += chunk

    return serve


SHORT = b"".join(b"%03d\r\n:irc.test %03d\r\n:irc.test %03d alice\r\n" % (n, n, n) for n in range(1, 1000))
NEVER_ASKED = [
    ("challenge first", [PLUS]),
    ("challenge with capabilities", [LS + PLUS]),
    ("two lists and no acknowledgement", [LS + LS + PLUS]),
    ("an acknowledgement of something else", [LS, b":irc.test CAP * ACK :server-time\r\n", PLUS]),
    ("capabilities that are refused", [LS, b":irc.test CAP * NAK :sasl\r\n", PLUS]),
    ("a list without SASL", [b":irc.test CAP * LS :server-time\r\n", PLUS]),
    ("another mechanism", [LS + ACK, b"AUTHENTICATE EXTERNAL\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE abcd\r\n"]),
    ("a challenge with something in it", [LS + ACK, b"AUTHENTICATE +x\r\nAUTHENTICATE :+ +\r\n"]),
    ("a welcome out of nowhere", [WELCOME, PLUS]),
    ("short numerics", [SHORT, PLUS]),
    ("ten megabytes in a line", [b"CAP * LS :" + b"x" * LONG + b"\r\n", PLUS]),
    ("ten megabytes of tags", [b"@a=" + b"x" * LONG + b" CAP * LS :sasl\r\n", PLUS]),
    ("a line without end", [b"x" * LONG]),
    ("nothing but newlines", [b"\r\n" * 100_000, PLUS]),
    ("bytes that are no text", [bytes(range(256)) * 100, PLUS]),
    ("an ERROR with escapes", [b"ERROR :\x1b]52;c;eA==\x07\x1b[2J\xe2\x80\xae\r\n"]),
]


@pytest.mark.parametrize(("what", "parts"), NEVER_ASKED, ids=[what for what, _ in NEVER_ASKED])
async def test_a_server_that_does_not_ask_as_it_should_never_gets_the_password(
    authority: trustme.CA, program: MakeProgram, what: str, parts: list[bytes]
) -> None:
    with serving(say(make_context(authority), parts)) as server:
        outcome = await program("send", "#general", "hi", server=f"localhost:{server.port}").run()
    assert outcome.code in (1, 3)
    assert outcome.out == ""
    assert 1 <= len(outcome.err.splitlines()) <= 2
    assert all(line.isprintable() for line in outcome.err.splitlines())
    assert "Traceback" not in outcome.err
    assert RESPONSE not in server.said
    assert b"secret" not in server.said


async def test_control_a_server_that_asks_as_it_should_gets_it_once(
    authority: trustme.CA, program: MakeProgram
) -> None:
    parts = [LS, LS, ACK, ACK, PLUS, PLUS, LS, ACK, PLUS]
    with serving(say(make_context(authority), parts)) as server:
        outcome = await program("send", "#general", "hi", server=f"localhost:{server.port}").run()
    assert outcome.code == 3
    assert server.said.count(RESPONSE) == 1
    assert server.said.count(b"CAP REQ") == 1


SIGNED_IN = LS + ACK + PLUS + WELCOME
AFTERWARDS = [
    ("short numerics", SHORT),
    ("ten megabytes in a line", b":irc.test 332 alice #general :" + b"x" * LONG + b"\r\n"),
    ("another challenge", LS + ACK + PLUS),
    ("an open batch without end", b"BATCH +r chathistory #general\r\n" + b"@batch=r PRIVMSG #g :y\r\n" * 20_000),
    ("numbers of signing in", b"".join(b"%03d alice :no\r\n%03d\r\n" % (n, n) for n in range(900, 1000))),
    ("batches in batches", b"".join(b"@batch=%d BATCH +%d chathistory #g\r\n" % (n, n + 1) for n in range(10_000))),
    ("a batch in itself", b"@batch=a BATCH +a chathistory #g\r\n@batch=a :b PRIVMSG #general :x\r\nBATCH -a\r\n"),
    ("the end of no batch", b"BATCH -\x1b[2J\r\n"),
    ("other people", b"".join(b":a!b@c JOIN #c%d\r\n353 alice = #c%d :x\r\n" % (n, n) for n in range(20_000))),
    ("a flood of pings", b"PING :x\r\n" * 100_000),
    ("half lines", b"".join(b"%s\r\n" % word for word in b"JOIN PART KICK NICK TOPIC MODE BATCH FAIL NOTE".split())),
]


@pytest.mark.parametrize(("what", "part"), AFTERWARDS, ids=[what for what, _ in AFTERWARDS])
async def test_what_a_server_says_afterwards_ends_in_words_and_not_in_a_traceback(
    authority: trustme.CA, program: MakeProgram, what: str, part: bytes
) -> None:
    with serving(say(make_context(authority), [SIGNED_IN, part])) as server:
        async with program("tail", "#general", server=f"localhost:{server.port}") as tail:
            assert tail.process.stderr is not None
            said = (await tail.process.stderr.readline()).decode()
    assert said.startswith(("securechat-client: ", "following", "-- "))
    assert said.rstrip("\n").isprintable()
    assert server.said.count(RESPONSE) <= server.visits


WELCOMES = [
    b"001 \x1b]52;c;eA==\x07 :hi",
    b"001 " + b"n" * 480 + b" :hi",
    b"001",
    b"001 alice\r\n005 a CHATHISTORY=0 :x",
]


@pytest.mark.parametrize("welcome", WELCOMES, ids=["escapes", "long", "none", "no page"])
async def test_a_welcome_under_any_other_name_acts_on_nothing(
    authority: trustme.CA, program: MakeProgram, welcome: bytes
) -> None:
    part = LS + ACK + PLUS + b":irc.test 903 alice :ok\r\n" + welcome + b"\r\n422\r\nERROR :bye\r\n"
    with serving(say(make_context(authority), [part])) as server:
        async with program("tail", "#general", server=f"localhost:{server.port}") as tail:
            said = (await tail.read_until("the server closed the connection: bye", err=True))[-1]
    assert said.isprintable()


TIMES = [
    b"9999-12-31T23:59:60Z",
    b"9999-12-31T23:59:59.999Z",
    b"0001-01-01T00:00:00.000Z",
    b"2026-02-30T00:00:00.000Z",
    b"1e999",
    b"",
]


@pytest.mark.parametrize("msgid", [b"", b"m1"])
@pytest.mark.parametrize("time", TIMES)
async def test_a_message_of_no_time_is_a_row_like_any_other_also_after_a_reconnect(
    server: FakeServer, program: MakeProgram, msgid: bytes, time: bytes
) -> None:
    def answer(guest: Guest, params: list[str], tags: dict[str, str]) -> None:
        row = f"@batch=h;time={time.decode()};msgid={msgid.decode()} :bob!b@s PRIVMSG #general :hello"
        guest.tell(f"@label={tags['label']} BATCH +h chathistory #general", row, "BATCH -h")
        if len(server.guests) == 1:
            guest.tell("ERROR :again")

    server._on_chathistory = answer  # type: ignore[method-assign, assignment]
    async with program("tail", "#general", "--json", "--since", "m0") as reading:
        row = json.loads((await reading.read_until("hello"))[-1])
        await server.until(lambda: len(server.guests) > 1 and b"CHATHISTORY" in server.guests[1].received)
        await reading.read_until("following", err=True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"])


async def test_a_server_that_says_nothing_at_all_is_given_up(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()

    def swallow(_: Counter, connection: socket.socket) -> None:
        let_go.wait(10)

    def welcome_nobody(_: Counter, connection: socket.socket) -> None:
        with make_context(authority).wrap_socket(connection, server_side=True):
            let_go.wait(10)

    for serve, said in ((swallow, "does not answer"), (welcome_nobody, "does not let anybody in at the moment")):
        let_go.clear()
        with serving(serve) as server:
            address = Address("localhost", server.port)
            timing = Timing(connect=0.3, sign_in=0.3)
            link = Link(address, "alice", "secret", build_context(ca_file), timing=timing)
            with pytest.raises(UnreachableError, match=said) as raised:
                await link.__aenter__()
            assert raised.value.remedy
            let_go.set()

"""What keeps a client out: for each fault a line of cause, a line of remedy, an exit code of its own, nothing sent."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from securechat.cli.exits import FAULTS
from securechat.errors import Fault
from tests.client.fakeserver import FakeServer
from tests.client.tlsserver import (
    TOMORROW,
    YESTERDAY,
    Counter,
    echo,
    hang_up,
    make_context,
    serving,
    speak_plainly,
    speak_tls,
)
from tests.plain.program import Outcome, Program

MakeProgram = Callable[..., Program]
Serve = Callable[..., None]

CODES = {
    Fault.UNREACHABLE: 3,
    Fault.UNKNOWN_CA: 10,
    Fault.WRONG_NAME: 11,
    Fault.EXPIRED: 12,
    Fault.NOT_YET_VALID: 13,
    Fault.NO_TLS: 14,
    Fault.OLD_TLS: 15,
    Fault.CERTIFICATE: 16,
    Fault.CREDENTIALS: 20,
    Fault.DISABLED: 21,
    Fault.TRY_LATER: 22,
    Fault.REFUSED: 1,
}
ROOT = Path(__file__).parents[2]
TLS12 = ssl.TLSVersion.TLSv1_2
REMEDY = "securechat-client: what to do: "


def test_every_fault_has_the_exit_code_that_is_written_down() -> None:
    assert FAULTS == CODES


def test_the_documentation_has_the_same_codes() -> None:
    told = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "clients.md").read_text("utf-8"), re.MULTILINE)
    assert {int(code) for code in told} == {0, 2, 129, 130, 143} | set(CODES.values())
    record = (ROOT / "docs" / "decisions" / "0007-exit-codes.md").read_text("utf-8")
    assert all(re.search(rf"\b{code} ", record) for code in CODES.values())


def check_two_lines(outcome: Outcome, cause: str, remedy: str) -> None:
    """Check that stderr is one line of cause and one of remedy, and that stdout is empty."""
    assert outcome.out == ""
    first, second = outcome.err.splitlines()
    assert first.startswith("securechat-client: ")
    assert cause in first
    assert second.startswith(REMEDY)
    assert remedy in second


def stranger(_: trustme.CA) -> Serve:
    return speak_tls(make_context(trustme.CA()))


def show_another_name(authority: trustme.CA) -> Serve:
    return speak_tls(make_context(authority, "elsewhere.example"))


def show_expired(authority: trustme.CA) -> Serve:
    return speak_tls(make_context(authority, not_after=YESTERDAY))


def show_too_early(authority: trustme.CA) -> Serve:
    return speak_tls(make_context(authority, not_before=TOMORROW))


def speak_old_tls(authority: trustme.CA) -> Serve:
    return speak_tls(make_context(authority, newest=TLS12))


def greet_plainly(_: trustme.CA) -> Serve:
    return speak_plainly(b":irc.example NOTICE * :*** Looking up your hostname\r\n")


def repeat(_: trustme.CA) -> Serve:
    return echo


def close_at_once(_: trustme.CA) -> Serve:
    return hang_up


TROUBLES = [
    (stranger, 10, "not from a CA that you trust", "--ca FILE"),
    (show_another_name, 11, "for another name than 'localhost'", "use a name it was made for"),
    (show_expired, 12, "has expired", "renew it"),
    (show_too_early, 13, "is not valid yet", "clock"),
    (greet_plainly, 14, "does not speak TLS", "check the port"),
    (repeat, 14, "does not speak TLS", "check the port"),
    (speak_old_tls, 15, "does not offer TLS 1.3", "turn on TLS 1.3"),
    (close_at_once, 3, "hung up before TLS was agreed on", "check that it is a securechat server"),
]


@pytest.mark.parametrize("words", [("send", "#general", "hello"), ()], ids=["send", "talk"])
@pytest.mark.parametrize(("trouble", "code", "cause", "remedy"), TROUBLES)
async def test_a_server_that_is_not_what_it_should_be_gets_nothing(
    authority: trustme.CA,
    program: MakeProgram,
    words: tuple[str, ...],
    trouble: Callable[[trustme.CA], Serve],
    code: int,
    cause: str,
    remedy: str,
) -> None:
    with serving(trouble(authority)) as server:
        outcome = await program(*words, server=f"localhost:{server.port}").run(b"a line\n")
    assert outcome.code == code
    check_two_lines(outcome, cause, remedy)
    assert server.visits >= 1
    assert server.said == b""
    # A ClientHello is all that arrives where there is no TLS.
    assert server.raw == b"" or server.raw[:3] == b"\x16\x03\x01"
    assert not any(word in server.raw for word in (b"alice", b"secret", b"CAP LS", b"hello", b"a line"))


async def test_control_what_is_sent_to_a_server_that_is_right_is_counted(
    authority: trustme.CA, program: MakeProgram
) -> None:
    with serving(speak_tls(make_context(authority))) as server:
        async with program("send", "#general", "hello", server=f"localhost:{server.port}") as sending:
            while not server.said:
                assert sending.process.returncode is None
                await asyncio.sleep(0.02)
    assert server.said == b"CAP LS 302\r\n"


async def test_a_port_where_nobody_listens_is_exit_3(program: MakeProgram) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = await program("send", "#general", "hi", server=f"localhost:{unused.getsockname()[1]}").run()
    assert outcome.code == 3
    check_two_lines(outcome, "nothing listens there", "check that the server of localhost runs")


async def test_a_server_that_goes_away_while_one_signs_in_is_exit_3(server: FakeServer, program: MakeProgram) -> None:
    server._on_authenticate = lambda guest, *_: guest.cut()  # type: ignore[method-assign, assignment]
    outcome = await program("send", "#general", "hi").run()
    assert outcome.code == 3
    check_two_lines(outcome, "the server closed the connection", "try again in a minute")
    assert b"AGFsaWNl" not in server.received


def after_tls(authority: trustme.CA, end: Callable[[socket.socket], None]) -> Serve:
    """Return what shakes hands, hears the first words, and ends the connection in its own way."""
    context = make_context(authority)

    def serve(counter: Counter, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            counter.said += tls.recv(65536)
            end(tls)

    return serve


def reset(tls: socket.socket) -> None:
    """Have what is on its way thrown away. (RFC 9293, 3.5.2)"""
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def write_beside_tls(tls: socket.socket) -> None:
    with socket.socket(fileno=os.dup(tls.fileno())) as beneath:
        beneath.sendall(b"no record of TLS at all")
        beneath.recv(65536)


def demand_certificate(authority: trustme.CA) -> Serve:
    context = make_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.cert_pem.bytes().decode())

    def serve(_: Counter, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
            with pytest.raises(ssl.SSLError):
                tls.do_handshake()
            # Until the other end has gone: hanging up on what is unread would overtake the alert.
            while os.read(tls.fileno(), 65536):
                pass

    return serve


LATE_TROUBLES = [
    (lambda authority: after_tls(authority, reset), "the connection broke (Connection reset by peer)", "try again"),
    (lambda authority: after_tls(authority, write_beside_tls), "the connection broke (", "try again"),
    (demand_certificate, "the server wants a certificate of the client", "the port on which one signs in by password"),
]


@pytest.mark.parametrize(("trouble", "cause", "remedy"), LATE_TROUBLES, ids=["reset", "garbage", "client certificate"])
async def test_a_connection_that_breaks_after_the_handshake_is_exit_3_in_words_for_people(
    authority: trustme.CA, program: MakeProgram, trouble: Callable[[trustme.CA], Serve], cause: str, remedy: str
) -> None:
    with serving(trouble(authority)) as server:
        outcome = await program("send", "#general", "hi", server=f"localhost:{server.port}").run()
    assert outcome.code == 3
    check_two_lines(outcome, cause, remedy)
    assert server.said in (b"", b"CAP LS 302\r\n")


REFUSALS = [
    (":irc.test 904 * :SASL authentication failed", 20, "wrong name or password", "check both"),
    (":irc.test 902 * :This account is disabled", 21, "the account is disabled", "ask the server's admin"),
    ("FAIL AUTHENTICATE TRY_AGAIN :Too many people are signing in", 22, "Too many people", "try again in a minute"),
    (":irc.test 908 * EXTERNAL :are available", 1, "are available", "ask the server's admin"),
]


@pytest.mark.parametrize(("refusal", "code", "cause", "remedy"), REFUSALS)
async def test_a_sign_in_that_is_refused_says_why_and_what_to_do(
    server: FakeServer, program: MakeProgram, refusal: str, code: int, cause: str, remedy: str
) -> None:
    server.refusal = refusal
    outcome = await program("send", "#general", "hi").run()
    assert outcome.code == code
    check_two_lines(outcome, cause, remedy)
    assert server.stored == []


async def test_the_handshake_is_shown_with_what_failed_and_its_exit_code(
    authority: trustme.CA, ca_file: Path, program: MakeProgram
) -> None:
    with serving(speak_tls(make_context(authority, shows_authority=True))) as server:
        options = {"server": f"localhost:{server.port}", "sign_in": False}
        well = await program("--show-handshake", **options).run()  # type: ignore[arg-type]
    assert well.code == 0
    lines = {line.split()[0]: line for line in well.out.splitlines()}
    assert lines["protocol"] == "protocol     TLSv1.3"
    assert lines["suite"] == "suite        TLS_AES_256_GCM_SHA384, 256 bits"
    assert lines["ALPN"] == "ALPN         irc"
    assert lines["names"] == "  names      localhost, 127.0.0.1"
    assert lines["checked"] == "checked      CA, host name and dates are as they must be"
    assert well.out.count("  SHA-256    ") == well.out.count("  of its key ") == 2
    with serving(speak_tls(make_context(authority, not_after=YESTERDAY))) as other:
        options["server"] = f"localhost:{other.port}"
        faulty = await program("--show-handshake", **options).run()  # type: ignore[arg-type]
    assert faulty.code == 12
    assert "checked      FAILED: the certificate of localhost has expired" in faulty.out
    assert len(faulty.err.splitlines()) == 2
    assert server.said == other.said == b""

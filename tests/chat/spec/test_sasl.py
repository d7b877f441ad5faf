"""IRCv3 sasl-3.1 and sasl-3.2: mechanisms in CAP, their numerics, and what happens while nothing is offered."""

from __future__ import annotations

from base64 import b64encode

import pytest

from securechat.chat.certificates import PeerCertificate
from securechat.chat.effects import Purpose
from securechat.chat.session import State
from securechat.chat.signin import Conclusion
from tests.chat.stage import Stage

PLAIN = b64encode(b"\0alice\0correct horse").decode()


def test_the_mechanisms_are_the_value_of_the_capability() -> None:
    """sasl-3.2, Mechanism list in CAP LS."""
    stage = Stage()
    assert "sasl=PLAIN" in stage.play(stage.stranger(), "CAP LS 302").lines[0].split(":")[2].split()


def test_while_there_is_no_authentication_it_is_not_offered_and_not_granted() -> None:
    """sasl-3.2, Advertisement of sasl capability when authentication is unavailable."""
    stage = Stage()
    stage.world.offer.revise("sasl", None)
    assert not any("sasl" in line for line in stage.play(stage.stranger(), "CAP LS 302").lines)
    assert stage.play(stage.stranger(), "CAP REQ sasl").lines == [":chat.example CAP * NAK sasl"]
    assert stage.play(stage.stranger(), "AUTHENTICATE PLAIN").numerics == ["908", "904"]


def test_a_mechanism_that_is_none_names_those_that_are() -> None:
    """sasl-3.1, 908 RPL_SASLMECHS, and the session state remains unchanged."""
    stage = Stage("alice")
    session = stage.stranger()
    assert stage.play(session, "AUTHENTICATE EXTERNAL").lines == [
        ":chat.example 908 * PLAIN :are available SASL mechanisms",
        ":chat.example 904 * :SASL authentication failed",
    ]
    assert session.state is State.NEW
    assert stage.play(session, "AUTHENTICATE PLAIN", f"AUTHENTICATE {PLAIN}").verify is not None


def test_external_is_a_mechanism_for_who_has_shown_a_certificate_and_for_nobody_else() -> None:
    """sasl-3.2, Mechanism list in CAP LS: what this client may use; RFC 4422, A: an empty response asks for nothing."""
    stage = Stage("alice")
    session = stage.stranger()
    session.certificate = PeerCertificate("1f", "id-alice", 1 << 50)
    assert "sasl=PLAIN,EXTERNAL" in stage.play(session, "CAP LS 302").lines[0].split(":")[2].split()
    assert stage.play(session, "AUTHENTICATE ANONYMOUS").lines[0].split(" ", 3)[3] == (
        "PLAIN,EXTERNAL :are available SASL mechanisms"
    )
    assert stage.play(session, "AUTHENTICATE external").lines == [":chat.example AUTHENTICATE +"]
    verify = stage.play(session, "AUTHENTICATE +").verify
    assert verify is not None
    assert (verify.purpose, verify.name, verify.secret, verify.certificate) == (
        Purpose.EXTERNAL,
        "",
        "",
        session.certificate,
    )
    assert stage.conclude(session, verify, Conclusion("id-alice", device="1f", label="laptop")).numerics == [
        "900",
        "903",
    ]
    assert (session.device, session.device_name) == ("1f", "laptop")

    nameless = stage.stranger()
    nameless.certificate = PeerCertificate("20", "", 1 << 50)
    assert "sasl=PLAIN" in stage.play(nameless, "CAP LS 302").lines[0].split(":")[2].split()
    assert stage.play(nameless, "AUTHENTICATE EXTERNAL").numerics == ["908", "904"]


def test_a_withdrawn_sasl_is_offered_to_nobody_certificate_or_not() -> None:
    stage = Stage("alice")
    session = stage.stranger()
    session.certificate = PeerCertificate("1f", "id-alice", 1 << 50)
    stage.world.offer.revise("sasl", None)
    assert not any("sasl" in line for line in stage.play(session, "CAP LS 302").lines)
    assert stage.play(session, "AUTHENTICATE EXTERNAL").numerics == ["908", "904"]


def test_external_that_was_wrong_is_904() -> None:
    stage = Stage("alice")
    session = stage.stranger()
    session.certificate = PeerCertificate("1f", "id-alice", 1 << 50)
    verify = stage.play(session, "AUTHENTICATE EXTERNAL", "AUTHENTICATE +").verify
    assert verify is not None
    assert stage.conclude(session, verify, Conclusion("")).numerics == ["904"]
    assert session.state is State.NEW


def test_success_is_900_and_903_and_from_then_on_907() -> None:
    """sasl-3.1: 900, 903, 907; sasl-3.2, SASL Reauthentication: ERR_SASLALREADY where it is not supported."""
    stage = Stage("alice")
    session = stage.stranger()
    verify = stage.play(session, "CAP LS 302", "AUTHENTICATE PLAIN", f"AUTHENTICATE {PLAIN}").verify
    assert verify is not None
    assert verify.purpose is Purpose.SASL
    assert stage.conclude(session, verify, Conclusion("id-alice")).numerics == ["900", "903"]
    assert stage.play(session, "AUTHENTICATE PLAIN").numerics == ["907"]
    stage.play(session, "NICK alice", "USER alice 0 * :Alice", "CAP END")
    assert session.is_ready
    assert stage.play(session, "AUTHENTICATE PLAIN").numerics == ["907"]
    assert stage.play(session, f"AUTHENTICATE {PLAIN}").numerics == ["907"]


@pytest.mark.parametrize("chunks", [[], [PLAIN[:0] + "A" * 400]])
def test_an_abort_is_906(chunks: list[str]) -> None:
    """sasl-3.1, The AUTHENTICATE command: the client can abort by sending an asterisk; Errata: with 906."""
    stage = Stage("alice")
    session = stage.stranger()
    stage.play(session, "AUTHENTICATE PLAIN", *(f"AUTHENTICATE {chunk}" for chunk in chunks))
    assert stage.play(session, "AUTHENTICATE *").lines == [":chat.example 906 * :SASL authentication aborted"]
    assert session.state is State.NEW


def test_ending_the_negotiation_aborts_the_exchange_and_nobody_gets_in_without() -> None:
    """sasl-3.1: the server SHOULD abort it and send a 906; the sign-in itself is refused, for it needs an account."""
    stage = Stage("alice")
    session = stage.stranger()
    lines = [
        "CAP REQ sasl",
        "PASS alice:secret",
        "NICK alice",
        "USER alice 0 * :Alice",
        "AUTHENTICATE PLAIN",
        "CAP END",
    ]
    scene = stage.play(session, *lines)
    assert scene.numerics == ["CAP", "AUTHENTICATE", "906", "FAIL"]
    assert scene.closed is not None
    assert scene.verify is None, "not even by the password that was given besides"


def test_third_failure_has_its_reason_before_the_end() -> None:
    """sasl-3.2, SASL Reauthentication: servers MUST provide the reason prior to disconnection."""
    stage = Stage("alice")
    session = stage.stranger()
    for closed in (None, None, "Too many failed sign-ins"):
        verify = stage.play(session, "AUTHENTICATE PLAIN", f"AUTHENTICATE {PLAIN}").verify
        assert verify is not None
        scene = stage.conclude(session, verify, Conclusion(""))
        assert scene.numerics == ["904"]
        assert scene.closed == closed

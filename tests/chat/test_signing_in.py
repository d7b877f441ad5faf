"""Signing in: SASL PLAIN, PASS, in every order that clients come up with; and nobody without an account."""

from __future__ import annotations

import itertools
from base64 import b64encode

import pytest

from securechat.chat.effects import Purpose
from securechat.chat.session import Session, State
from securechat.chat.signin import Conclusion
from tests.chat.stage import Scene, Stage

ACCEPTED = Conclusion("id-alice")
REJECTED = Conclusion("")
DISABLED = Conclusion("id-alice", enabled=False)


def plain(account: str, secret: str, authzid: str = "") -> str:
    return b64encode(f"{authzid}\0{account}\0{secret}".encode()).decode()


def sign_in(stage: Stage, session: Session, *lines: str, conclusion: Conclusion = ACCEPTED) -> Scene:
    """Say lines; credentials are concluded where they are given, as a connection does."""
    whole = Scene()
    for line in lines:
        scene = stage.play(session, line)
        whole.lines += scene.lines
        whole.effects += scene.effects
        if scene.verify is not None:
            verdict = stage.conclude(session, scene.verify, conclusion)
            whole.lines += verdict.lines
            whole.effects += verdict.effects
    return whole


ALICE = plain("alice", "correct horse")
SASL = ("AUTHENTICATE PLAIN", f"AUTHENTICATE {ALICE}")
NICK, USER = "NICK whoever", "USER u 0 * :real"


ORDERS = [
    ("CAP LS 302", *(line for step in order for line in (SASL if step == "SASL" else (step,))))
    for order in itertools.permutations([NICK, USER, "CAP END", "SASL"])
]
"""Every order of the steps. Where SASL comes last, all that a sign-in needs was said before, but for the account."""


@pytest.mark.parametrize("lines", ORDERS, ids="|".join)
def test_any_order_of_the_steps_lets_one_in_once_if_the_account_is_not_named_last(lines: tuple[str, ...]) -> None:
    stage = Stage("alice")
    session = stage.stranger()
    if lines[-1] == SASL[1]:
        scene = stage.play(session, *lines[:-2])
        assert scene.numerics[-1] == "FAIL"
        assert set(scene.numerics) == {"CAP", "FAIL"}
        assert scene.closed is not None
        return
    scene = sign_in(stage, session, *lines)
    assert session.state is State.READY
    assert scene.numerics.count("001") == 1
    assert scene.numerics.index("903") < scene.numerics.index("001")
    assert scene.closed is None


@pytest.mark.parametrize("lines", list(itertools.permutations([*SASL[:1], NICK, USER])), ids="|".join)
def test_a_client_without_negotiation_is_waited_for_in_the_middle_of_sasl(lines: tuple[str, ...]) -> None:
    stage = Stage("alice")
    session = stage.stranger()
    if lines[-1] == SASL[0]:
        assert sign_in(stage, session, *lines).closed is not None
        return
    scene = sign_in(stage, session, *lines, SASL[1])
    assert session.state is State.READY
    assert scene.closed is None


def test_the_welcome_tells_the_name_of_the_account_whatever_nick_was_asked_for() -> None:
    stage = Stage("Alice")
    session = stage.stranger()
    scene = sign_in(
        stage, session, "CAP LS 302", *SASL, "NICK guest", USER, "CAP END", conclusion=Conclusion("id-Alice")
    )
    assert scene.lines[scene.numerics.index("AUTHENTICATE") :][:4] == [
        ":chat.example AUTHENTICATE +",
        ":chat.example 900 * Alice!Alice@securechat Alice :You are now logged in as Alice",
        ":chat.example 903 * :SASL authentication successful",
        ":chat.example 001 Alice :Welcome to securechat, Alice",
    ]
    assert session.nick == "Alice"
    assert session.account == "id-Alice"


# ── SASL ──


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "EXTERNAL", "fnord", "+", ALICE])
def test_an_unknown_mechanism_is_answered_with_the_known_ones(mechanism: str) -> None:
    stage = Stage()
    session = stage.stranger()
    assert stage.play(session, f"AUTHENTICATE {mechanism}").lines == [
        ":chat.example 908 * PLAIN :are available SASL mechanisms",
        ":chat.example 904 * :SASL authentication failed",
    ]
    assert session.state is State.NEW


def test_a_mechanism_is_known_in_any_case() -> None:
    stage = Stage()
    assert stage.play(stage.stranger(), "AUTHENTICATE plain").lines == [":chat.example AUTHENTICATE +"]


@pytest.mark.parametrize(
    ("chunks", "numeric"),
    [
        (["*"], "906"),
        (["A" * 401], "905"),
        (["A" * 400] * 21, "905"),
        (["not base64!"], "904"),
        (["+"], "904"),
        (["AA=="], "904"),
        ([plain("", "secret")], "904"),
        ([plain("alice", "")], "904"),
        ([plain("alice", "x", authzid="bob")], "904"),
    ],
)
def test_an_exchange_that_fails_can_be_begun_again(chunks: list[str], numeric: str) -> None:
    stage = Stage()
    session = stage.stranger()
    scene = stage.play(session, "AUTHENTICATE PLAIN", *[f"AUTHENTICATE {chunk}" for chunk in chunks])
    assert scene.numerics == ["AUTHENTICATE", numeric]
    assert session.state is State.NEW
    assert stage.play(session, *SASL).verify is not None


def test_an_abort_of_nothing_is_an_abort() -> None:
    stage = Stage()
    assert stage.play(stage.stranger(), "AUTHENTICATE *").lines == [":chat.example 906 * :SASL authentication aborted"]


def test_a_long_response_comes_in_chunks_of_400() -> None:
    secret = "x" * 700
    response = plain("alice@phone", secret)
    assert 800 < len(response) < 1200
    stage = Stage("alice")
    session = stage.stranger()
    stage.play(session, "AUTHENTICATE PLAIN")
    assert stage.play(session, f"AUTHENTICATE {response[:400]}", f"AUTHENTICATE {response[400:800]}").lines == []
    verify = stage.play(session, f"AUTHENTICATE {response[800:]}").verify
    assert verify is not None
    assert (verify.purpose, verify.name, verify.device, verify.secret) == (Purpose.SASL, "alice", "phone", secret)
    assert secret not in repr(verify)


def test_a_response_of_exactly_400_ends_with_a_plus() -> None:
    response = plain("alice", "x" * 293)
    assert len(response) == 400
    stage = Stage("alice")
    session = stage.stranger()
    assert stage.play(session, "AUTHENTICATE PLAIN", f"AUTHENTICATE {response}").verify is None
    assert stage.play(session, "AUTHENTICATE +").verify is not None


@pytest.mark.parametrize("state", [State.AUTHENTICATED, State.READY])
def test_who_has_authenticated_cannot_again(state: State) -> None:
    stage = Stage("alice")
    session = stage.enter("alice")
    session.state = state
    assert stage.play(session, "AUTHENTICATE PLAIN").numerics == ["907"]
    assert stage.play(session, "AUTHENTICATE *").numerics == ["907"]


MIDDLE = ("CAP LS 302", "AUTHENTICATE PLAIN", "CAP END")


@pytest.mark.parametrize("before", [(), (NICK, USER), (NICK, USER, "PASS alice:secret")], ids="|".join)
def test_ending_the_negotiation_in_the_middle_of_sasl_ends_the_sign_in(before: tuple[str, ...]) -> None:
    """IRCv3 sasl-3.1 has it aborted with 906; the text's sign-in without an account is what there is not here."""
    stage = Stage("alice")
    session = stage.stranger()
    scene = stage.play(session, "CAP LS 302", *before, *MIDDLE)
    assert scene.numerics[-2:] == ["906", "FAIL"]
    assert scene.lines[-1].startswith(":chat.example FAIL * ACCOUNT_REQUIRED :")
    assert scene.closed is not None
    assert scene.verify is None
    assert not session.is_ready


def test_wrong_credentials_get_904_and_the_third_time_the_door() -> None:
    stage = Stage("alice")
    session = stage.stranger()
    scenes = [sign_in(stage, session, *SASL, conclusion=REJECTED) for _ in range(3)]
    for scene in scenes:
        assert scene.lines[-1] == ":chat.example 904 * :SASL authentication failed"
    assert [scene.closed for scene in scenes] == [None, None, "Too many failed sign-ins"]


def test_a_disabled_account_is_told_so() -> None:
    stage = Stage("alice")
    session = stage.stranger()
    scene = sign_in(stage, session, *SASL, conclusion=DISABLED)
    assert scene.lines[-1] == ":chat.example 902 * :This account is disabled"
    assert session.account == ""


def test_the_device_that_signed_in_is_remembered() -> None:
    stage = Stage("alice")
    session = stage.stranger()
    response = plain("alice@phone", "sct_x")
    sign_in(stage, session, SASL[0], f"AUTHENTICATE {response}", conclusion=Conclusion("id-alice", device="d1"))
    assert (session.device, session.device_name) == ("d1", "phone")


# ── PASS, and neither ──


@pytest.mark.parametrize("lines", list(itertools.permutations(["PASS alice@phone:a:b", NICK, USER])), ids="|".join)
def test_a_password_counts_when_it_comes_before_the_end(lines: tuple[str, ...]) -> None:
    stage = Stage("alice")
    session = stage.stranger()
    scene = stage.play(session, *lines)
    if lines[-1].startswith("PASS"):
        assert scene.closed is not None
        return
    verify = scene.verify
    assert verify is not None
    assert (verify.purpose, verify.name, verify.device, verify.secret) == (Purpose.PASS, "alice", "phone", "a:b")
    assert stage.conclude(session, verify, ACCEPTED).numerics[0] == "001"


@pytest.mark.parametrize(
    ("conclusion", "text"), [(REJECTED, "Password incorrect"), (DISABLED, "This account is disabled")]
)
def test_a_wrong_password_closes_the_connection(conclusion: Conclusion, text: str) -> None:
    stage = Stage("alice")
    session = stage.stranger()
    scene = sign_in(stage, session, "PASS alice:wrong", NICK, USER, conclusion=conclusion)
    assert scene.lines == [f":chat.example 464 whoever :{text}"]
    assert scene.closed == text


@pytest.mark.parametrize(
    "lines",
    [
        (NICK, USER),
        (USER, NICK),
        ("CAP LS 302", NICK, USER, "CAP END"),
        ("PASS secret", NICK, USER),
        ("PASS :", NICK, USER),
        ("PASS :secret", NICK, USER),
        ("PASS alice:", NICK, USER),
    ],
)
def test_nobody_gets_in_without_an_account(lines: tuple[str, ...]) -> None:
    stage = Stage("alice")
    session = stage.stranger()
    scene = stage.play(session, *lines)
    text = "An account is needed here: sign in by SASL PLAIN, or by PASS account:password"
    assert scene.lines[-1] == f":chat.example FAIL * ACCOUNT_REQUIRED :{text}"
    assert scene.closed == text
    assert scene.verify is None
    assert not session.is_ready


# ── NICK, USER, PING, QUIT ──


@pytest.mark.parametrize("nick", ["*", "a b", "a,b", "#a", "a@b", "a!b", "a.b", "$a", "+a", "a:b", "a\x07", "x" * 65])
def test_a_nick_that_could_not_stand_in_a_line_is_refused(nick: str) -> None:
    stage = Stage()
    session = stage.stranger()
    shown = "*" if nick == "a b" else nick
    assert stage.play(session, f"NICK :{nick}").lines == [f":chat.example 432 * {shown} :Erroneous nickname"]
    assert session.nick == ""


@pytest.mark.parametrize("line", ["NICK", "NICK :"])
def test_no_nick_at_all_is_told_as_such(line: str) -> None:
    stage = Stage()
    assert stage.play(stage.stranger(), line).lines == [":chat.example 431 * :No nickname given"]


@pytest.mark.parametrize("nick", ["alice", "alice_", "[x]", "grüße", "1guest", "x" * 64])
def test_any_other_nick_is_taken_at_sign_in(nick: str) -> None:
    stage = Stage()
    session = stage.stranger()
    assert stage.play(session, f"NICK {nick}").lines == []
    assert session.nick == nick


@pytest.mark.parametrize("nick", ["bob", "alice_", "Alice", "guest", "*", "a,b"])
def test_a_nick_cannot_be_changed_afterwards(nick: str) -> None:
    stage = Stage("alice", "bob")
    scene = stage.play(stage.enter("alice"), f"NICK {nick}")
    assert scene.lines == [":chat.example 447 alice :Your nick is the name of your account"]


def test_asking_for_the_nick_one_has_is_met_with_silence() -> None:
    stage = Stage("alice")
    assert stage.play(stage.enter("alice"), "NICK alice") == Scene()


@pytest.mark.parametrize("line", [USER, "PASS alice:x"])
def test_one_registers_once(line: str) -> None:
    stage = Stage("alice")
    assert stage.play(stage.enter("alice"), line).lines == [":chat.example 462 alice :You may not register twice"]
    assert stage.play(stage.stranger(), USER, USER).numerics == ["462"]


def test_a_ping_is_answered_with_its_token_and_a_pong_with_nothing() -> None:
    stage = Stage()
    scene = stage.play(stage.stranger(), "PING :a b", "PONG x", "PONG")
    assert scene.lines == [":chat.example PONG chat.example :a b"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [("QUIT", "Quit"), ("QUIT :", "Quit"), ("QUIT :so long", "Quit: so long"), ("QUIT :" + "x" * 301, "Quit")],
)
def test_quitting_closes(line: str, reason: str) -> None:
    stage = Stage("alice")
    assert stage.play(stage.enter("alice"), line).closed == reason
    assert stage.play(stage.stranger(), line).closed == reason

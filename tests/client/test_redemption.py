"""An invitation redeemed, as lines in and out and over real TLS: who gets which secret, and what each answer means."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from securechat.client.address import Address
from securechat.client.redemption import Outcome, Phase, Redemption, Unanswered, Verdict, redeem
from securechat.client.timing import Timing
from securechat.client.trust import build_context
from securechat.errors import Fault, UnreachableError
from securechat.wire.message import parse
from tests.client.inviting import CODE, InvitingServer

SECRET = "sct_" + "a2" * 26
LS = b":irc.test CAP * LS :sasl draft/account-registration=before-connect"
ACK = b":irc.test CAP * ACK :draft/account-registration"
REQUIRED = b"REGISTER VERIFICATION_REQUIRED carla :Give the code"
SUCCESS = b"VERIFY SUCCESS carla :Welcome"
OPENING = ["CAP LS 302"]
REQUEST = ["CAP REQ draft/account-registration", "NICK carla", "USER carla 0 * carla"]
REGISTER = [f"REGISTER carla * {SECRET}"]
VERIFY = [f"VERIFY carla {CODE}"]
SOON = Timing(sign_in=0.5, closing=0.2)


def make_redemption() -> tuple[Redemption, list[str]]:
    written: list[str] = []
    return Redemption("carla", SECRET, CODE, lambda *words: written.append(" ".join(words))), written


def test_a_redemption_goes_step_by_step() -> None:
    redemption, written = make_redemption()
    steps: list[tuple[bytes, list[str], Verdict | None]] = [
        (b":irc.test CAP * LS * :sasl server-time", [], None),
        (LS, REQUEST, None),
        (ACK, REGISTER, None),
        (b"PING :x", ["PONG x"], None),
        (REQUIRED, VERIFY, None),
        (SUCCESS, [], Verdict(Outcome.ACCEPTED)),
    ]
    assert written == OPENING
    for line, answer, verdict in steps:
        written.clear()
        assert redemption.take(parse(line)) == verdict
        assert written == answer
    assert redemption.phase is Phase.ENDED


JUDGED = [
    (LS, ACK, b"FAIL REGISTER BAD_ACCOUNT_NAME carla :No", Outcome.NAME_REFUSED, "No (BAD_ACCOUNT_NAME)", ""),
    (LS, ACK, REQUIRED, b"FAIL VERIFY INVALID_CODE carla :No", Outcome.INVALID, "No (INVALID_CODE)", ""),
    (LS, ACK, REQUIRED, b"FAIL VERIFY ACCOUNT_EXISTS carla :No", Outcome.NAME_TAKEN, "No (ACCOUNT_EXISTS)", ""),
    (LS, ACK, REQUIRED, b"FAIL VERIFY NAME_FIXED carla carol :No", Outcome.NAME_FIXED, "No", "carol"),
    (LS, ACK, REQUIRED, b"FAIL VERIFY NAME_FIXED carla :No", Outcome.NAME_FIXED, "No", "No"),
    (LS, ACK, b"FAIL REGISTER TEMPORARILY_UNAVAILABLE :No", Outcome.TRY_LATER, "No (TEMPORARILY_UNAVAILABLE)", ""),
    (LS, b"FAIL * TRY_AGAIN :No", Outcome.TRY_LATER, "No (TRY_AGAIN)", ""),
    (LS, b"FAIL * ACCOUNT_REQUIRED :No", Outcome.REFUSED, "No (ACCOUNT_REQUIRED)", ""),
    (LS, b":irc.test CAP * NAK :draft/account-registration", Outcome.CLOSED, "", ""),
    (b"CAP * LS :sasl", Outcome.CLOSED, "", ""),
]


@pytest.mark.parametrize("case", JUDGED)
def test_every_refusal_ends_it_and_means_one_thing(case: tuple[bytes | Outcome | str, ...]) -> None:
    *lines, outcome, reason, fixed = case
    redemption, _ = make_redemption()
    verdicts = [redemption.take(parse(line)) for line in lines if isinstance(line, bytes)]
    assert verdicts == [None] * (len(lines) - 1) + [Verdict(outcome, reason, fixed)]  # type: ignore[arg-type]
    assert redemption.phase is Phase.ENDED


UNASKED = [
    [REQUIRED],
    [ACK, REQUIRED],
    [LS, REQUIRED],
    [LS, b":irc.test CAP * ACK :sasl", REQUIRED],
    [LS, ACK, b"REGISTER SUCCESS carla :Done"],
    [LS, ACK, b"VERIFY VERIFICATION_REQUIRED carla :x"],
    [b"CAP * LS :sasl", LS, ACK, REQUIRED],
    [b"FAIL * TRY_AGAIN :x", LS, ACK, REQUIRED],
]


@pytest.mark.parametrize("lines", UNASKED)
def test_no_order_of_lines_but_the_right_one_gets_the_code(lines: list[bytes]) -> None:
    redemption, written = make_redemption()
    for line in lines:
        redemption.take(parse(line))
    assert CODE not in " ".join(written)


def test_control_the_right_order_gets_each_secret_once() -> None:
    redemption, written = make_redemption()
    for line in (LS, ACK, LS, ACK, REQUIRED, REQUIRED, ACK, SUCCESS, LS, ACK, REQUIRED):
        redemption.take(parse(line))
    assert written == [*OPENING, *REQUEST, *REGISTER, *VERIFY]


def test_success_that_was_not_asked_for_is_none() -> None:
    redemption, _ = make_redemption()
    assert [redemption.take(parse(line)) for line in (SUCCESS, LS, SUCCESS, ACK, SUCCESS)] == [None] * 5


def test_neither_secret_stands_in_the_repr() -> None:
    assert repr(make_redemption()[0]) == "Redemption('carla', LISTING)"


# Over TLS


async def test_over_a_connection_it_is_the_same_lines(authority: trustme.CA, ca_file: Path) -> None:
    async with InvitingServer(authority) as server:
        address = Address("localhost", server.port)
        assert await redeem(address, build_context(ca_file), "carla", SECRET, CODE, SOON) == Verdict(Outcome.ACCEPTED)
        await server.until(lambda: "QUIT" in server.guests[0].lines)
        again = await redeem(address, build_context(ca_file), "carl", SECRET, CODE, SOON)
        assert again.outcome is Outcome.INVALID
    assert server.redeemed == ["carla"]
    assert server.tokens == {SECRET: "carla"}
    assert server.guests[0].lines == [
        "CAP LS 302",
        "CAP REQ draft/account-registration",
        "NICK carla",
        "USER carla 0 * carla",
        f"REGISTER carla * {SECRET}",
        f"VERIFY carla {CODE}",
        "QUIT",
    ]


@pytest.mark.parametrize("names", [("elsewhere.example",), ("localhost.example", "127.0.0.2")])
async def test_a_server_of_another_name_is_sent_nothing(
    authority: trustme.CA, ca_file: Path, names: tuple[str, ...]
) -> None:
    async with InvitingServer(authority, names) as server:
        with pytest.raises(UnreachableError) as raised:
            await redeem(Address("localhost", server.port), build_context(ca_file), "carla", SECRET, CODE, SOON)
    assert raised.value.fault is Fault.WRONG_NAME
    assert server.received == b""


@pytest.mark.parametrize(("trouble", "error"), [("mute", Unanswered), ("cut", Unanswered), ("deaf", UnreachableError)])
async def test_whether_the_code_was_sent_when_the_answer_is_missing_is_known(
    authority: trustme.CA, ca_file: Path, trouble: str, error: type[UnreachableError]
) -> None:
    async with InvitingServer(authority) as server:
        setattr(server, trouble, True)
        if trouble == "deaf":
            server.refusal_to_register = "NOTICE * :Wait"
        with pytest.raises(UnreachableError) as raised:
            await redeem(Address("localhost", server.port), build_context(ca_file), "carla", SECRET, CODE, SOON)
    assert type(raised.value) is error
    assert (CODE in server.received.decode()) is (error is Unanswered)
    assert CODE not in str(raised.value)
    assert SECRET not in str(raised.value)


async def test_a_server_that_talks_on_and_on_is_left(authority: trustme.CA, ca_file: Path) -> None:
    async with InvitingServer(authority) as server:
        server.greeting = b"NOTICE * :and then\r\n" * 5000
        with pytest.raises(UnreachableError, match="not what it was asked"):
            await redeem(Address("localhost", server.port), build_context(ca_file), "carla", SECRET, CODE, SOON)
    assert CODE not in server.received.decode()

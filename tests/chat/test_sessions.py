"""A session's states as a table, and the negotiation of capabilities."""

from __future__ import annotations

import pytest

from securechat.chat.session import Session, State, Trigger
from securechat.wire import capabilities
from tests.chat.stage import Stage

MOVES = {
    ("new", "sasl begun"): "authenticating",
    ("new", "credentials given"): "verifying",
    ("authenticating", "credentials given"): "verifying",
    ("authenticating", "sasl ended"): "new",
    ("verifying", "accepted"): "authenticated",
    ("verifying", "rejected"): "new",
    ("authenticated", "welcomed"): "ready",
    ("new", "ended"): "closed",
    ("authenticating", "ended"): "closed",
    ("verifying", "ended"): "closed",
    ("authenticated", "ended"): "closed",
    ("ready", "ended"): "closed",
    ("closed", "ended"): "closed",
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", Trigger)
def test_a_session_moves_as_written_here_and_no_other_way(state: State, trigger: Trigger) -> None:
    session = Session("s1")
    session.state = state
    target = MOVES.get((state.value, trigger.value))
    if target is None:
        with pytest.raises(KeyError):
            session.move(trigger)
        assert session.state is state
    else:
        session.move(trigger)
        assert session.state.value == target


def test_every_state_and_trigger_is_in_the_table() -> None:
    assert {state.value for state in State} == {state for state, _ in MOVES} | set(MOVES.values())
    assert {trigger.value for trigger in Trigger} == {trigger for _, trigger in MOVES}


def test_only_a_ready_session_is_ready() -> None:
    answers = {}
    for state in State:
        session = Session("s1")
        session.state = state
        answers[state.value] = (session.is_ready, session.is_registering)
    assert answers == {
        "new": (False, True),
        "authenticating": (False, True),
        "verifying": (False, True),
        "authenticated": (False, True),
        "ready": (True, False),
        "closed": (False, False),
    }


def listed(lines: list[str]) -> list[str]:
    """Return the names and values of an answer to CAP LS or LIST, whose lines but the last are marked."""
    heads, words = zip(*(line.removeprefix(":chat.example CAP ").split(" :") for line in lines), strict=True)
    assert [head.endswith(" *") for head in heads] == [True] * (len(lines) - 1) + [False]
    return " ".join(words).split(" ")


@pytest.mark.parametrize("line", ["CAP LS", "CAP LS 301", "CAP LS x", "CAP LS 0", "CAP LS -302"])
def test_an_older_client_gets_names_without_values_in_one_line(line: str) -> None:
    """IRCv3 capability-negotiation, CAP LS Version: no feature of 302 for who has not asked for it."""
    session = (stage := Stage()).stranger()
    lines = stage.play(session, line).lines
    assert len(lines) == 1
    assert len(lines[0].encode()) <= 510
    assert listed(lines)[:3] == ["sasl", "server-time", "message-tags"]
    assert not any("=" in word for word in listed(lines))
    assert session.negotiating
    assert not session.has(capabilities.CAP_NOTIFY)


@pytest.mark.parametrize("line", ["CAP LS 302", "CAP ls 302", "CAP LS 999", "CAP LS 303"])
def test_from_version_302_on_there_are_values_and_several_lines(line: str) -> None:
    session = (stage := Stage()).stranger()
    words = listed(stage.play(session, line).lines)
    assert words[:3] == ["sasl=PLAIN", "server-time", "message-tags"]
    always = [name for name in capabilities.CAPABILITIES if name != "draft/account-registration"]
    assert [word.partition("=")[0] for word in words] == always
    assert session.negotiating
    assert session.has(capabilities.CAP_NOTIFY)


def test_a_lower_version_later_is_answered_as_such_and_takes_the_higher_one_not_back() -> None:
    """IRCv3 capability-negotiation, CAP LS Version, its first example."""
    stage = Stage()
    session = stage.stranger()
    assert "sasl=PLAIN" in listed(stage.play(session, "CAP LS 302").lines)
    assert "sasl" in listed(stage.play(session, "CAP LS").lines)
    assert session.cap_version == 302


@pytest.mark.parametrize(
    ("lines", "answer", "held"),
    [
        (["CAP REQ batch"], "ACK batch", "batch"),
        (["CAP REQ :server-time batch"], "ACK :server-time batch", ":server-time batch"),
        (["CAP REQ :batch batch"], "ACK :batch batch", "batch"),
        (["CAP REQ server-time batch"], "ACK :server-time batch", ":server-time batch"),
        (["CAP REQ :batch fnord"], "NAK :batch fnord", ":"),
        (["CAP REQ fnord"], "NAK fnord", ":"),
        (["CAP REQ BATCH"], "NAK BATCH", ":"),
        (["CAP REQ sasl=PLAIN"], "NAK sasl=PLAIN", ":"),
        (["CAP REQ"], "ACK :", ":"),
        (["CAP REQ batch", "CAP REQ -batch"], "ACK -batch", ":"),
        (["CAP REQ batch", "CAP REQ :-batch fnord"], "NAK :-batch fnord", "batch"),
        (["CAP REQ batch", "CAP REQ -fnord"], "NAK -fnord", "batch"),
        (["CAP REQ -batch"], "ACK -batch", ":"),
        (["CAP REQ cap-notify", "CAP REQ -cap-notify"], "ACK -cap-notify", ":"),
        (["CAP LS 302"], None, "cap-notify"),
        (["CAP LS 302", "CAP REQ -cap-notify"], "NAK -cap-notify", "cap-notify"),
        (["CAP LS 302", "CAP REQ :batch -cap-notify"], "NAK :batch -cap-notify", "cap-notify"),
        (["CAP LS 302", "CAP REQ :-cap-notify cap-notify"], "ACK :-cap-notify cap-notify", "cap-notify"),
    ],
)
def test_requests_are_granted_whole_or_not_at_all(lines: list[str], answer: str | None, held: str) -> None:
    stage = Stage()
    session = stage.stranger()
    told = stage.play(session, *lines).lines
    if answer is not None:
        assert told[-1] == f":chat.example CAP * {answer}"
    assert stage.play(session, "CAP LIST").lines == [f":chat.example CAP * LIST {held}"]


def test_a_request_whose_repetition_would_not_fit_a_line_is_granted_in_several() -> None:
    """IRCv3 capability-negotiation, CAP ACK: an ACK may be spread across multiple lines."""
    stage = Stage()
    session = stage.stranger()
    lines = stage.play(session, "CAP REQ :" + "batch " * 82).lines
    assert [line.partition(" :")[0] for line in lines] == [":chat.example CAP * ACK"] * 2
    assert all(len(line) <= 510 for line in lines)
    assert " ".join(line.partition(" :")[2] for line in lines) == "batch " * 81 + "batch"
    assert session.has(capabilities.BATCH)


def test_a_request_that_can_be_repeated_in_a_line_is_for_clients_that_expect_one() -> None:
    stage = Stage()
    session = stage.stranger()
    wanted = "batch " * 79 + "batch"
    assert stage.play(session, f"CAP REQ :{wanted}").lines == [f":chat.example CAP * ACK :{wanted}"]


def test_a_request_of_more_than_a_line_with_a_name_unknown_changes_nothing() -> None:
    stage = Stage()
    session = stage.stranger()
    lines = stage.play(session, "CAP REQ :" + "batch " * 82 + "fnord").lines
    assert [line.split()[3] for line in lines] == ["NAK", "NAK"]
    assert session.caps == 0


@pytest.mark.parametrize("line", ["CAP LS", "CAP LS 302", "CAP REQ batch", "CAP REQ fnord"])
def test_signing_in_waits_for_the_end_of_a_negotiation(line: str) -> None:
    stage = Stage("alice")
    session = stage.stranger()
    scene = stage.play(session, line, "PASS alice:secret", "NICK alice", "USER alice 0 * :Alice")
    assert scene.verify is None
    assert scene.closed is None
    verify = stage.play(session, "CAP END").verify
    assert verify is not None
    assert (verify.name, verify.secret) == ("alice", "secret")


@pytest.mark.parametrize("line", ["CAP LIST", "CAP FNORD", "CAP END", "PING x"])
def test_nothing_else_holds_signing_in_up(line: str) -> None:
    stage = Stage("alice")
    scene = stage.play(stage.stranger(), line, "PASS alice:secret", "NICK alice", "USER alice 0 * :Alice")
    assert scene.verify is not None


def test_negotiating_when_signed_in_changes_what_is_held_and_no_state() -> None:
    stage = Stage("alice")
    session = stage.enter("alice")
    lines = stage.play(session, "CAP LS 302", "CAP REQ batch", "CAP LIST", "CAP END").lines
    assert lines[-2:] == [":chat.example CAP alice ACK batch", ":chat.example CAP alice LIST :batch cap-notify"]
    assert session.is_ready
    assert not session.negotiating


@pytest.mark.parametrize(("line", "named"), [("CAP FNORD", "FNORD"), ("CAP :", "*"), ("CAP ACK :batch", "ACK")])
def test_an_unknown_cap_command_is_named(line: str, named: str) -> None:
    stage = Stage()
    assert stage.play(stage.stranger(), line).lines == [f":chat.example 410 * {named} :Invalid CAP command"]


def test_what_is_held_is_listed_in_several_lines_to_those_who_know_of_them() -> None:
    """IRCv3 capability-negotiation, Multiline replies to CAP LS and CAP LIST."""
    everything = sum(capability.bit for capability in capabilities.CAPABILITIES.values())
    stage = Stage()
    session = stage.stranger(caps=everything)
    # Its name is in every line: there is less room for the other names.
    stage.play(session, f"NICK {'n' * 64}")
    assert len(stage.play(session, "CAP LIST").lines) == 1
    stage.play(session, "CAP LS 302")
    lines = stage.play(session, "CAP LIST").lines
    assert len(lines) > 1
    assert listed(lines) == list(capabilities.CAPABILITIES)

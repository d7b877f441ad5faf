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


PLAIN_LIST = (
    "server-time message-tags echo-message batch labeled-response account-tag away-notify extended-join "
    "multi-prefix cap-notify draft/chathistory securechat.internal/once"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("CAP LS", f":chat.example CAP * LS :sasl {PLAIN_LIST}"),
        ("CAP LS 301", f":chat.example CAP * LS :sasl {PLAIN_LIST}"),
        ("CAP LS x", f":chat.example CAP * LS :sasl {PLAIN_LIST}"),
        ("CAP ls 302", f":chat.example CAP * LS :sasl=PLAIN {PLAIN_LIST}"),
        ("CAP LS 999", f":chat.example CAP * LS :sasl=PLAIN {PLAIN_LIST}"),
    ],
)
def test_cap_ls_shows_values_from_version_302_on(line: str, expected: str) -> None:
    stage = Stage()
    session = stage.stranger()
    assert stage.play(session, line).lines == [expected]
    assert session.negotiating


def test_a_lower_version_later_does_not_take_the_higher_one_back() -> None:
    stage = Stage()
    session = stage.stranger()
    lines = stage.play(session, "CAP LS 302", "CAP LS").lines
    assert lines == [f":chat.example CAP * LS :sasl=PLAIN {PLAIN_LIST}"] * 2


@pytest.mark.parametrize(
    ("lines", "answer", "held"),
    [
        (["CAP REQ batch"], "ACK batch", "batch"),
        (["CAP REQ :server-time batch"], "ACK :server-time batch", ":server-time batch"),
        (["CAP REQ :batch batch"], "ACK :batch batch", "batch"),
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


def test_a_request_whose_repetition_would_not_fit_a_line_is_refused_whole() -> None:
    stage = Stage()
    session = stage.stranger()
    assert stage.play(session, "CAP REQ :" + "batch " * 70).lines == [":chat.example CAP * NAK :"]
    assert not session.has(capabilities.BATCH)


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
    assert lines[1:] == [":chat.example CAP alice ACK batch", ":chat.example CAP alice LIST :batch cap-notify"]
    assert session.is_ready
    assert not session.negotiating


@pytest.mark.parametrize(("line", "named"), [("CAP FNORD", "FNORD"), ("CAP :", "*"), ("CAP ACK :batch", "ACK")])
def test_an_unknown_cap_command_is_named(line: str, named: str) -> None:
    stage = Stage()
    assert stage.play(stage.stranger(), line).lines == [f":chat.example 410 * {named} :Invalid CAP command"]


def test_a_list_too_long_for_a_line_comes_in_several_marked_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("securechat.chat.handlers.registration.CAP_BUDGET", 100)
    stage = Stage()
    several = stage.play(stage.stranger(), "CAP LS 302").lines
    assert [line.split(" :")[0] for line in several] == [":chat.example CAP * LS *", ":chat.example CAP * LS"]
    assert " ".join(line.split(" :")[1] for line in several) == f"sasl=PLAIN {PLAIN_LIST}"
    assert len(stage.play(stage.stranger(), "CAP LS").lines) == 1

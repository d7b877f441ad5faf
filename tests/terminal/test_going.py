"""Whoever goes while something has no echo yet is told so, whichever way they go."""

from __future__ import annotations

import signal

import pytest

from tests.terminal.conftest import Hall, SitDown
from tests.terminal.screen import Terminal
from tests.terminal.test_interruptions import building, prepared

__all__ = ["building", "prepared"]

LEFT = "#general <alice> later -- not confirmed; sent again at the next start"


def leave_pending(hall: Hall, sit_down: SitDown) -> Terminal:
    """Return a client that has said something to a server that hangs."""
    alice = sit_down("alice")
    alice.wait_for("members:")
    hall.running.signal(signal.SIGSTOP)
    alice.type("later\r")
    alice.wait_for(".. #general later")
    return alice


def check_came_through(hall: Hall, sit_down: SitDown) -> None:
    """Check that the next start sends it, and that it is stored once."""
    hall.running.signal(signal.SIGCONT)
    sit_down("alice").wait_for("<alice> later")
    assert hall.read("alice", "#general") == ["later"]


def test_ctrl_c_says_what_is_not_confirmed(hall: Hall, sit_down: SitDown) -> None:
    alice = leave_pending(hall, sit_down)
    alice.type("\x03")
    alice.wait_for(LEFT)
    assert alice.wait_end() == 130
    assert alice.echoes
    check_came_through(hall, sit_down)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_gives_the_terminal_back_and_says_it_too(hall: Hall, sit_down: SitDown, number: int) -> None:
    alice = leave_pending(hall, sit_down)
    alice.signal(number)
    alice.wait_for(LEFT)
    assert alice.wait_end() == 128 + number
    assert alice.recorded.rfind(b"\x1b[?2004l") > alice.recorded.rfind(b"\x1b[?2004h")
    assert alice.echoes
    check_came_through(hall, sit_down)


def test_quitting_says_what_it_waits_for_and_ctrl_c_leaves_at_once(hall: Hall, sit_down: SitDown) -> None:
    alice = leave_pending(hall, sit_down)
    alice.type("/quit\r")
    end = alice.wait_for("waiting for 1 message to be confirmed; Ctrl-C leaves at once")
    # What the system makes of Ctrl-C when nobody reads keys one by one; this terminal controls no session.
    alice.signal(signal.SIGINT)
    alice.wait_for(LEFT, end)
    assert alice.wait_end() == 130
    assert "Traceback" not in alice.text
    check_came_through(hall, sit_down)


def test_control_what_is_confirmed_at_once_is_not_waited_for_aloud(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("now\r/quit\r")
    assert alice.wait_end() == 0
    assert "waiting for" not in alice.text
    assert "not confirmed" not in alice.text


def test_a_terminal_with_an_empty_name_is_a_dumb_one(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice", wait="members:", TERM="")
    alice.type("in lines\n/quit\n")
    assert alice.wait_end() == 0
    assert "<alice> in lines" in alice.text
    assert b"\x1b" not in alice.recorded

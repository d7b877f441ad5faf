"""What was typed is said once, whoever is killed in the middle of it."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.scenario.processes import Programs, Server, port_of
from tests.terminal.conftest import Hall, SitDown, open_hall


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data of a server that has stopped: making accounts takes longer than copying them."""
    place = tmp_path_factory.mktemp("prepared")
    (place / "home").mkdir()
    started = Programs(place / "home")
    running = open_hall(started, place / "data")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    return place / "data"


@pytest.fixture
def building(programs: Programs, prepared: Path, tmp_path: Path) -> tuple[Programs, Path, Server]:
    """Return a server of the test's own: it is going to be killed."""
    shutil.copytree(prepared, tmp_path / "data")
    running = programs.server(tmp_path / "data")
    running.wait_ready()
    return programs, tmp_path / "data", running


def start_again(hall: Hall) -> None:
    """Start the server where it was."""
    hall.running = hall.programs.server(hall.data, port=port_of(hall.address))
    hall.running.wait_ready()


def test_a_server_that_is_killed_in_mid_send_gets_each_message_once(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.wait_for("members:")
    hall.running.signal(signal.SIGSTOP)
    alice.type("on its way\r")
    alice.wait_for(".. #general on its way")
    hall.running.kill()
    end = alice.wait_for("connection lost")
    alice.wait_for("? #general on its way", end)
    alice.type("typed offline\r")
    alice.wait_for(".. #general typed offline")
    alice.wait_for("[#general, offline]", end)
    start_again(hall)
    alice.wait_for("<alice> on its way")
    alice.wait_for("<alice> typed offline")
    alice.type("/quit\r")
    assert alice.wait_end() == 0
    assert hall.read("alice", "#general") == ["on its way", "typed offline"]


@pytest.mark.parametrize("reached", [True, False], ids=["the server had it", "the server had it not"])
def test_a_client_that_is_killed_with_a_pending_message_says_it_once_when_it_is_back(
    hall: Hall, sit_down: SitDown, reached: bool
) -> None:
    alice = sit_down("alice")
    alice.wait_for("members:")
    hall.running.signal(signal.SIGSTOP)
    if not reached:
        hall.running.kill()
        alice.wait_for("offline]")
    alice.type("survives\r")
    alice.wait_for(".. #general survives")
    alice.kill()
    if reached:
        hall.running.signal(signal.SIGCONT)
        hall.send("bob", "#general", "after it")
    else:
        start_again(hall)
    again = sit_down("alice")
    again.wait_for("1 message of last time was not confirmed; sent again now, and stored once")
    again.wait_for("<alice> survives")
    again.type("/quit\r")
    assert again.wait_end() == 0
    assert [text for text in hall.read("alice", "#general") if text != "after it"] == ["survives"]
    third = sit_down("alice")
    third.type("/quit\r")
    assert third.wait_end() == 0
    assert "not confirmed" not in third.text


def test_two_clients_at_once_on_one_home_say_everything_once(hall: Hall, sit_down: SitDown) -> None:
    one, other = sit_down("alice"), sit_down("alice")
    for client in (one, other):
        client.wait_for("members:")
    hall.running.signal(signal.SIGSTOP)
    one.type("from one\r")
    one.wait_for(".. #general from one")
    other.type("from the other\r")
    other.wait_for(".. #general from the other")
    one.kill()
    other.kill()
    hall.running.kill()
    start_again(hall)
    again = sit_down("alice")
    again.wait_for("2 messages of last time were not confirmed")
    again.wait_for("<alice> from one")
    again.wait_for("<alice> from the other")
    again.type("/quit\r")
    assert again.wait_end() == 0
    assert sorted(hall.read("alice", "#general")) == ["from one", "from the other"]


def test_quitting_with_something_unconfirmed_says_that_it_is_sent_at_the_next_start(
    hall: Hall, sit_down: SitDown
) -> None:
    alice = sit_down("alice")
    alice.wait_for("members:")
    hall.running.kill()
    alice.wait_for("offline]")
    alice.type("later\r/quit\r")
    alice.wait_for("later -- not confirmed; sent again at the next start,")
    assert alice.wait_end() == 1
    start_again(hall)
    sit_down("alice").wait_for("<alice> later")
    assert hall.read("alice", "#general") == ["later"]


def test_control_without_its_home_a_client_that_is_killed_has_nothing_left_to_say(
    hall: Hall, sit_down: SitDown, tmp_path: Path
) -> None:
    alice = sit_down("alice")
    alice.wait_for("members:")
    hall.running.kill()
    alice.wait_for("offline]")
    alice.type("forgotten\r")
    alice.wait_for(".. #general forgotten")
    alice.kill()
    start_again(hall)
    elsewhere = sit_down("alice", HOME=str(tmp_path / "home"))
    elsewhere.type("after\r")
    elsewhere.wait_for("<alice> after")
    assert hall.read("alice", "#general") == ["after"]


def test_who_is_thrown_out_for_good_is_told_why_and_gets_the_terminal_back(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.type("in mid-typ")
    alice.wait_for("in mid-typ")
    assert not alice.echoes
    assert hall.programs.admin(hall.data, "user", "disable", "alice").code == 0
    assert alice.wait_end() == 21
    assert "the account is disabled" in alice.text
    assert "Traceback" not in alice.text
    assert alice.recorded.rfind(b"\x1b[?2004l") > alice.recorded.rfind(b"\x1b[?2004h")
    assert alice.echoes


def test_terminated_it_gives_the_terminal_back_and_keeps_what_was_not_confirmed(hall: Hall, sit_down: SitDown) -> None:
    alice = sit_down("alice")
    alice.wait_for("members:")
    hall.running.kill()
    alice.wait_for("offline]")
    alice.type("kept\r")
    alice.wait_for(".. #general kept")
    alice.signal(signal.SIGTERM)
    assert alice.wait_end() == 128 + signal.SIGTERM
    assert alice.recorded.rfind(b"\x1b[?2004l") > alice.recorded.rfind(b"\x1b[?2004h")
    assert alice.echoes
    start_again(hall)
    sit_down("alice").wait_for("<alice> kept")

"""Since when somebody is here and how long silent: a quick return is not noticed, and nothing tells who has just gone."""

from __future__ import annotations

import pytest

from securechat.chat.attendance import Attendance
from securechat.chat.session import Session

START, MINUTE = 1_000_000, 60_000


def session(name: str, number: int = 1) -> Session:
    made = Session(f"{name}{number}")
    made.account = name
    return made


@pytest.fixture
def attendance() -> Attendance:
    return Attendance(START, MINUTE)


def test_who_comes_long_after_the_start_is_here_from_then_on_and_silent_since(attendance: Attendance) -> None:
    attendance.arrive(session("a"), START + 10 * MINUTE)
    assert attendance.idleness("a", START + 11 * MINUTE) == (START + 10 * MINUTE, START + 10 * MINUTE)


def test_the_last_message_of_any_session_counts(attendance: Attendance) -> None:
    one, other = session("a", 1), session("a", 2)
    attendance.arrive(one, START + 10 * MINUTE)
    attendance.arrive(other, START + 20 * MINUTE)
    one.spoke, other.spoke = START + 21 * MINUTE, START + 22 * MINUTE
    assert attendance.idleness("a", START + 30 * MINUTE) == (START + 10 * MINUTE, START + 22 * MINUTE)
    attendance.depart(other, START + 31 * MINUTE)
    assert attendance.idleness("a", START + 32 * MINUTE) == (START + 10 * MINUTE, START + 22 * MINUTE)


def test_within_the_time_of_an_absence_nobody_can_tell_that_somebody_went(attendance: Attendance) -> None:
    first = session("a", 1)
    attendance.arrive(first, START + 10 * MINUTE)
    attendance.depart(first, START + 20 * MINUTE)
    told = (START + 10 * MINUTE, START + 10 * MINUTE)
    assert attendance.idleness("a", START + 21 * MINUTE - 1) == told
    attendance.arrive(session("a", 2), START + 21 * MINUTE - 1)
    assert attendance.idleness("a", START + 30 * MINUTE) == told


def test_after_that_there_is_nothing_to_tell_and_a_return_begins_anew(attendance: Attendance) -> None:
    first = session("a", 1)
    attendance.arrive(first, START + 10 * MINUTE)
    first.spoke = START + 11 * MINUTE
    attendance.depart(first, START + 20 * MINUTE)
    assert attendance.idleness("a", START + 21 * MINUTE) is None
    attendance.arrive(session("a", 2), START + 21 * MINUTE)
    assert attendance.idleness("a", START + 22 * MINUTE) == (START + 21 * MINUTE, START + 21 * MINUTE)


def test_after_a_restart_nobody_can_tell_who_is_back_already(attendance: Attendance) -> None:
    attendance.arrive(session("a"), START + 5_000)
    back, not_back = attendance.idleness("a", START + 10_000), attendance.idleness("b", START + 10_000)
    assert back == not_back == (START, START)
    assert attendance.idleness("b", START + MINUTE) is None


def test_a_session_that_never_arrived_departs_without_a_trace(attendance: Attendance) -> None:
    arrived = session("a", 1)
    attendance.arrive(arrived, START + 10 * MINUTE)
    attendance.depart(session("a", 2), START + 11 * MINUTE)
    attendance.depart(session("b"), START + 11 * MINUTE)
    assert attendance.idleness("a", START + 20 * MINUTE) is not None
    assert attendance.idleness("b", START + 20 * MINUTE) is None


def test_who_says_it_is_a_bot_is_one_until_its_last_session_ends(attendance: Attendance) -> None:
    one, other = session("a", 1), session("a", 2)
    attendance.arrive(one, START)
    attendance.arrive(other, START)
    attendance.mark_bot("a", on=True)
    attendance.depart(one, START)
    assert attendance.bots == {"a"}
    attendance.depart(other, START)
    assert attendance.bots == set()
    attendance.mark_bot("a", on=True)
    attendance.mark_bot("a", on=False)
    assert attendance.bots == set()

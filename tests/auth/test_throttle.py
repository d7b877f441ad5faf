"""Windows of wrong passwords, by a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from securechat.auth.throttle import FAR, Attempt, Leave, Throttle
from securechat.chat.guesses import KNOWN_MS, PLACES_REMEMBERED, Guess, GuessState, Place
from securechat.config import Guessing

HERE, THERE = "192.0.2.1", "198.51.100.1"
KEY = b"k" * 32
DAY = 24 * 3600
SETTINGS = Guessing(window=900, per_account=3, per_address=5, overall=30)
NOTHING = GuessState(KEY, [], [])
NOON = 1_795_262_400_000


@dataclass
class Desk:
    """A throttle, its clocks (seconds, ms since 1970), and what it wanted kept."""

    settings: Guessing = SETTINGS
    seconds: float = 1000.0
    now: int = NOON
    state: GuessState = NOTHING
    kept: list[Guess | Place] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.throttle = Throttle(
            self.state,
            settings=lambda: self.settings,
            keep=self.kept.append,
            clock=lambda: self.now,
            time=lambda: self.seconds,
        )

    def try_(
        self, account: str = "", address: str = HERE, *, name: str = "typed", inside: bool = False
    ) -> Attempt | None:
        attempt = self.throttle.attempt(account, name, address, inside=inside)
        return attempt if self.throttle.may_try(attempt) is Leave.GIVEN else None

    def fail(self, account: str = "", address: str = HERE, *, name: str = "typed", inside: bool = False) -> bool:
        """Try and be wrong; tell whether it was checked."""
        attempt = self.try_(account, address, name=name, inside=inside)
        if attempt is not None:
            self.throttle.rejected(attempt)
        return attempt is not None

    def count(self, fail: Callable[[], bool]) -> int:
        """Return how many of a hundred tries are checked."""
        return sum(fail() for _ in range(100))

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += int(seconds * 1000)

    def restart(self, seconds: float = 0.0, *, clock: int | None = None) -> Desk:
        """Return the throttle of the next process, so many seconds later, with what was kept."""
        guesses = [each for each in self.kept if isinstance(each, Guess)]
        places = [each for each in self.kept if isinstance(each, Place)]
        now = self.now + int(seconds * 1000) if clock is None else clock
        return Desk(self.settings, 5.0, now, GuessState(KEY, guesses, places))


def address(number: int) -> str:
    """Return an address of a network of its own."""
    return f"10.{number // 250}.{number % 250}.1"


@pytest.mark.parametrize("account", ["id-alice", ""])
def test_an_account_and_a_name_that_nobody_has_are_guessed_as_often_from_wherever(account: str) -> None:
    desk, places = Desk(), iter(range(1000))
    assert desk.count(lambda: desk.fail(account, address(next(places)))) == 3
    assert desk.fail("id-bob")
    assert desk.fail("", name="another")


@pytest.mark.parametrize("name", ["TYPED", "typed", "Typed"])
def test_a_name_that_nobody_has_is_one_in_any_case(name: str) -> None:
    desk = Desk()
    assert desk.count(lambda: desk.fail("")) == 3
    assert desk.try_("", THERE, name=name) is None


@pytest.mark.parametrize(
    ("addresses", "checked"),
    [
        ([HERE], 5),
        (["::ffff:192.0.2.1", HERE], 5),
        ([f"192.0.2.{number}" for number in range(1, 101)], 20),
        ([f"2001:db8::{number:x}" for number in range(1, 101)], 5),
        ([f"2001:db8:0:{number:x}::1" for number in range(1, 101)], 20),
        ([f"2001:db8:{number:x}::1" for number in range(1, 101)], 30),
        ([address(number) for number in range(100)], 30),
        (["no address"], 5),
    ],
)
def test_who_guesses_at_many_accounts_is_counted_by_where_it_is(addresses: list[str], checked: int) -> None:
    desk = Desk()
    assert sum(desk.fail(f"id-{number}", addresses[number % len(addresses)]) for number in range(100)) == checked


def test_the_window_slides() -> None:
    desk = Desk()
    for _ in range(3):
        assert desk.fail("id-alice")
        desk.wait(100)
    assert not desk.fail("id-alice")
    desk.wait(599)
    assert not desk.fail("id-alice")
    desk.wait(1)
    assert [desk.fail("id-alice") for _ in range(2)] == [True, False]
    desk.wait(100)
    assert [desk.fail("id-alice") for _ in range(2)] == [True, False]


def test_attempts_count_before_it_is_known_what_they_are_worth() -> None:
    desk = Desk()
    under_way = [desk.try_("id-alice") for _ in range(100)]
    assert sum(attempt is not None for attempt in under_way) == 3


def test_who_comes_while_others_have_the_places_waits_to_see_what_becomes_of_them() -> None:
    desk = Desk()
    first = [desk.try_("id-alice") for _ in range(3)]
    attempt = desk.throttle.attempt("id-alice", "alice", THERE)
    assert desk.throttle.may_try(attempt) is Leave.LATER
    for each in first[:2]:
        assert each is not None
        desk.throttle.rejected(each)
    assert desk.throttle.may_try(attempt) is Leave.LATER
    assert first[2] is not None
    desk.throttle.withdrawn(first[2])
    assert desk.throttle.may_try(attempt) is Leave.GIVEN
    desk.throttle.rejected(attempt)
    assert desk.throttle.may_try(attempt) is Leave.REFUSED


def test_right_passwords_and_those_not_checked_count_not_at_all() -> None:
    desk = Desk()
    for _ in range(100):
        attempt = desk.try_("id-alice")
        assert attempt is not None
        desk.throttle.withdrawn(attempt)
    assert desk.count(lambda: desk.fail("id-alice")) == 3
    assert len(desk.kept) == 3


def test_where_an_account_is_known_it_gets_in_whatever_is_guessed_elsewhere() -> None:
    desk = Desk()
    desk.throttle.remember("id-alice", HERE)
    for number in range(100):
        desk.fail("id-alice", address(number))
        desk.fail(f"id-{number}", HERE)
    assert desk.try_("id-alice", THERE) is None
    assert desk.try_("id-bob", HERE) is None
    attempt = desk.try_("id-alice", HERE)
    assert attempt is not None
    assert attempt.is_known
    desk.throttle.withdrawn(attempt)
    assert desk.count(lambda: desk.fail("id-alice", HERE)) == 3


def test_guesses_from_a_known_place_keep_the_account_out_nowhere_else() -> None:
    desk = Desk()
    desk.throttle.remember("id-alice", HERE)
    assert desk.count(lambda: desk.fail("id-alice", HERE)) == 3
    attempt = desk.try_("id-alice", THERE)
    assert attempt is not None
    assert not attempt.is_known


def test_who_is_signed_in_is_counted_apart() -> None:
    desk = Desk()
    assert desk.count(lambda: desk.fail("id-alice")) == 3
    assert desk.count(lambda: desk.fail("id-alice", inside=True)) == 3
    assert desk.count(lambda: desk.fail("id-bob", inside=True)) == 3


@pytest.mark.parametrize(("days", "known"), [(0, True), (29, True), (31, False)])
def test_a_place_is_known_for_thirty_days(days: int, known: bool) -> None:
    desk = Desk()
    desk.throttle.remember("id-alice", HERE)
    desk.wait(days * DAY)
    attempt = desk.try_("id-alice")
    assert attempt is not None
    assert attempt.is_known is known


def test_a_place_is_noted_once_a_day() -> None:
    desk = Desk()
    for _ in range(30):
        desk.throttle.remember("id-alice", HERE)
        desk.wait(DAY / 10)
    assert [each.time for each in desk.kept] == [NOON + day * DAY * 1000 for day in (0, 1, 2)]


def test_sixteen_places_of_an_account_are_known_the_latest() -> None:
    desk = Desk()
    for number in range(20):
        desk.throttle.remember("id-alice", address(number))
        desk.wait(DAY / 20)
    known = [attempt.is_known for number in range(20) if (attempt := desk.try_("id-alice", address(number)))]
    assert known.count(True) == 16
    assert desk.restart().throttle.attempt("id-alice", "", address(19)).is_known


def test_a_new_password_begins_with_empty_windows() -> None:
    desk = Desk()
    desk.throttle.remember("id-alice", HERE)
    for at in (HERE, THERE):
        desk.count(lambda at=at: desk.fail("id-alice", at))
    assert desk.count(lambda: desk.fail("id-bob", address(3))) == 3
    assert desk.count(lambda: desk.fail("id-dora", THERE)) == 2
    desk.throttle.forgive("id-alice")
    assert desk.try_("id-alice", HERE)
    assert desk.try_("id-alice", address(1))
    assert desk.try_("id-bob", address(2)) is None
    assert desk.try_("id-carol", THERE) is None


# ── across a restart ──


def test_the_windows_hold_across_a_restart() -> None:
    desk = Desk()
    desk.throttle.remember("id-bob", HERE)
    for account, inside in (("id-alice", False), ("id-bob", False), ("id-bob", True)):
        desk.count(lambda account=account, inside=inside: desk.fail(account, inside=inside))
    after = desk.restart(500)
    assert after.try_("id-alice", THERE) is None
    assert after.try_("id-bob", inside=True) is None
    assert after.try_("id-bob", HERE) is None
    assert after.try_("id-bob", THERE)
    after.wait(399)
    assert after.try_("id-alice") is None
    after.wait(1)
    assert after.try_("id-alice")


def test_of_a_name_that_nobody_has_only_where_it_came_from_is_kept() -> None:
    desk = Desk()
    desk.fail("", HERE, name="my secret password")
    (guess,) = desk.kept
    assert isinstance(guess, Guess)
    assert guess.account == ""
    assert guess.own == ""
    assert (len(guess.near), len(guess.far)) == (24, 24)


def test_no_address_is_kept_in_the_plain_and_without_the_key_none_can_be_found_again() -> None:
    desk, other = Desk(), Desk(state=GuessState(b"x" * 32, [], []))
    for each in (desk, other):
        each.fail("id-alice")
        each.throttle.remember("id-alice", HERE)
    for ours, others in zip(desk.kept, other.kept, strict=True):
        assert "192" not in repr(ours)
        assert ours[1:3] != others[1:3]


@pytest.mark.parametrize("days", [-400, -1, 1])
def test_a_clock_that_was_set_keeps_nobody_out_for_longer_than_the_window(days: int) -> None:
    desk = Desk()
    desk.throttle.remember("id-alice", HERE)
    desk.count(lambda: desk.fail("id-alice", THERE))
    desk.now += days * DAY * 1000
    assert desk.try_("id-alice", THERE) is None
    assert desk.try_("id-alice", HERE)
    after = desk.restart()
    after.wait(900)
    assert after.try_("id-alice", THERE)


def test_settings_count_from_the_moment_they_change() -> None:
    desk = Desk()
    desk.count(lambda: desk.fail("id-alice"))
    desk.settings = Guessing(window=900, per_account=4)
    assert desk.count(lambda: desk.fail("id-alice")) == 1
    desk.wait(60)
    desk.settings = Guessing(window=60, per_account=4)
    assert desk.fail("id-alice")


def test_memory_is_bounded_by_the_overall_window_however_many_names_and_addresses_there_are() -> None:
    desk = Desk(Guessing(overall=200))
    for number in range(20_000):
        desk.fail("", f"2001:db8:{number:x}::1", name=f"name{number}")
    assert len(desk.throttle) == 200
    assert len(desk.throttle._counts) <= 4 * 200
    desk.wait(901)
    desk.fail("id-alice")
    assert len(desk.throttle) == 1
    assert len(desk.throttle._counts) == 4


def test_the_windows_are_as_wide_as_the_manual_says() -> None:
    assert Guessing() == Guessing(window=15 * 60, per_account=10, per_address=300, overall=3000)
    assert (KNOWN_MS, FAR, PLACES_REMEMBERED) == (30 * DAY * 1000, 4, 16)

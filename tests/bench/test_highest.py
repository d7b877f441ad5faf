"""The search for the highest rate, over subjects made up for it."""

from __future__ import annotations

from tests.bench.highest import find_highest


class Bearer:
    """Bears rates up to a limit; `fails` of its first attempts go wrong whatever the rate."""

    def __init__(self, limit: float, fails: int = 0) -> None:
        self.limit = limit
        self.fails = fails
        self.tried: list[int] = []

    def attempt(self, rate: int) -> str | None:
        self.tried.append(rate)
        if len(self.tried) <= self.fails:
            return None
        return f"bore {rate}" if rate <= self.limit else None


def test_it_goes_up_by_doubling_and_closes_in_to_five_per_cent() -> None:
    bearer = Bearer(limit=9000)
    assert find_highest(bearer.attempt, 2000) == (8724, "bore 8724")
    tried = [2000, 4000, 8000, 16000, 16000, 32000, 32000, 11314, 11314, 9514, 9514, 8724, 9110, 9110]
    assert bearer.tried == tried


def test_it_goes_down_first_when_the_start_is_too_high() -> None:
    found = find_highest(Bearer(limit=300).attempt, 2000)
    assert found is not None
    assert 286 <= found[0] <= 300


def test_one_failure_does_not_make_a_rate_too_high() -> None:
    found = find_highest(Bearer(limit=9000, fails=1).attempt, 2000)
    assert found is not None
    assert found[0] == 8724


def test_a_rate_that_fails_below_one_that_goes_does_not_end_the_search() -> None:
    found = find_highest(lambda rate: rate if rate <= 9000 and not 3500 < rate < 5000 else None, 2000)
    assert found == (8724, 8724)


def test_what_bears_nothing_is_given_up() -> None:
    bearer = Bearer(limit=0)
    assert find_highest(bearer.attempt, 40) is None
    assert bearer.tried == [40, 40, 80, 80, 20, 20, 10, 10]

"""When a record is said to have happened."""

from __future__ import annotations

import pytest

from securechat.storage.records import next_time

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        (5_000, 0, 5_000),
        (5_000, 4_999, 5_000),
        (5_000, 5_000, 5_001),
        (5_000, 5_998, 5_999),
        (5_000, 5_999, 6_000),
        (5_000, 6_000, 6_000),
        (5_001, 6_000, 6_001),
        (5_000, 5_000 + HOUR, 5_001 + HOUR),
    ],
    ids=[
        "the first record",
        "the clock went on",
        "the same millisecond",
        "ahead of the clock",
        "as far ahead as it may be",
        "waiting for the clock",
        "no longer waiting",
        "the clock was set back by an hour",
    ],
)
def test_times_are_distinct_unless_a_stream_is_a_second_ahead_of_the_clock(now: int, last: int, expected: int) -> None:
    assert next_time(now, last) == expected


def test_a_burst_gets_a_time_of_its_own_for_each_record_and_never_runs_away() -> None:
    times = [5_000]
    for _ in range(1_500):
        times.append(next_time(5_000, times[-1]))
    assert times[:1_001] == list(range(5_000, 6_001))
    assert set(times[1_001:]) == {6_000}

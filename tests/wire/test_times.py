"""Points in time as server-time writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.wire.times import format_time, parse_time

TIMES = [
    (0, "1970-01-01T00:00:00.000Z"),
    (1, "1970-01-01T00:00:00.001Z"),
    (-1, "1969-12-31T23:59:59.999Z"),
    (999, "1970-01-01T00:00:00.999Z"),
    (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    (1_319_042_451_620, "2011-10-19T16:40:51.620Z"),
    (1_795_342_272_345, "2026-11-22T10:11:12.345Z"),
    (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
]


@pytest.mark.parametrize(("ms", "text"), TIMES)
def test_a_time_is_written_and_read_as_here(ms: int, text: str) -> None:
    assert format_time(ms) == text
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2011-10-19T16:40:51Z", 1_319_042_451_000),
        ("2011-10-19T16:40:51.6Z", 1_319_042_451_600),
        ("2011-10-19T16:40:51.620999999Z", 1_319_042_451_620),
        ("2012-06-30T23:59:60.419Z", 1_341_100_800_419),
    ],
)
def test_fractions_are_cut_to_milliseconds_and_leap_seconds_accepted(text: str, ms: int) -> None:
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2011-10-19",
        "2011-10-19T16:40:51.620",
        "2011-10-19T16:40:51.620z",
        "2011-10-19t16:40:51.620Z",
        "2011-10-19 16:40:51.620Z",
        "2011-10-19T16:40:51.620+00:00",
        "2011-10-19T16:40:51.Z",
        "2011-10-19T16:40:51,620Z",
        "2011-10-19T16:40Z",
        "2011-10-19T16:40:51.6201234567Z",
        "2011-10-19T16:40:51.620Z\n",
        " 2011-10-19T16:40:51.620Z",
        "٢٠١١-10-19T16:40:51.620Z",
        "0000-01-01T00:00:00.000Z",
        "9999-12-31T23:59:60Z",
        "2011-02-29T00:00:00.000Z",
        "2011-13-01T00:00:00.000Z",
        "2011-10-19T24:00:00.000Z",
        "2011-10-19T16:60:00.000Z",
        "2011-10-19T16:40:60.000Z",
        "1319042451620",
    ],
)
def test_any_other_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_every_millisecond_comes_back(ms: int) -> None:
    text = format_time(ms)
    assert len(text) == 24
    assert parse_time(text) == ms


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_later_times_are_greater_texts(one: int, other: int) -> None:
    assert (one < other) is (format_time(one) < format_time(other))

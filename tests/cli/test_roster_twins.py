"""Names within one roster that could be mistaken for each other, in whichever order they stand."""

from __future__ import annotations

import pytest

from securechat.cli.admin.roster import Row, find_faults


@pytest.mark.parametrize(
    ("first", "second", "fault"),
    [
        ("bob", "bob", "'bob' is in line 1 already"),
        ("bob", "b0b", "'b0b' could be mistaken for 'bob', which is in line 1"),
        ("b0b", "bob", "'bob' could be mistaken for 'b0b', which is in line 1"),
        ("Bob", "bOB", "'bOB' could be mistaken for 'Bob', which is in line 1"),
        ("alice", "aIice", "'aIice' could be mistaken for 'alice', which is in line 1"),
        ("aIice", "alice", "'alice' could be mistaken for 'aIice', which is in line 1"),
        ("bob", "bobby", None),
    ],
)
def test_the_later_of_two_that_look_alike_is_told(first: str, second: str, fault: str | None) -> None:
    rows = [Row(1, first), Row(2, "somebody"), Row(7, second)]
    assert find_faults(rows, [None, None, None], 12) == ({} if fault is None else {7: fault})

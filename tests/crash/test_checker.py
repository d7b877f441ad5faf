"""The checker on transcripts written out by hand: what is sound passes, and each fault is seen and called by its name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.crash.checker import Evidence, find_faults
from tests.crash.transcript import Line, Visit
from tests.crash.wal import is_torn

A0, A1, A2, B0 = Line("m1", "ann-0"), Line("m2", "ann-1"), Line("m4", "ann-2"), Line("m3", "bob-0")
OTHER_A1 = Line("m9", "ann-1")
NEVER = Line("m8", "ann-3")
ROOM = "#room"

SOUND = Evidence(
    seqs={"c/room": [1, 2, 3, 4, 5], "a/ann": [1]},
    stored={ROOM: [A0, A1, B0, A2]},
    acknowledged={ROOM: [B0, A0, A1]},
    whole={"eve": {ROOM: [A0, A1, B0, A2]}},
    runs=[("gus", {ROOM: [A1, B0]}), ("gus", {ROOM: []}), ("gus", {ROOM: [A2]})],
)


def shown(*lines: Line) -> dict[str, Any]:
    """What a reader that must see everything was shown."""
    return {"whole": {"eve": {ROOM: lines}}}


def shown_live(*lines: Line) -> dict[str, Any]:
    """What somebody saw of one visit."""
    return {"runs": [("gus", {ROOM: lines})]}


FAULTS: list[tuple[str, dict[str, Any], dict[str, list[str]]]] = [
    ("acknowledged, not stored", {"acknowledged": {ROOM: [A0, NEVER]}}, {"lost": ["acknowledged in #room: ann-3 is not stored"]}),
    ("acknowledged elsewhere", {"acknowledged": {"#other": [A0]}}, {"lost": ["acknowledged in #other: ann-0 is not stored"]}),
    ("acknowledged by another msgid", {"acknowledged": {ROOM: [OTHER_A1]}}, {"lost": ["acknowledged in #room: ann-1 is not stored"]}),
    ("acknowledged twice", {"acknowledged": {ROOM: [A0, A0]}}, {"doubled": ["acknowledged in #room: ann-0 is there 2 times"]}),
    ("stored twice", {"stored": {ROOM: [A0, A1, B0, A2, NEVER, Line("m7", "ann-3")]}, "whole": {}}, {"doubled": ["stored in #room: ann-3 is there 2 times"]}),
    ("stored in another order than sent", {"stored": {ROOM: [A0, A2, B0, A1]}, "whole": {}, "runs": ()}, {"reordered": ["stored in #room: ann-1 comes after number 2"]}),
    ("a number missing", {"seqs": {"c/room": [1, 2, 4, 5]}}, {"gaps": ["c/room: 4 comes after 2"]}),
    ("the first number missing", {"seqs": {"c/room": [2, 3]}}, {"gaps": ["c/room: 2 comes after 0"]}),
    ("shown, not stored", shown(A0, A1, B0, A2, NEVER), {"lost": ["eve in #room: ann-3 is not stored"]}),
    ("shown twice", shown(A0, A1, A1, B0, A2), {"doubled": ["eve in #room: ann-1 is there 2 times"]}),
    ("not shown", shown(A0, B0, A2), {"gaps": ["eve in #room: ann-1 is missing"]}),
    ("the last not shown", shown(A0, A1, B0), {"gaps": ["eve in #room: ann-2 is missing"]}),
    ("nothing shown", shown(), {"gaps": [f"eve in #room: {text} is missing" for text in ("ann-0", "ann-1", "bob-0", "ann-2")]}),
    ("shown in another order", shown(A0, B0, A1, A2), {"reordered": ["eve in #room: ann-1 comes after bob-0"]}),
    ("live, not stored", shown_live(A1, NEVER), {"lost": ["a visit of gus in #room: ann-3 is not stored"]}),
    ("live twice", shown_live(A1, A1), {"doubled": ["a visit of gus in #room: ann-1 is there 2 times"]}),
    ("live with a hole", shown_live(A0, B0), {"gaps": ["a visit of gus in #room: ann-1 is missing"]}),
    ("live in another order", shown_live(B0, A1), {"reordered": ["a visit of gus in #room: ann-1 comes after bob-0"]}),
]  # fmt: skip


def test_what_is_sound_has_no_faults() -> None:
    assert not find_faults(SOUND)


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_each_fault_is_seen_and_called_by_its_name(change: dict[str, Any], expected: dict[str, list[str]]) -> None:
    faults = find_faults(dataclasses.replace(SOUND, **change))

    none: dict[str, list[str]] = {"lost": [], "doubled": [], "gaps": [], "reordered": []}
    assert dataclasses.asdict(faults) == none | expected
    assert faults


@pytest.mark.parametrize(
    ("pages", "live", "caught_up", "added"),
    [
        ([A0, A1], [A1, B0], True, [A0, A1, B0]),
        ([], [A0, A1], True, [A0, A1]),
        ([A0], [B0, A2], False, [A0]),
        ([A0, A0], [A1], True, [A0, A0, A1]),
        ([A0], [A1, A1], True, [A0, A1, A1]),
    ],
    ids=["overlap", "nothing missed", "killed between the pages", "twice in pages", "twice live"],
)
def test_a_visit_adds_its_pages_and_what_came_live_behind_them(
    pages: list[Line], live: list[Line], caught_up: bool, added: list[Line]
) -> None:
    visit = Visit("eve", pages={ROOM: pages}, live={ROOM: live}, caught_up={ROOM} if caught_up else set())
    assert visit.new_lines(ROOM) == added


@pytest.fixture
def wals(tmp_path: Path) -> list[bytes]:
    """A WAL after each of three transactions of several pages, the third one after a checkpoint that began it anew."""
    connection = apsw.Connection(str(tmp_path / "some.db"))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE texts (text TEXT)")
    found = []
    for number in range(3):
        if number == 2:
            connection.wal_checkpoint()
        connection.execute("INSERT INTO texts VALUES (?)", (f"{number}" * 20_000,))
        found.append((tmp_path / "some.db-wal").read_bytes())
    connection.close()
    return found


def test_a_wal_is_torn_when_a_transaction_of_this_round_has_frames_and_no_end(wals: list[bytes]) -> None:
    one, two, anew = wals
    frame = 24 + 4096
    last_is_missing = two[:-frame]
    header_alone = two[: len(one) + 24]

    assert is_torn(one, last_is_missing)
    assert is_torn(one, header_alone)
    assert not is_torn(one, two)
    assert not is_torn(one, one)
    assert not is_torn(b"", b"")
    # What an earlier kill tore is not torn again, nor what stands there from before a checkpoint.
    assert not is_torn(last_is_missing, last_is_missing)
    assert not is_torn(two, anew)
    assert is_torn(two, anew[: 32 + 2 * frame] + two[32 + 2 * frame :])

"""What is wrong, told from transcripts and the stored order alone: pure functions, in no way the server's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise

from tests.crash.transcript import Line

Order = Mapping[str, Sequence[Line]]
"""Lines by conversation."""


@dataclass
class Evidence:
    """All that is known of a run.

    seqs: the numbers of all records of each stream, as stored; stored: the messages by conversation, in that order.
    acknowledged: echoes of one's own messages by conversation. whole: transcripts that must be all of the stored order,
    by reader; runs: what somebody saw of one visit, which must be a piece of it without holes.
    """

    seqs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    stored: Order = field(default_factory=dict)
    acknowledged: Order = field(default_factory=dict)
    whole: Mapping[str, Order] = field(default_factory=dict)
    runs: Sequence[tuple[str, Order]] = ()


@dataclass
class Faults:
    """What is wrong, one sentence each."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(getattr(self, kind.name) for kind in fields(self))


class _Stored:
    """One conversation as stored, and the place of each line in it."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.places = {line: place for place, line in enumerate(lines)}


def find_faults(evidence: Evidence) -> Faults:
    """Compare everything with the stored order.

    lost: acknowledged or shown to somebody, and not stored as it was shown. doubled: stored, acknowledged or shown
    twice. gaps: a number that no record has, or a stored message that a reader was not shown. reordered: shown in
    another order than the stored one, or stored in another order than its writer sent.
    """
    faults = Faults()
    for stream, seqs in evidence.seqs.items():
        faults.gaps += _holes(stream, seqs)
    for conversation, lines in evidence.stored.items():
        faults.doubled += _twice(f"stored in {conversation}", lines)
        faults.reordered += _out_of_order(f"stored in {conversation}", lines)
    stored = {conversation: _Stored(lines) for conversation, lines in evidence.stored.items()}
    nothing = _Stored(())
    for conversation, lines in evidence.acknowledged.items():
        _check_shown(faults, f"acknowledged in {conversation}", lines, stored.get(conversation, nothing))
    for reader, order in evidence.whole.items():
        for conversation, lines in order.items():
            expected = stored.get(conversation, nothing)
            _check_shown(faults, f"{reader} in {conversation}", lines, expected)
            _check_order(faults, f"{reader} in {conversation}", lines, expected, range(len(expected.lines)))
    for reader, order in evidence.runs:
        for conversation, lines in order.items():
            expected = stored.get(conversation, nothing)
            _check_shown(faults, f"a visit of {reader} in {conversation}", lines, expected)
            places = [expected.places[line] for line in lines if line in expected.places]
            span = range(min(places), max(places) + 1) if places else range(0)
            _check_order(faults, f"a visit of {reader} in {conversation}", lines, expected, span)
    return faults


def _check_shown(faults: Faults, where: str, shown: Sequence[Line], stored: _Stored) -> None:
    faults.lost += [f"{where}: {line.text} is not stored" for line in shown if line not in stored.places]
    faults.doubled += _twice(where, shown)


def _check_order(faults: Faults, where: str, shown: Sequence[Line], stored: _Stored, span: range) -> None:
    seen = set(shown)
    missing = [stored.lines[place] for place in span if stored.lines[place] not in seen]
    faults.gaps += [f"{where}: {line.text} is missing" for line in missing]
    common = [line for line in dict.fromkeys(shown) if line in stored.places]
    for before, after in pairwise(common):
        if stored.places[after] < stored.places[before]:
            faults.reordered.append(f"{where}: {after.text} comes after {before.text}")


def _twice(where: str, lines: Iterable[Line]) -> list[str]:
    counts = Counter(line.text for line in lines)
    return [f"{where}: {text} is there {count} times" for text, count in counts.items() if count > 1]


def _holes(stream: str, seqs: Sequence[int]) -> list[str]:
    """Name every place where the numbers, as stored, do not go on by one; the first is 1."""
    pairs = zip([0, *seqs], seqs, strict=False)
    return [f"{stream}: {after} comes after {before}" for before, after in pairs if after != before + 1]


def _out_of_order(where: str, lines: Sequence[Line]) -> list[str]:
    """Name every message stored behind a later one of the same writer; `writer-number` is its text."""
    latest: dict[str, int] = {}
    faults = []
    for line in lines:
        writer, _, number = line.text.rpartition("-")
        if int(number) < latest.get(writer, -1):
            faults.append(f"{where}: {line.text} comes after number {latest[writer]}")
        latest[writer] = max(int(number), latest.get(writer, -1))
    return faults

"""The audit trail: the records of the server's stream, each tied to the one before it, so that a change shows.

What this cannot show by itself is a tail that was cut, or a trail that was made anew from some record on by somebody who
can write the database: for that, a head must be kept where they cannot write. (`Head`)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

BEGINNING: Final = bytes(32)
"""What the first record is tied to."""
FAULTS_SHOWN: Final = 100
"""Faults that are noted one by one; a trail of which more is wrong is no better known by more of them."""

_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class TrailQuery(msgspec.Struct, frozen=True):
    """Some of the trail, oldest first: the first rows behind `after`, or with `newest` the last ones.

    since: only what happened at this time or later (ms since 1970).
    """

    limit: int
    after: int = 0
    since: int = 0
    newest: bool = False


class TrailRow(NamedTuple):
    """A record as storage has it, its event undecoded; `link` ties it to the one before it, b"" where that is missing.

    address: from where, while that is kept.
    """

    seq: int
    msgid: str
    time: int
    kind: str
    body: str
    link: bytes
    address: str = ""


class Head(NamedTuple):
    """The newest record and its link: who keeps it elsewhere can tell later whether everything up to it is as it was."""

    seq: int = 0
    link: bytes = BEGINNING

    def __str__(self) -> str:
        return f"{self.seq}:{self.link.hex()}"


class Trail(NamedTuple):
    """Rows, oldest first, and how far the trail goes.

    newest: the seq of the newest record, by what storage says beside the records. head: by the links that are there.
    """

    rows: tuple[TrailRow, ...]
    newest: int
    head: Head


class Fault(NamedTuple):
    """What is wrong with the trail at one record."""

    seq: int
    text: str


def read_head(text: str) -> Head:
    """Return the head that was written as SEQ:HASH.

    Raises: ValueError.
    """
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("a head is a number, a colon and 64 hexadecimal digits")
    return Head(int(found[1]), bytes.fromhex(found[2]))


def link_of(before: bytes, seq: int, msgid: str, time: int, kind: str, body: str) -> bytes:
    """Return what ties a record to the one whose link is `before`: SHA-256 over that and the record as a JSON array."""
    return hashlib.sha256(before + msgspec.json.encode((seq, msgid, time, kind, body))).digest()


class Verification:
    """Goes over a trail from its beginning and notes what is wrong; `head`: what was kept of it elsewhere."""

    def __init__(self, head: Head | None = None) -> None:
        self.faults: list[Fault] = []
        self.head = Head()
        self._kept = head
        # A record that was changed, or a link: whichever of the two the next one is tied to is as it was.
        self._before: tuple[bytes, ...] = (BEGINNING,)

    def take(self, rows: Iterable[TrailRow]) -> None:
        """Go over the next rows."""
        for row in rows:
            if row.seq > self.head.seq + 1:
                self._note_gap(row.seq - 1)
                self._before = ()
            self._take_one(row)

    def conclude(self, newest: int) -> list[Fault]:
        """Return what is wrong; `newest` as storage has it beside the records."""
        ended = self.head.seq
        if newest > ended:
            self._note_gap(newest)
        if self._kept is not None and self._kept.seq > ended:
            self._note(self._kept.seq, f"the head names it, and the trail ends with record {ended}: its tail was cut")
        if self._kept is not None and self._kept.seq == 0 and self._kept.link != BEGINNING:
            self._note(0, "the head is none of any trail")
        return self.faults

    def _take_one(self, row: TrailRow) -> None:
        computed = [link_of(before, *row[:5]) for before in self._before]
        if not row.link:
            self._note(row.seq, "has no hash: it was put there by something else than the server")
        elif computed and row.link not in computed:
            self._note(row.seq, "was changed")
        if self._kept is not None and self._kept.seq == row.seq and self._kept.link != row.link:
            self._note(row.seq, "is another than the head names: the trail was made anew, from here or from further up")
        self._before = tuple(filter(None, {row.link, *computed}))
        self.head = Head(row.seq, row.link or BEGINNING)

    def _note_gap(self, last: int) -> None:
        first = self.head.seq + 1
        what = "is missing" if first == last else f"and all up to {last} are missing"
        self._note(first, what)

    def _note(self, seq: int, text: str) -> None:
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(Fault(seq, text))

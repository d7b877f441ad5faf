"""How much a client may keep waiting on our side."""

from __future__ import annotations

from typing import NamedTuple


class Allowance(NamedTuple):
    """What a client may keep waiting on our side.

    commands: not judged yet, before we stop reading from it.
    bytes: queued for it, above which nothing more it asked for is produced.
    """

    commands: int
    bytes: int


STRANGER = Allowance(32, 16_384)
MEMBER = Allowance(512, 262_144)

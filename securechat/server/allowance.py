"""How much a client may keep waiting on our side."""

from __future__ import annotations

from typing import Final, NamedTuple


class Allowance(NamedTuple):
    """What a client may keep waiting on our side.

    commands: not judged yet, before we stop reading from it.
    bytes: queued for it, above which nothing more it asked for is produced.
    """

    commands: int
    bytes: int


STRANGER = Allowance(32, 16_384)
MEMBER = Allowance(512, 262_144)
STRANGER_BYTES = 65_536
"""What a client may send in all before it has signed in: many times what the longest sign-in takes."""
STRANGER_COMMANDS = 200
"""Commands of such a client that are judged in all."""
STRANGER_COSTS: Final = {"REGISTER": 10}
"""As how many of them a command counts that costs more than others: it has a password looked through."""

"""What is kept of wrong passwords, and from where accounts have signed in: notes that outlive a restart.

No address and no typed name is in them: an address prefix is a digest under a key that the database keeps.
"""

from __future__ import annotations

from typing import NamedTuple

PLACES_REMEMBERED = 16
"""Address prefixes of an account that are kept, the latest it signed in from."""
KNOWN_MS = 30 * 24 * 3600 * 1000
"""How long a place is known after the account has last signed in from there, and kept: by the newest of all places."""


class Guess(NamedTuple):
    """A password that was checked and was wrong.

    account: whose it would have been, "" where nobody has that name.
    own: which of the account's own windows it counts in (a place, or `INSIDE`); "" for those of everybody.
    near, far: where it came from, by a short and by a long reach; "" where that does not count.
    serial: tells it from others of the same moment. since: older ones (ms since 1970) need not be kept any more.
    time: when (ms since 1970).
    """

    account: str
    own: str
    near: str
    far: str
    serial: int
    since: int
    time: int


INSIDE = "inside"
"""The window of those who are signed in already, and give their password once more."""


class Place(NamedTuple):
    """From where an account has signed in, and when it did last, to a day (ms since 1970)."""

    account: str
    place: str
    time: int


class GuessState(NamedTuple):
    """All that is kept; key: of the digests."""

    key: bytes
    guesses: list[Guess]
    places: list[Place]

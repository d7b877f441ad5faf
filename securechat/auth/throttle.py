"""How many passwords may be guessed: sliding windows of wrong ones, per account, per address and overall.

An attempt takes its place in every window it counts in before anything is hashed, and gives it back unless the password
was wrong; so however many come at once, no more wrong ones are checked than the windows have room for. Where the places
are taken by others whose passwords may yet be right, an attempt waits. Nobody can use the windows to keep an owner out:
from where an account has signed in lately, and for who is signed in already, attempts count in a window of that account
and place alone. Names that nobody has are counted as those of accounts are.

What counts is at most what the overall window holds, and a few for each place an account is known at: so memory is
bounded without anything being forgotten early.
"""

from __future__ import annotations

import enum
import ipaddress
import itertools
from collections import Counter, deque
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from securechat.chat.guesses import INSIDE, KNOWN_MS, PLACES_REMEMBERED, Guess, GuessState, Place
from securechat.config import Guessing
from securechat.wire.names import fold

DAY_MS = 24 * 3600 * 1000
FAR = 4
"""How many times as much as one address a whole network of them (/24, /48) may guess."""

Window = tuple[str, ...]
_OVERALL: Window = ("all",)


class Leave(enum.Enum):
    """What an attempt is told."""

    GIVEN = "given"
    """The password may be checked; `rejected` or `withdrawn` must follow, once."""
    LATER = "later"
    """There may be a place once others are done."""
    REFUSED = "refused"
    """A window is full of wrong passwords."""


class Attempt(NamedTuple):
    """A password that is to be checked.

    windows: where it counts. account, own, near, far: as in `Guess`.
    """

    windows: tuple[Window, ...]
    account: str
    own: str
    near: str
    far: str

    @property
    def is_known(self) -> bool:
        """Whether this is the account's owner, as far as a place can tell."""
        return self.own != ""


class Throttle:
    """The windows of one node."""

    def __init__(
        self,
        state: GuessState,
        *,
        settings: Callable[[], Guessing],
        keep: Callable[[Guess | Place], None],
        clock: Callable[[], int],
        time: Callable[[], float],
    ) -> None:
        """Go on from what was kept.

        Args:
            state: What was kept by now, with the key of its digests.
            settings: Returns the limits in force.
            keep: Takes what is to outlive a restart.
            clock: Returns ms since 1970; may be set forward and back.
            time: Returns seconds of a clock that nobody sets.

        """
        self._key = state.key
        self._settings = settings
        self._keep = keep
        self._clock = clock
        self._time = time
        self._serials = itertools.count(1)
        self._places: dict[str, dict[str, int]] = {}
        self._counts: Counter[Window] = Counter()
        self._under_way: Counter[Window] = Counter()
        self._rejected: deque[tuple[float, tuple[Window, ...]]] = deque()
        self._restore(state)

    def __len__(self) -> int:
        """Return how many wrong passwords are remembered."""
        return len(self._rejected)

    def attempt(self, account: str, name: str, address: str, *, inside: bool = False) -> Attempt:
        """Tell where a password counts.

        Args:
            account: The id of the account it is for, "" where nobody has the name.
            name: As it was typed.
            address: Where it comes from.
            inside: Who asks has signed in as this account.

        """
        near, far = self._reaches(address)
        own = INSIDE if inside else near if self._knows(account, near) else ""
        if own:
            return Attempt(_windows_of(account, own, "", ""), account, own, "", "")
        windows = _windows_of(account, "", near, far)
        if not account:
            windows += (("name", self._digest(fold(name))),)
        return Attempt(windows, account, "", near, far)

    def may_try(self, attempt: Attempt) -> Leave:
        """Take a place in every window that an attempt counts in, if there is one in each."""
        self._expire()
        for window in attempt.windows:
            if self._counts[window] >= self._limit(window):
                return Leave.REFUSED
        for window in attempt.windows:
            if self._counts[window] + self._under_way[window] >= self._limit(window):
                return Leave.LATER
        self._under_way.update(attempt.windows)
        return Leave.GIVEN

    def rejected(self, attempt: Attempt) -> None:
        """Note that it was wrong: it counts until the window has passed."""
        self.withdrawn(attempt)
        self._counts.update(attempt.windows)
        self._rejected.append((self._time(), attempt.windows))
        now = self._clock()
        since = now - self._settings().window * 1000
        _, account, own, near, far = attempt
        self._keep(Guess(account, own, near, far, next(self._serials), since, now))

    def withdrawn(self, attempt: Attempt) -> None:
        """Note that it was right, or was not checked: it counts no more."""
        _discount(self._under_way, attempt.windows)

    def remember(self, account: str, address: str) -> None:
        """Note that an account has signed in from this address, by whatever it has shown."""
        near, _ = self._reaches(address)
        now = self._clock()
        places = self._places.setdefault(account, {})
        if abs(now - places.get(near, 0)) >= DAY_MS:
            self._enter(Place(account, near, now))
            self._keep(Place(account, near, now))

    def forgive(self, account: str) -> None:
        """Let what was guessed for an account count there no more: its password is another one now."""
        rejected = self._rejected
        self._rejected = deque()
        for moment, windows in rejected:
            gone = tuple(window for window in windows if window[:2] == ("account", account))
            _discount(self._counts, gone)
            if left := tuple(window for window in windows if window not in gone):
                self._rejected.append((moment, left))

    def _restore(self, state: GuessState) -> None:
        now, moment = self._clock(), self._time()
        for guess in sorted(state.guesses, key=lambda guess: guess.time):
            # Written before the clock was set back: as if it were of now.
            age = max(0, now - guess.time) / 1000
            windows = _windows_of(guess.account, guess.own, guess.near, guess.far)
            self._counts.update(windows)
            self._rejected.append((moment - age, windows))
        for place in sorted(state.places, key=lambda place: place.time):
            self._enter(place)

    def _expire(self) -> None:
        before = self._time() - self._settings().window
        while self._rejected and self._rejected[0][0] <= before:
            _discount(self._counts, self._rejected.popleft()[1])

    def _limit(self, window: Window) -> int:
        settings = self._settings()
        kind = window[0]
        if kind == "near":
            return settings.per_address
        if kind == "far":
            return settings.per_address * FAR
        return settings.overall if kind == "all" else settings.per_account

    def _knows(self, account: str, place: str) -> bool:
        seen = self._places.get(account, {}).get(place)
        return seen is not None and self._clock() - seen < KNOWN_MS

    def _enter(self, place: Place) -> None:
        places = self._places.setdefault(place.account, {})
        # Behind the others: the first one is the one not seen for longest.
        places.pop(place.place, None)
        places[place.place] = place.time
        if len(places) > PLACES_REMEMBERED:
            del places[next(iter(places))]

    def _reaches(self, address: str) -> tuple[str, str]:
        """Return the digests of what one person sits behind, and of what one organisation can have."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return self._digest(address), self._digest(f"far {address}")
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ip.ipv4_mapped or ip
        near, far = (4, 3) if ip.version == 4 else (8, 6)
        return self._digest(ip.packed[:near].hex()), self._digest(ip.packed[:far].hex())

    def _digest(self, text: str) -> str:
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=12).hexdigest()


def _discount(counts: Counter[Window], windows: tuple[Window, ...]) -> None:
    counts.subtract(windows)
    for window in windows:
        if not counts[window]:
            del counts[window]


def _windows_of(account: str, own: str, near: str, far: str) -> tuple[Window, ...]:
    """Return the windows that an attempt counts in, but for that of a name nobody has: that is kept nowhere."""
    if own:
        return (("account", account, own),)
    everybody = (("near", near), ("far", far), _OVERALL)
    return (("account", account), *everybody) if account else everybody

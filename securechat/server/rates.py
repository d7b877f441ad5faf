"""How fast people may send: a budget for each connection and for each account, in commands a second.

Who is over it is not read from for a while: nothing is dropped, nothing is overtaken, nobody is put out (SAFERATE). A
connection has half of its account's, so that a program gone wild leaves its owner's other devices theirs.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections import deque
from collections.abc import Callable

from securechat.config import Settings

BYTES_PER_COMMAND = 512
"""So many bytes cost what one command costs, besides their commands."""
BOT_FACTOR = 10.0
"""How many times as fast as people accounts of the role bot may send."""
CONNECTION_SHARE = 0.5
NEXT_SECONDS = 0.01
"""Between two connections of one account that go on after a pause: the first shows first what it has to send."""
EXTRA = {
    "ACCOUNT": 10,
    "CHATHISTORY": 2,
    "LIST": 20,
    "METADATA": 2,
    "NAMES": 4,
    "REDACT": 2,
    "RENAME": 10,
    "SEARCH": 20,
    "WHO": 4,
    "WHOIS": 1,
}
"""What commands cost beyond one, where they read much or are answered by much."""


class Budget:
    """What may be taken at a rate, with some in hand: `limits.rate` and `limits.burst` as they stand in the settings now.

    What is taken is paid for from then on. share: how many times that rate.
    """

    __slots__ = ("_paid", "_settings", "_share")

    def __init__(self, settings: Settings, share: float) -> None:
        self._settings = settings
        self._share = share
        self._paid = 0.0
        """When all that was taken is paid for."""

    def take(self, cost: float, now: float) -> float:
        """Take, also what is not in hand; return the seconds until it is paid for as far as it must be, 0: now."""
        limits = self._settings.current.limits
        if not limits.rate:
            return 0.0
        earliest = now - limits.burst / limits.rate
        paid = self._paid if self._paid > earliest else earliest
        self._paid = paid = paid + cost / (limits.rate * self._share)
        return paid - now if paid > now else 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until something may be taken again."""
        return self.take(0.0, now)

    def seconds_to_full(self, now: float) -> float:
        """Return the seconds until all is in hand again."""
        limits = self._settings.current.limits
        return max(0.0, self._paid - now + limits.burst / limits.rate) if limits.rate else 0.0


class Purse:
    """What the connections of one account have together: its budget, and which of them wait for it, in order."""

    __slots__ = ("_loop", "_timer", "_waiting", "budget", "connections")

    def __init__(self, loop: AbstractEventLoop, budget: Budget) -> None:
        self.budget = budget
        self.connections = 0
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._timer: TimerHandle | None = None

    def queue(self, go_on: Callable[[], None]) -> None:
        """Have `go_on` called once the account may send again, after those that have waited longer."""
        self._waiting.append(go_on)
        if self._timer is None:
            self._serve()

    def leave(self, go_on: Callable[[], None]) -> None:
        """Wait no longer."""
        if go_on in self._waiting:
            self._waiting.remove(go_on)

    def _serve(self) -> None:
        self._timer = None
        wait = self.budget.wait(self._loop.time())
        if not wait and self._waiting:
            self._waiting.popleft()()
            wait = NEXT_SECONDS
        if self._waiting:
            self._timer = self._loop.call_later(wait, self._serve)


class Pace:
    """How fast one connection sends, and its part in what its account may."""

    __slots__ = ("_go_on", "_loop", "_own", "_purse", "_release", "_timer")

    def __init__(
        self, loop: AbstractEventLoop, own: Budget, purse: Purse, go_on: Callable[[], None], release: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._own = own
        self._purse = purse
        self._go_on = go_on
        self._release = release
        self._timer: TimerHandle | None = None

    def take(self, cost: float, now: float) -> bool:
        """Take from both budgets; tell whether one of them is overdrawn."""
        own, of_account = self._own.take(cost, now), self._purse.budget.take(cost, now)
        return own > 0 or of_account > 0

    def wait(self) -> None:
        """Have the connection go on as soon as both budgets let it."""
        self._timer = self._loop.call_later(self._own.wait(self._loop.time()), self._purse.queue, self._go_on)

    def close(self) -> None:
        """Let go: the connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._purse.leave(self._go_on)
        self._release()


class Rates:
    """The purses of the accounts that are here, and of those that have gone with something still to be paid for."""

    def __init__(self, loop: AbstractEventLoop, settings: Settings) -> None:
        self._loop = loop
        self._settings = settings
        self._purses: dict[str, Purse] = {}

    def __len__(self) -> int:
        """Count the accounts that are remembered."""
        return len(self._purses)

    def enter(self, account: str, go_on: Callable[[], None], *, is_bot: bool) -> Pace:
        """Return the pace of a connection of an account (id) that has just come in."""
        share = BOT_FACTOR if is_bot else 1.0
        purse = self._purses.get(account)
        if purse is None:
            purse = self._purses[account] = Purse(self._loop, Budget(self._settings, share))
        purse.connections += 1
        own = Budget(self._settings, share * CONNECTION_SHARE)
        return Pace(self._loop, own, purse, go_on, lambda: self._leave(account, purse))

    def _leave(self, account: str, purse: Purse) -> None:
        purse.connections -= 1
        if not purse.connections:
            self._forget(account, purse)

    def _forget(self, account: str, purse: Purse) -> None:
        """Forget an account that is not here; it must not come back with a full purse by going."""
        if purse.connections or self._purses.get(account) is not purse:
            return
        seconds = purse.budget.seconds_to_full(self._loop.time())
        if seconds:
            self._loop.call_later(seconds, self._forget, account, purse)
        else:
            del self._purses[account]

"""A process of members who join a room one after another at an even pace, and listen from then on.

    python -m tests.bench.joiners        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, members: [[name, token], …]}}, {"join": {room, count, seconds, there}}: the next `count` of
them join a room that has `there` members; {"tally": {}}: how late the sampled ones have heard what was said (ns).
"""

from __future__ import annotations

import re
import selectors
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.bench.members import CAPS_OF_LISTENERS, Sampler, make_context, sign_in
from tests.bench.orders import Orders, answer, obey, run

SAMPLED = 50
"""One of so many times what it hears."""
LIMIT_SECONDS = 120.0
_NAMES = re.compile(rb" 353 \S+ \S \S+ :?([^\r]+)\r\n")


class Joiner:
    """A member that joins. `names` counts who was there; `entered` is when all of them were listed (ns), 0 before."""

    def __init__(self, member: Sampler, is_sampled: bool) -> None:
        self.names = 0
        self.asked = self.entered = 0
        self.member = member
        self._is_sampled = is_sampled
        self._heard = b""

    def join(self, room: str) -> None:
        """Ask to be let in."""
        self.asked = time.monotonic_ns()
        self.member.tls.sendall(f"JOIN {room}\r\n".encode())

    def take(self) -> None:
        """Take what has come."""
        if self.asked and not self.entered:
            self._look_for_names()
        elif self._is_sampled:
            self.member.take()
        elif not self.member.tls.recv():
            raise ConnectionError(f"{self.member.name} was cut by the server")

    def _look_for_names(self) -> None:
        self._heard += self.member.tls.recv()
        if b" 366 " in self._heard and self._heard.endswith(b"\n"):
            self.entered = time.monotonic_ns()
            names = [name for line in _NAMES.findall(self._heard) for name in line.split()]
            self.names = len(set(names))
            if len(names) > self.names:
                raise RuntimeError(f"{self.member.name} was shown somebody twice")
            self._heard = b""


class Joiners:
    """The members of this process; those before `_next` have joined."""

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self._members: list[Joiner] = []
        self._next = 0
        self._orders: Orders = {"enter": self._enter, "join": self._join, "tally": self._tally}

    def go(self) -> None:
        """Obey orders until stdin ends, and read all the time."""
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._take(key.data)
                elif not obey(self._orders):
                    return

    def _enter(self, port: int, ca: str, members: list[list[str]]) -> None:
        context = make_context(Path(ca))
        for number, (name, token) in enumerate(members):
            caps = CAPS_OF_LISTENERS[number % len(CAPS_OF_LISTENERS)]
            member = sign_in("sampler", name, token, caps, port, context)
            assert isinstance(member, Sampler)
            joiner = Joiner(member, number % SAMPLED == 0)
            self._members.append(joiner)
            self._selector.register(member.tls, selectors.EVENT_READ, joiner)
        answer(entered=len(members))

    def _join(self, room: str, count: int, seconds: float, there: int) -> None:
        """Join one after another; what else comes is read meanwhile.

        Raises: RuntimeError when somebody was not told who is there.
        """
        began = time.monotonic()
        joining = self._members[self._next : self._next + count]
        due = 0
        while not all(joiner.entered for joiner in joining) or time.monotonic() < began + seconds:
            elapsed = time.monotonic() - began
            if elapsed > LIMIT_SECONDS:
                raise TimeoutError(f"not everybody was in after {LIMIT_SECONDS:g} s")
            while due < count and elapsed * count / seconds >= due:
                joining[due].join(room)
                due += 1
            for key, _ in self._selector.select(0.002):
                self._take(key.data)
        self._next += count
        for number, joiner in enumerate(joining, there + 1):
            # Whoever joins in the same moment may be listed already.
            if not number <= joiner.names <= there + count:
                raise RuntimeError(f"{joiner.member.name} was shown {joiner.names} names in place of {number}")
        answer(took=[joiner.entered - joiner.asked for joiner in joining])

    def _tally(self) -> None:
        answer(latencies=[each for joiner in self._members for each in joiner.member.latencies])

    def _take(self, joiner: Joiner | None) -> None:
        # No order comes while one is carried out.
        if joiner is not None:
            with suppress(BlockingIOError):
                joiner.take()


if __name__ == "__main__":
    run(Joiners().go)

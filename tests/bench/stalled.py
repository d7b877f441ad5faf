"""A process of members who sign in and read nothing; whoever is cut comes back and reads nothing again.

    python -m tests.bench.stalled        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, every, members: [[name, token], …]}}: one after another, `every` seconds apart, answered
once the first is in; {"leave": {}}: answered with how many times they were cut.
"""

from __future__ import annotations

import select
import ssl
import sys
import time
from pathlib import Path

from tests.bench.members import CAPS_OF_LISTENERS, knock, make_context
from tests.bench.orders import Orders, answer, obey, run
from tests.bench.tls import TLSLink


class Stalled:
    """The members of this process."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._waiting: list[tuple[float, str, str]] = []
        self._inside: dict[int, tuple[TLSLink, str, str]] = {}
        self._cuts = 0
        self._where: tuple[int, ssl.SSLContext]
        self._orders: Orders = {"enter": self._enter, "leave": self._leave}

    def go(self) -> None:
        """Obey orders until stdin ends."""
        while True:
            for descriptor, _ in self._poll.poll(50):
                if descriptor in self._inside:
                    self._note_cut(descriptor)
                elif not obey(self._orders):
                    return
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, name, token = self._waiting.pop(0)
                self._come_in(name, token)

    def _enter(self, port: int, ca: str, every: float, members: list[tuple[str, str]]) -> None:
        self._where = port, make_context(Path(ca))
        self._come_in(*members[0])
        now = time.monotonic()
        self._waiting = [(now + number * every, *member) for number, member in enumerate(members)][1:]
        answer(entered=1)

    def _leave(self) -> None:
        self._waiting.clear()
        for tls, _, _ in self._inside.values():
            self._poll.unregister(tls)
            tls.close()
        self._inside.clear()
        answer(cuts=self._cuts)

    def _come_in(self, name: str, token: str) -> None:
        port, context = self._where
        # Not one answer is read: whoever is turned away is never cut for its slowness, and that is noticed.
        tls = knock(name, token, CAPS_OF_LISTENERS[0], port, context)
        # No event is asked for, so what is told is the end: the server resets whom it cuts.
        self._poll.register(tls, 0)
        self._inside[tls.fileno()] = tls, name, token

    def _note_cut(self, descriptor: int) -> None:
        tls, name, token = self._inside.pop(descriptor)
        self._poll.unregister(tls)
        tls.close()
        self._cuts += 1
        self._come_in(name, token)


if __name__ == "__main__":
    run(Stalled().go)

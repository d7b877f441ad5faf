"""A process of members who talk in a room at an even pace while something else is going on, and time what they hear.

    python -m tests.bench.talkers        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, room, members: [[name, token], …]}}, {"talk": {rate}}, {"hush": {others}}. Everybody hears
every message, the echo of the own one among them, and each is timed wherever it arrives; `others` is how many lines they
were told besides.
"""

from __future__ import annotations

import os
import selectors
import sys
import time
from pathlib import Path

from tests.bench.members import CAPS_OF_SENDERS, TEXT_BYTES, Sampler, come_in, knock, make_context
from tests.bench.orders import Orders, answer, obey, run

DRAIN_SECONDS = 30.0


class Talkers:
    """The members of this process, who take turns."""

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._members: list[Sampler] = []
        self._room = ""
        self._rate = 0.0
        self._began = 0
        self._said = 0
        self._others = 0
        self._deadline = 0
        self._orders: Orders = {"enter": self._enter, "talk": self._talk, "hush": self._hush}

    def go(self) -> None:
        """Obey orders until stdin ends."""
        while True:
            for key, _ in self._selector.select(0.001):
                if key.data is not None:
                    key.data.take()
                elif not obey(self._orders):
                    return
            self._go_on()

    def _enter(self, port: int, ca: str, room: str, members: list[list[str]]) -> None:
        context = make_context(Path(ca))
        self._room = room
        for name, token in members:
            tls = knock(name, token, CAPS_OF_SENDERS, port, context)
            member = come_in("sampler", name, tls, [room], with_ids=False)
            assert isinstance(member, Sampler)
            self._selector.register(member.tls, selectors.EVENT_READ, member)
            self._members.append(member)
        for member in self._members:
            # They have seen each other come.
            member.settle()
        answer(entered=len(members))

    def _talk(self, rate: float) -> None:
        self._rate = rate
        self._began, self._said, self._deadline = time.monotonic_ns(), 0, 0
        for member in self._members:
            member.lines, member.latencies = 0, []

    def _hush(self, others: int) -> None:
        self._others = others
        self._deadline = time.monotonic_ns() + int(DRAIN_SECONDS * 1e9)

    def _go_on(self) -> None:
        if self._deadline:
            self._look_for_end()
        elif self._rate:
            now = time.monotonic_ns()
            while self._said < (now - self._began) * self._rate / 1e9:
                self._say()

    def _say(self) -> None:
        stamp = f"t={time.monotonic_ns()} ".ljust(TEXT_BYTES, "x")
        line = f"@securechat.internal/id={os.urandom(16).hex()} PRIVMSG {self._room} :{stamp}\r\n"
        self._members[self._said % len(self._members)].tls.sendall(line.encode())
        self._said += 1

    def _look_for_end(self) -> None:
        due = self._said + self._others
        heard = [member.lines for member in self._members]
        if min(heard) < due and time.monotonic_ns() < self._deadline:
            return
        timed = {len(member.latencies) for member in self._members}
        if set(heard) != {due} or timed != {self._said}:
            raise RuntimeError(f"{due} lines were due, and members heard from {min(heard)} to {max(heard)}")
        self._deadline = 0
        self._rate = 0.0
        answer(said=self._said, latencies=[each for member in self._members for each in member.latencies])


if __name__ == "__main__":
    run(Talkers().go)

"""A process of members who talk in a room at an even pace while something else is going on, and time what they hear.

    python -m tests.bench.talkers        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, room, members: [[name, token], …]}}, {"talk": {rate}}, {"hush": {others}}. Everybody hears
every message, the echo of the own one among them, and each is timed wherever it arrives; `others` is how many lines they
were told besides.
"""

from __future__ import annotations

import json
import selectors
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.members import CAPS_OF_SENDERS, TEXT_BYTES, Sampler, come_in, knock, make_context

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

    def run(self) -> None:
        """Obey orders until stdin ends."""
        while True:
            for key, _ in self._selector.select(0.001):
                if key.data is not None:
                    key.data.take()
                elif not self._obey(sys.stdin.readline()):
                    return
            self._go_on()

    def _obey(self, line: str) -> bool:
        order: dict[str, Any] = json.loads(line) if line else {}
        if "enter" in order:
            self._enter(**order["enter"])
        elif "talk" in order:
            self._rate = order["talk"]["rate"]
            self._began, self._said, self._deadline = time.monotonic_ns(), 0, 0
            for member in self._members:
                member.lines, member.latencies = 0, []
        elif "hush" in order:
            self._others = order["hush"]["others"]
            self._deadline = time.monotonic_ns() + int(DRAIN_SECONDS * 1e9)
        return bool(order)

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
        _answer(entered=len(members))

    def _go_on(self) -> None:
        if self._deadline:
            self._look_for_end()
        elif self._rate:
            now = time.monotonic_ns()
            while self._said < (now - self._began) * self._rate / 1e9:
                self._say()

    def _say(self) -> None:
        stamp = f"t={time.monotonic_ns()} ".ljust(TEXT_BYTES, "x")
        self._members[self._said % len(self._members)].tls.sendall(f"PRIVMSG {self._room} :{stamp}\r\n".encode())
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
        _answer(said=self._said, latencies=[each for member in self._members for each in member.latencies])


def _answer(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    try:
        Talkers().run()
    except (OSError, RuntimeError) as failure:
        sys.exit(f"talkers: {failure}")

"""A process full of members: signs them in, lets them talk, counts what arrives. Orders and answers are JSON lines.

    python -m tests.bench.load        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, members: [[kind, name, token, caps, rooms], …]}}, {"settle": {}},
{"talk": {seconds, rate, window, drain}}, {"tally": {said: {room: messages}, drain}}. Members are read all the
time, whatever is asked.
"""

from __future__ import annotations

import gc
import selectors
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.members import ONCE, Listener, Sampler, Sender, come_in, knock, make_context
from tests.bench.orders import Orders, answer, obey, run


class Talk:
    """One round of talking by some senders, paced or held back by their echoes.

    drain: seconds that what was sent may take to arrive once nobody talks any more.
    """

    def __init__(self, senders: list[Sender], seconds: float, rate: int, window: int, drain: float) -> None:
        self._senders = senders
        self._rate = rate
        self._window = window
        self._sent = 0
        self.began = time.monotonic_ns()
        self._end = self.began + int(seconds * 1e9)
        self._total = int(seconds * rate)
        self.deadline = self._end + int(drain * 1e9)
        for sender in senders:
            sender.said = sender.echoed = 0

    def go_on(self) -> None:
        """Say what is due now."""
        for sender in self._senders:
            sender.tls.flush()
        if self._rate:
            self._keep_pace()
        elif time.monotonic_ns() < self._end:
            for sender in self._senders:
                if sender.said - sender.echoed < self._window:
                    sender.say(self._window - sender.said + sender.echoed)

    def _keep_pace(self) -> None:
        due = min(self._total, int((time.monotonic_ns() - self.began) * self._rate / 1e9) + 1)
        while self._sent < due:
            self._senders[self._sent % len(self._senders)].say(1)
            self._sent += 1

    @property
    def is_over(self) -> bool:
        """Whether everything is said and echoed."""
        if self._rate and self._sent < self._total:
            return False
        return time.monotonic_ns() >= self._end and all(each.said == each.echoed for each in self._senders)

    @property
    def said(self) -> dict[str, int]:
        """How many messages were said, by room."""
        count: Counter[str] = Counter()
        for sender in self._senders:
            count[sender.rooms[0]] += sender.said
        return dict(count)


class Load:
    """The members of this process and what they are doing."""

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._members: list[Listener] = []
        self._talk: Talk | None = None
        self._awaited: dict[str, int] | None = None
        self._deadline = 0
        self._orders: Orders = {"enter": self._enter, "settle": self._settle, "talk": self._begin, "tally": self._await}

    def go(self) -> None:
        """Obey orders until stdin ends."""
        while True:
            for key, _ in self._selector.select(0.001 if self._talk else 0.05):
                if key.data is not None:
                    key.data.take()
                elif not obey(self._orders):
                    return
            if self._talk is not None:
                self._go_on(self._talk)
            if self._awaited is not None:
                self._look_for_end(self._awaited)

    def _enter(self, port: int, ca: str, members: list[list[Any]]) -> None:
        context = make_context(Path(ca))
        # All of them knock before the first is waited for: some servers let people in once a second only.
        doors = [knock(name, token, caps, port, context) for _, name, token, caps, _ in members]
        for (kind, name, _, caps, rooms), door in zip(members, doors, strict=True):
            member = come_in(kind, name, door, rooms, with_ids=ONCE in caps.split())
            self._selector.register(member.tls, selectors.EVENT_READ, member)
            self._members.append(member)
        gc.freeze()
        answer(entered=len(members))

    def _settle(self) -> None:
        for member in self._members:
            member.settle()
        answer(settled=len(self._members))

    def _begin(self, seconds: float, rate: int, window: int, drain: float) -> None:
        senders = [member for member in self._members if isinstance(member, Sender)]
        self._talk = Talk(senders, seconds, rate, window, drain)

    def _await(self, said: dict[str, int], drain: float) -> None:
        self._awaited = said
        self._deadline = time.monotonic_ns() + int(drain * 1e9)

    def _go_on(self, talk: Talk) -> None:
        talk.go_on()
        if talk.is_over:
            self._talk = None
            answer(said=talk.said, began=talk.began)
        elif time.monotonic_ns() > talk.deadline:
            raise TimeoutError("echoes are missing after all patience")

    def _look_for_end(self, said: dict[str, int]) -> None:
        missing = [sum(said.get(room, 0) for room in member.rooms) - member.lines for member in self._members]
        if max(missing) > 0 and time.monotonic_ns() < self._deadline:
            return
        if any(missing):
            raise RuntimeError(f"members saw from {max(missing)} lines too few to {-min(missing)} too many")
        samplers = [member for member in self._members if isinstance(member, Sampler)]
        latencies = [each for sampler in samplers for each in sampler.latencies]
        deliveries = sum(member.lines for member in self._members)
        self._awaited = None
        for member in self._members:
            member.lines = 0
        for sampler in samplers:
            sampler.latencies = []
        answer(deliveries=deliveries, ended=time.monotonic_ns(), latencies=latencies)


if __name__ == "__main__":
    run(Load().go)

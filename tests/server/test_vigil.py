"""Silent clients are visited in small groups, spread over the round, and who is held up is not silent."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from securechat.config import Config, Limits, Settings
from securechat.server.vigil import Vigil
from tests.server.test_rates import Clock


class Client:
    def __init__(self, clock: Clock, *, ready: bool = True, held: bool = False) -> None:
        self.clock = clock
        self.heard = clock.now
        self.pinged = False
        self.session = self.intake = self.transport = self
        self.is_ready, self.is_held = ready, held
        self.pings: list[float] = []
        self.ended: list[str] = []

    def ping(self) -> None:
        self.pinged = True
        self.pings.append(round(self.clock.now - 1000, 3))

    def abort(self, reason: str) -> None:
        self.ended.append(reason)
        self.is_ready = False


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watch(clock: Clock, clients: list[Client]) -> Vigil:
    loop: Any = clock
    connections: Any = clients
    vigil = Vigil(loop, Settings(Config(limits=Limits(silence=120))), connections)
    vigil.start()
    return vigil


def test_no_turn_of_the_loop_asks_more_than_a_few(clock: Clock) -> None:
    clients = [Client(clock) for _ in range(1000)]
    watch(clock, clients)
    clock.pass_time(151)
    times = Counter(client.pings[0] for client in clients)
    assert sum(times.values()) == 1000
    assert max(times.values()) == 50
    assert (len(times), min(times), max(times)) == (20, 120.0, 150.0)


def test_who_says_nothing_is_asked_once_and_dropped_in_time(clock: Clock) -> None:
    silent, busy = Client(clock), Client(clock)
    watch(clock, [silent, busy])
    for _ in range(30):
        clock.pass_time(10)
        busy.heard = clock.now
    assert (silent.pings, silent.ended) == ([120.0], ["no answer to PING"])
    assert (busy.pings, busy.ended) == ([], [])


def test_strangers_have_a_time_of_their_own_and_who_is_held_up_is_not_silent(clock: Clock) -> None:
    clients = [Client(clock, ready=False), Client(clock, held=True)]
    watch(clock, clients)
    clock.pass_time(1000)
    assert [(client.pings, client.ended) for client in clients] == [([], []), ([], [])]
    clients[1].is_held = False
    clock.pass_time(150)
    assert len(clients[1].pings) == 1


def test_nobody_is_asked_after_the_end_and_no_connections_are_no_spinning(clock: Clock) -> None:
    vigil = watch(clock, [])
    clock.pass_time(100)
    assert len(clock.timers) == 1
    vigil.stop()
    clock.pass_time(100)
    assert clock.timers == []

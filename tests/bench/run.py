"""One run of one scenario: a fresh server, its members, a round to warm up, a round that counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import process
from tests.bench.members import CAPS_OF_LISTENERS, CAPS_OF_SENDERS
from tests.bench.scenarios import Scenario
from tests.bench.server import ROOT, Server, running_server

WARM_UP_SECONDS = 1.0
SAMPLERS = 10
"""Listeners, spread evenly over the room, whose every message is timed; the others are only counted."""
FIRST_CONNECTIONS = 20
"""Connections that are there before memory is first read: what the first ones cost once is no cost of each."""
SETTLE_SECONDS = 1.0

Figures = dict[str, float]


class Cores(NamedTuple):
    """Where the server runs, and where everything else does."""

    server: list[int]
    load: list[int]


def share_cores() -> Cores:
    """Give the server the first core that we may use, the load the others, if there are any."""
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores([first], others or [first])


def run_scenario(scenario: Scenario, seconds: float, program: Path | None, cores: Cores) -> Figures:
    """Measure once.

    Raises: RuntimeError when anything was lost or ended early.
    """
    extra = 0 if scenario.talks else FIRST_CONNECTIONS
    names = [f"m{number:05}" for number in range(scenario.members + extra)]
    with running_server(program, names, cores.server) as server:
        try:
            if scenario.talks:
                return _measure_talk(scenario, seconds, server, names, cores)
            return _measure_idleness(seconds, server, names, cores)
        except (RuntimeError, ConnectionError):
            server.check()
            raise


class _Crowd:
    """A load process and its members."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running
        self.pid = running.pid

    def tell(self, **order: Any) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(json.dumps(order) + "\n")
        self._running.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        if not line:
            raise RuntimeError("a load process ended early; it says why above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def enter(self, server: Server, members: Sequence[tuple[str, str, str]]) -> None:
        """Sign members in: kind, name, capabilities."""
        rows = [[kind, name, server.tokens[name], caps] for kind, name, caps in members]
        self.tell(enter={"port": server.port, "ca": str(server.ca), "members": rows})
        self.hear()


@contextmanager
def _crowd(cores: Sequence[int]) -> Iterator[_Crowd]:
    command = [sys.executable, "-m", "tests.bench.load"]
    running = process.start(command, cores, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with running:
        try:
            yield _Crowd(running)
        finally:
            process.stop(running)


def _listeners(names: Sequence[str]) -> list[tuple[str, str, str]]:
    every = max(1, len(names) // SAMPLERS)
    kinds = ["sampler" if number % every == every // 2 else "listener" for number in range(len(names))]
    return [(kind, name, CAPS_OF_LISTENERS[n % 2]) for n, (kind, name) in enumerate(zip(kinds, names, strict=True))]


def _measure_talk(scenario: Scenario, seconds: float, server: Server, names: Sequence[str], cores: Cores) -> Figures:
    with ExitStack() as stack:
        talkers = stack.enter_context(_crowd(cores.load))
        audience = stack.enter_context(_crowd(cores.load))
        audience.enter(server, _listeners(names[scenario.senders :]))
        talkers.enter(server, [("sender", name, CAPS_OF_SENDERS) for name in names[: scenario.senders]])
        _round(scenario, WARM_UP_SECONDS, server, cores, talkers, audience)
        return _round(scenario, seconds, server, cores, talkers, audience)


def _round(
    scenario: Scenario, seconds: float, server: Server, cores: Cores, talkers: _Crowd, audience: _Crowd
) -> Figures:
    pids = (server.pid, talkers.pid, audience.pid)
    before = [process.read_cpu(pid) for pid in pids]
    busy = [process.read_busy(each) for each in cores]
    talkers.tell(talk={"seconds": seconds, "rate": scenario.rate, "window": scenario.window})
    said = talkers.hear()
    for crowd in (talkers, audience):
        crowd.tell(tally={"lines": said["messages"]})
    tallies = [crowd.hear() for crowd in (talkers, audience)]
    used, *loads = [process.read_cpu(pid) - cpu for pid, cpu in zip(pids, before, strict=True)]
    others = [process.read_busy(each) - start for each, start in zip(cores, busy, strict=True)]
    elapsed = max(tally["ended"] for tally in tallies) - said["began"]
    deliveries = sum(tally["deliveries"] for tally in tallies)
    latencies = sorted(each for tally in tallies for each in tally["latencies"])
    return {
        "messages_per_s": said["messages"] / elapsed * 1e9,
        "deliveries_per_s": deliveries / elapsed * 1e9,
        "cpu_us_per_delivery": used / deliveries / 1e3,
        "p50_ms": latencies[len(latencies) // 2] / 1e6,
        "p99_ms": latencies[len(latencies) * 99 // 100] / 1e6,
        "server": used / elapsed,
        "others_beside_server": max(0, others[0] - used) / elapsed,
        "load": sum(loads) / elapsed,
        "others_beside_load": max(0, others[1] - sum(loads)) / elapsed,
    }


def _measure_idleness(seconds: float, server: Server, names: Sequence[str], cores: Cores) -> Figures:
    members = _listeners(names)
    with _crowd(cores.load) as crowd:
        crowd.enter(server, members[:FIRST_CONNECTIONS])
        time.sleep(SETTLE_SECONDS)
        memory = process.read_memory(server.pid)
        before = process.read_cpu(server.pid)
        crowd.enter(server, members[FIRST_CONNECTIONS:])
        count = len(members) - FIRST_CONNECTIONS
        arrival = process.read_cpu(server.pid) - before
        time.sleep(SETTLE_SECONDS)
        grown = process.read_memory(server.pid) - memory
        before = process.read_cpu(server.pid)
        time.sleep(seconds)
        idle = process.read_cpu(server.pid) - before
    return {
        "connections": count,
        "kib_per_connection": grown / count,
        "sign_in_cpu_ms": arrival / count / 1e6,
        "server": idle / seconds / 1e9,
    }

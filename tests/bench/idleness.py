"""The scenario `idle`: what connections cost that say nothing."""

from __future__ import annotations

import time

from tests.bench import process
from tests.bench.crowd import Figures, running_crowd
from tests.bench.scenarios import Scenario
from tests.bench.subjects import Conditions, start_subject
from tests.bench.talk import place_listeners

FIRST_CONNECTIONS = 20
"""Connections that are there before memory is first read: what the first ones cost once is no cost of each."""
SETTLE_SECONDS = 1.0


def measure(scenario: Scenario, subject: str, conditions: Conditions) -> Figures:
    """Measure how the server grows with its connections, and what it does when they are idle."""
    names = [f"m{number:05}" for number in range(scenario.members + FIRST_CONNECTIONS)]
    members = place_listeners(names, [[] for _ in names])
    with start_subject(subject, conditions, names) as server, running_crowd(conditions.cores.load) as crowd:
        crowd.enter(server, members[:FIRST_CONNECTIONS])
        time.sleep(SETTLE_SECONDS)
        memory = process.read_memory(server.pid)
        before = process.read_cpu(server.pid)
        crowd.enter(server, members[FIRST_CONNECTIONS:], conditions.note)
        arrival = process.read_cpu(server.pid) - before
        time.sleep(SETTLE_SECONDS)
        grown = process.read_memory(server.pid) - memory
        before = process.read_cpu(server.pid)
        conditions.note("idle")
        time.sleep(conditions.seconds)
        idle = process.read_cpu(server.pid) - before
    return {
        "connections": scenario.members,
        "kib_per_connection": grown / scenario.members,
        "sign_in_cpu_ms": arrival / scenario.members / 1e6,
        "percent": idle / conditions.seconds / 1e7,
    }

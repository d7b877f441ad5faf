"""The scenario `idle`: what connections cost that say nothing."""

from __future__ import annotations

import time

from tests.bench import process
from tests.bench.columns import Column
from tests.bench.crowd import Figures, running_crowd
from tests.bench.scenarios import Scenario
from tests.bench.server import name_people
from tests.bench.subjects import Conditions, start_subject
from tests.bench.talk import place_listeners

FIRST_CONNECTIONS = 20
"""Connections that are there before memory is first read: what the first ones cost once is no cost of each."""
SETTLE_SECONDS = 1.0
LEAST_SECONDS = 150.0
"""Whoever is silent for 120 s is sent a PING, which is looked for every 30 s: this long has a round of them in it."""
COLUMNS = (
    Column("connections", "connections", ",.0f"),
    Column("kib_per_connection", "KiB each", ".1f", spread=True),
    Column("sign_in_cpu_ms", "sign-in CPU ms each", ".2f", spread=True),
    Column("percent", "CPU, idle", ".2f%", spread=True),
)


def measure(scenario: Scenario, subject: str, conditions: Conditions) -> Figures:
    """Measure how the server grows with its connections, and what it does when they only answer its PINGs."""
    names = name_people("m", scenario.members + FIRST_CONNECTIONS)
    members = [each._replace(kind="idler") for each in place_listeners(names, [[] for _ in names])]
    seconds = max(conditions.seconds, LEAST_SECONDS)
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
        time.sleep(seconds)
        idle = process.read_cpu(server.pid) - before
    return {
        "connections": scenario.members,
        "kib_per_connection": grown / scenario.members,
        "sign_in_cpu_ms": arrival / scenario.members / 1e6,
        "percent": idle / seconds / 1e7,
    }

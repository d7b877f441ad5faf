"""The scenario `slow-reader`: some in a busy room stop reading, are cut, come back and stop again; the others talk on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import process
from tests.bench.columns import Column
from tests.bench.crowd import Cores, Figures, running_crowd
from tests.bench.members import CAPS_OF_SENDERS
from tests.bench.scenarios import Scenario
from tests.bench.server import Entrant, Server, name_people, running_server
from tests.bench.subjects import Conditions
from tests.bench.talk import WARM_UP_SECONDS, Gathering, choose_rooms, place_listeners

MEMBERS = 200
SENDERS = 10
RATE = 2000
SLOW = 8
EVERY_SECONDS = 1.0
"""Between the arrivals of those who are slow, so that they are not all cut at once."""
LEAST_SECONDS = 25.0
"""The kernel takes in megabytes, and then the server's own limit has to be reached: a quarter of a minute of this talk."""

COLUMNS = (
    Column("p50_without_ms", "p50 without ms", ".1f", spread=True),
    Column("p50_with_ms", "with ms", ".1f", spread=True),
    Column("p99_without_ms", "p99 without ms", ".1f", spread=True),
    Column("p99_with_ms", "with ms", ".1f", spread=True),
    Column("p99_ratio", "with/without", ".2f", spread=True),
    Column("cuts", "times cut", ".0f"),
    Column("grown_kib", "server grew KiB", ",.0f"),
    Column("server", "server's core", ".0f%", 100),
)


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Measure once: the room without anybody slow, then with them, each no shorter than it takes to cut somebody.

    Raises: RuntimeError when one of the others saw a line more or less than was said, or nobody was cut.
    """
    cores = conditions.cores
    seconds = max(conditions.seconds, LEAST_SECONDS)
    slow = name_people("s", SLOW)
    with (
        _gathered(slow, cores, conditions.program) as (server, gathering),
        running_crowd(cores.load, "stalled") as stalled,
    ):
        gathering.talk(WARM_UP_SECONDS, RATE)
        without = gathering.talk(seconds, RATE)
        before = process.read_memory(server.pid)
        members = [[name, server.tokens[name]] for name in slow]
        stalled.tell(enter={"port": server.port, "ca": str(server.ca), "every": EVERY_SECONDS, "members": members})
        stalled.hear()
        beside = gathering.talk(seconds, RATE)
        grown = process.read_memory(server.pid) - before
        stalled.tell(leave={})
        cuts = stalled.hear()["cuts"]
    if not cuts:
        raise RuntimeError("nobody was cut: what is said does not fill what the kernel takes in")
    return {
        "p50_without_ms": without["p50_ms"],
        "p50_with_ms": beside["p50_ms"],
        "p99_without_ms": without["p99_ms"],
        "p99_with_ms": beside["p99_ms"],
        "p99_ratio": beside["p99_ms"] / without["p99_ms"],
        "cuts": cuts,
        "grown_kib": grown,
        "server": beside["server"],
    }


@contextmanager
def _gathered(slow: list[str], cores: Cores, program: Path | None) -> Iterator[tuple[Server, Gathering]]:
    """Start a server and sign everybody in who is not slow."""
    names = name_people("m", MEMBERS)
    with (
        running_server(program, [*names, *slow], cores.server) as server,
        running_crowd(cores.load) as talkers,
        running_crowd(cores.load) as audience,
    ):
        audience.enter(server, place_listeners(names[SENDERS:], choose_rooms(MEMBERS, 0)[SENDERS:]))
        talkers.enter(server, [Entrant("sender", name, CAPS_OF_SENDERS) for name in names[:SENDERS]])
        yield server, Gathering(server, talkers, audience, cores)

"""Members who talk, and what a round of it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.bench.columns import Column
from tests.bench.crowd import Cores, Crowd, Figures, running_crowd
from tests.bench.members import CAPS_OF_LISTENERS, CAPS_OF_SENDERS
from tests.bench.occupancy import OCCUPANCY, Occupancy, describe_occupancy
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.server import Entrant, Server, name_people
from tests.bench.subjects import Conditions, start_subject

WARM_UP_SECONDS = 1.5
WARM_UP_WINDOW = 2
"""What is measured comes after as many messages, and as many flushes, as let the server's write-ahead log reach the size
it keeps: appending to a file costs more than writing over it, and a server that has run for an hour does the latter."""
DRAIN_SECONDS = 30.0
"""How long what was said may take to arrive."""
SAMPLERS = 10
"""Listeners, spread evenly over the room, whose every message is timed; the others are only counted."""
ROOMS_EACH = 10
COLUMNS = (
    Column("messages_per_s", "messages/s", ",.0f", spread=True),
    Column("deliveries_per_s", "deliveries/s", ",.0f"),
    Column("cpu_us_per_delivery", "CPU µs/delivery", ".2f", spread=True),
    Column("p50_ms", "p50 ms", ".1f", spread=True),
    Column("p99_ms", "p99 ms", ".1f", spread=True),
    Column("flush_p50_ms", "flush p50 ms", ".2f"),
    Column("flush_p99_ms", "flush p99 ms", ".2f"),
    Column("flushes_per_s", "flushes/s", ",.0f"),
    *OCCUPANCY,
)


def measure(scenario: Scenario, subject: str, conditions: Conditions) -> Figures:
    """Measure a round of talking, after a short one that does not count.

    Raises: RuntimeError when anything was lost or ended early.
    """
    with gather(scenario, subject, conditions) as gathering:
        conditions.note("talks")
        gathering.talk(WARM_UP_SECONDS, 0, WARM_UP_WINDOW)
        return gathering.talk(conditions.seconds, scenario.rate, scenario.window)


class Gathering:
    """A server with its members signed in, those who talk and those who listen in processes of their own."""

    def __init__(self, server: Server, talkers: Crowd, audience: Crowd, cores: Cores) -> None:
        self._server = server
        self._crowds = (talkers, audience)
        self._cores = cores

    def talk(self, seconds: float, rate: int, window: int = 0, drain: float = DRAIN_SECONDS) -> Figures:
        """Let the senders talk and count what arrives.

        drain: seconds that what was said may take to arrive.

        Raises: RuntimeError when it does not arrive, or is not exactly what was said, or somebody is cut.
        """
        for crowd in self._crowds:
            crowd.tell(settle={})
            crowd.hear()
        server, flushes = self._server, self._server.flushes
        flushed = flushes.count() if flushes else 0
        occupancy = Occupancy(self._cores, server, self._crowds)
        self._crowds[0].tell(talk={"seconds": seconds, "rate": rate, "window": window, "drain": drain})
        began = self._crowds[0].hear()
        for crowd in self._crowds:
            crowd.tell(tally={"said": began["said"], "drain": drain})
        tallies = [crowd.hear() for crowd in self._crowds]
        used = occupancy.end()
        elapsed = max(tally["ended"] for tally in tallies) - began["began"]
        deliveries = sum(tally["deliveries"] for tally in tallies)
        messages = sum(began["said"].values())
        latencies = sorted(each for tally in tallies for each in tally["latencies"])
        return {
            "messages_per_s": messages / elapsed * 1e9,
            "deliveries_per_s": deliveries / elapsed * 1e9,
            "cpu_us_per_delivery": used[0] / deliveries / 1e3,
            "p50_ms": pick(latencies, 50) / 1e6,
            "p99_ms": pick(latencies, 99) / 1e6,
            **describe_occupancy(used, elapsed),
            **({"carried": messages / elapsed * 1e9 / rate} if rate else {}),
            **(flushes.describe(flushed, elapsed / 1e9) if flushes else {}),
        }


@contextmanager
def gather(scenario: Scenario, subject: str, conditions: Conditions) -> Iterator[Gathering]:
    """Start a subject and sign everybody in."""
    names = name_people("m", scenario.members)
    load = conditions.cores.load
    with (
        start_subject(subject, conditions, names, scenario.flush_delay_us) as server,
        running_crowd(load) as talkers,
        running_crowd(load) as audience,
    ):
        try:
            rooms = choose_rooms(scenario.members, scenario.rooms)
            audience.enter(
                server, place_listeners(names[scenario.senders :], rooms[scenario.senders :]), conditions.note
            )
            talking = zip(names[: scenario.senders], rooms, strict=False)
            talkers.enter(server, [Entrant("sender", name, CAPS_OF_SENDERS, where) for name, where in talking])
            yield Gathering(server, talkers, audience, conditions.cores)
        except RuntimeError:
            server.check()
            raise


def place_listeners(names: Sequence[str], rooms: Sequence[Sequence[str]]) -> list[Entrant]:
    """Make listeners of some members, half of each variant, with samplers spread evenly among them."""
    every = max(1, len(names) // SAMPLERS)
    kinds = ["sampler" if number % every == every // 2 else "listener" for number in range(len(names))]
    caps = [CAPS_OF_LISTENERS[number % len(CAPS_OF_LISTENERS)] for number in range(len(names))]
    return [Entrant(*each) for each in zip(kinds, names, caps, rooms, strict=True)]


def choose_rooms(members: int, rooms: int) -> list[list[str]]:
    """Return the rooms of each member: ten of them, mixed, all of the same size; the first of a member is its own.

    members: a multiple of `rooms`, if there are any. rooms: 0, or a hundred at least.
    """
    if not rooms:
        return [[] for _ in range(members)]
    return [
        [f"#room{(number + turn * (number // rooms % ROOMS_EACH + 1)) % rooms}" for turn in range(ROOMS_EACH)]
        for number in range(members)
    ]

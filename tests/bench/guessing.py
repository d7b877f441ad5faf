"""The scenario `guessing`: five hundred wrong passwords at the same moment, and nobody who is in notices."""

from __future__ import annotations

import statistics

from tests.bench.columns import Column
from tests.bench.crowd import Figures, running_crowd
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.server import open_data_directory
from tests.bench.subjects import Conditions

GUESSERS = 500
PEOPLE = 25
"""Accounts that are guessed at, ten times each; as many tries go to names that nobody has."""
ALONE = 20
"""Wrong passwords one after another, for an account and for a name nobody has, which are to take as long."""

COLUMNS = (
    Column("guesses", "wrong passwords", ",.0f"),
    Column("known_ms", "an account's alone ms", ".1f", spread=True),
    Column("unknown_ms", "nobody's alone ms", ".1f", spread=True),
    Column("refused_ms", "one unchecked ms", ".1f", spread=True),
    Column("last_s", "last one answered after s", ".2f", spread=True),
    Column("ping_p50_ms", "PING p50 ms", ".1f", spread=True),
    Column("ping_p99_ms", "PING p99 ms", ".1f", spread=True),
    Column("ping_most_ms", "PING most ms", ".1f"),
    Column("load_late_ms", "load itself late ms", ".1f"),
)


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Measure once, with the settings that nobody has changed: of those at once, 300 less those before are checked.

    Raises: RuntimeError when somebody was let in, or the server did not live through it.
    """
    cores, program = conditions.cores, conditions.program
    with open_data_directory() as directory, directory.serving(program, cores.server) as server:
        people = [f"p{number:05}" for number in range(PEOPLE)]
        directory.import_accounts([f"{name},pass phrase number {name}" for name in people])
        token = directory.import_accounts(["member"], "--tokens")["member"]
        with running_crowd(cores.load, "rush") as rush:
            rush.tell(enter={"port": server.port, "ca": str(server.ca), "name": "member", "token": token})
            rush.hear()

            def guess(names: list[str]) -> dict[str, list[int]]:
                rush.tell(guess={"members": [[name, "wrong horse battery"] for name in names]})
                return dict(rush.hear())

            def median(names: list[str]) -> float:
                return statistics.median(guess([name])["took"][0] for name in names) / 1e6

            known = median([people[number % PEOPLE] for number in range(ALONE)])
            unknown = median([f"nobody{number}" for number in range(ALONE)])
            names = [people[number % PEOPLE] if number % 2 else f"nobody{number}" for number in range(GUESSERS)]
            done = guess(names)
            refused = median([people[number % PEOPLE] for number in range(ALONE)])
    pings = sorted(done["round_trips"])
    return {
        "guesses": len(done["took"]),
        "known_ms": known,
        "unknown_ms": unknown,
        "refused_ms": refused,
        "last_s": max(done["took"]) / 1e9,
        "ping_p50_ms": pick(pings, 50) / 1e6,
        "ping_p99_ms": pick(pings, 99) / 1e6,
        "ping_most_ms": pings[-1] / 1e6,
        "load_late_ms": done["latest"] / 1e6,  # type: ignore[operator]
    }

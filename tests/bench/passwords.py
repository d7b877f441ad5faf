"""The scenario `passwords`: fifty people sign in by password at the same moment, and nobody who is in notices."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.columns import Column
from tests.bench.crowd import Crowd, Figures, running_crowd
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.server import DataDirectory, open_data_directory
from tests.bench.subjects import Conditions

PEOPLE = 50
ALONE = 5
"""Sign-ins one after another, before the rush: the median is what one hash takes."""
THREADS = 2
"""Passwords that the server checks at once."""
GRACE_SECONDS = 2.0

COLUMNS = (
    Column("people", "sign-ins", ",.0f"),
    Column("one_hash_ms", "one alone ms", ".0f", spread=True),
    Column("last_in_s", "last one in after s", ".2f", spread=True),
    Column("allowed_s", "allowed s", ".2f"),
    Column("ping_p50_ms", "PING p50 ms", ".1f", spread=True),
    Column("ping_p99_ms", "PING p99 ms", ".1f", spread=True),
    Column("ping_most_ms", "PING most ms", ".1f"),
    Column("load_late_ms", "load itself late ms", ".1f"),
    Column("two_cores_one_hash_ms", "two cores: one alone ms", ".0f", spread=True),
    Column("two_cores_last_in_s", "last one in after s", ".2f", spread=True),
    Column("two_cores_allowed_s", "allowed s", ".2f"),
    Column("two_cores_ping_p99_ms", "PING p99 ms", ".1f", spread=True),
)


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Measure once; it ends when everybody is in, however long that takes.

    A PING and its answer take the loop's delay and the way there and back, so they are an upper bound of it. On one
    core two hashes at once take as long as one after the other: what is allowed for the last one in, half of the time of
    all hashes and 2 s, can be kept on two cores only. So the server is measured on one core and on two.

    Raises: RuntimeError when somebody was not let in.
    """
    cores, program = conditions.cores, conditions.program
    with open_data_directory() as directory:
        with directory.serving(program, cores.server):
            people, token = _add_people(directory)
        figures = _measure_rush(directory, program, cores.server, cores.load, people, token)
        both = sorted({*cores.server, *cores.load})[:THREADS]
        wide = _measure_rush(directory, program, both, cores.load, people, token)
        return figures | {f"two_cores_{name}": value for name, value in wide.items()}


def _add_people(directory: DataDirectory) -> tuple[list[tuple[str, str]], str]:
    people = [(f"p{number:05}", f"pass phrase number {number}") for number in range(PEOPLE)]
    directory.import_accounts([",".join(each) for each in people])
    return people, directory.import_accounts(["member"], "--tokens")["member"]


def _measure_rush(
    directory: DataDirectory,
    program: Path | None,
    server_cores: Sequence[int],
    load_cores: Sequence[int],
    people: list[tuple[str, str]],
    token: str,
) -> Figures:
    with directory.serving(program, server_cores) as server, running_crowd(load_cores, "rush") as rush:
        rush.tell(enter={"port": server.port, "ca": str(server.ca), "name": "member", "token": token})
        rush.hear()
        alone = [_let_in(rush, [person])["took"][0] for person in people[:ALONE]]
        done = _let_in(rush, people)
    one = statistics.median(alone)
    pings = sorted(done["round_trips"])
    return {
        "people": len(done["took"]),
        "one_hash_ms": one / 1e6,
        "last_in_s": max(done["took"]) / 1e9,
        "allowed_s": len(people) * one / THREADS / 1e9 + GRACE_SECONDS,
        "ping_p50_ms": pick(pings, 50) / 1e6,
        "ping_p99_ms": pick(pings, 99) / 1e6,
        "ping_most_ms": pings[-1] / 1e6,
        "load_late_ms": done["latest"] / 1e6,
    }


def _let_in(rush: Crowd, people: list[tuple[str, str]]) -> dict[str, Any]:
    rush.tell(rush={"members": people})
    return rush.hear()

"""The scenario `join-morning`: within a minute a thousand accounts join a channel that talks.

What a join must cost grows with the members, for each of them is told of it and the newcomer is told of each of them; so
does what a message costs. A line that is delivered must not: the loop's CPU is divided by the lines. And what the storage
does for a join must not: it is read for the first and for the last hundred joins, apart from the loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.bench import process
from tests.bench.columns import Column
from tests.bench.crowd import Crowd, Figures, running_crowd
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.server import name_people, open_data_directory
from tests.bench.subjects import Conditions

ACCOUNTS = 1000
TALKERS = 10
ROOM = "#morning"
TALK_RATE = 20
STAGES = 10
LEAST_SECONDS = 60.0

COLUMNS = (
    Column("joins_per_s", "joins/s", ",.1f"),
    Column("join_p99_ms", "join p99 ms", ".1f"),
    Column("talk_p50_ms", "talk p50 ms", ".1f", spread=True),
    Column("talk_p99_ms", "talk p99 ms", ".1f", spread=True),
    Column("first_written_kib", "KiB written a join, first 100", ".1f"),
    Column("last_written_kib", "last 100", ".1f"),
    Column("written_ratio", "ratio", ".2f", spread=True),
    Column("first_storage_ms", "storage CPU ms a join, first 100", ".2f"),
    Column("last_storage_ms", "last 100", ".2f"),
    Column("storage_ratio", "ratio", ".2f", spread=True),
    Column("first_loop_ms", "loop CPU ms a join, first 100", ".2f"),
    Column("last_loop_ms", "last 100", ".2f"),
    Column("first_us_per_line", "loop CPU µs a line, first 100", ".1f"),
    Column("last_us_per_line", "last 100", ".1f"),
    Column("server", "server's core", ".0f%", 100),
    Column("others_beside_server", "others there", ".0f%", 100),
)


class Usage(NamedTuple):
    """What a server has used so far. written: bytes to storage. storage, loop: ns of CPU."""

    written: int
    storage: int
    loop: int


class Stage(NamedTuple):
    """What a tenth of the joins took. took: ns from asking until the last name, of each."""

    used: Usage
    took: list[int]


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Measure once, over a minute or longer.

    Raises: RuntimeError when somebody was not let in or a line was lost.
    """
    cores, program = conditions.cores, conditions.program
    span = max(conditions.seconds, LEAST_SECONDS)
    names = name_people("m", ACCOUNTS)
    talkers = name_people("t", TALKERS)
    with open_data_directory() as directory, directory.serving(program, cores.server) as server:
        tokens = directory.import_accounts([*names, *talkers], "--tokens")
        where = {"port": server.port, "ca": str(server.ca)}
        with running_crowd(cores.load, "talkers") as talking, running_crowd(cores.load, "joiners") as joining:
            talking.tell(enter={**where, "room": ROOM, "members": [[name, tokens[name]] for name in talkers]})
            talking.hear()
            joining.tell(enter={**where, "members": [[name, tokens[name]] for name in names]})
            joining.hear()
            talking.tell(talk={"rate": TALK_RATE})
            busy = process.read_busy(cores.server)
            stages = [_join(joining, server.pid, number, span / STAGES) for number in range(STAGES)]
            busy = process.read_busy(cores.server) - busy
            talking.tell(hush={"others": ACCOUNTS})
            latencies = talking.hear()["latencies"]
            joining.tell(tally={})
            latencies += joining.hear()["latencies"]
    figures = _sum_up(stages, sorted(latencies), span)
    return figures | {"others_beside_server": max(0.0, busy / span / 1e9 - figures["server"])}


def _join(joining: Crowd, pid: int, number: int, seconds: float) -> Stage:
    before = _read_usage(pid)
    count = ACCOUNTS // STAGES
    order = {"room": ROOM, "count": count, "seconds": seconds, "there": TALKERS + number * count}
    joining.tell(join=order)
    took = joining.hear()["took"]
    after = _read_usage(pid)
    return Stage(Usage(*(end - start for end, start in zip(after, before, strict=True))), took)


def _read_usage(pid: int) -> Usage:
    """Read what a server has used: the loop is its first thread, and of the others only the writer has work here.

    (proc(5), io: write_bytes, which sockets are not in)
    """
    counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    loop = int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])
    return Usage(int(counts["write_bytes"]), process.read_cpu(pid) - loop, loop)


def _sum_up(stages: list[Stage], latencies: list[int], span: float) -> Figures:
    first, last = stages[0], stages[-1]
    took = sorted(each for stage in stages for each in stage.took)
    figures: Figures = {
        "joins_per_s": len(took) / span,
        "join_p99_ms": pick(took, 99) / 1e6,
        "talk_p50_ms": pick(latencies, 50) / 1e6,
        "talk_p99_ms": pick(latencies, 99) / 1e6,
        "written_ratio": last.used.written / first.used.written,
        "storage_ratio": last.used.storage / first.used.storage,
        "server": sum(stage.used.storage + stage.used.loop for stage in stages) / span / 1e9,
    }
    for name, stage in (("first", first), ("last", last)):
        joins = len(stage.took)
        figures[f"{name}_written_kib"] = stage.used.written / joins / 1024
        figures[f"{name}_storage_ms"] = stage.used.storage / joins / 1e6
        figures[f"{name}_loop_ms"] = stage.used.loop / joins / 1e6
        there = TALKERS + (ACCOUNTS - joins if stage is last else 0) + joins / 2
        figures[f"{name}_us_per_line"] = stage.used.loop / (there * (joins + TALK_RATE * span / STAGES)) / 1e3
    return figures

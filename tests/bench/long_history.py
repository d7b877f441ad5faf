"""The scenario `history`: a channel of a million messages, a start of its server, and pages from anywhere in it."""

from __future__ import annotations

import os
import random
from pathlib import Path

from securechat.wire.times import format_time
from tests.bench import process
from tests.bench.archive import ROOM, Archive, Place, open_archive
from tests.bench.columns import Column
from tests.bench.crowd import Figures, running_crowd
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.subjects import Conditions

MESSAGES = 1_000_000
REQUESTS = 1000
PAGE = 100
WARM_UP = 50
Request = tuple[str, int, int]
"""A command, and the numbers of the first and the last message that answer it."""
_FORMS = ("BEFORE", "AFTER", "AROUND", "LATEST", "BETWEEN")

COLUMNS = (
    Column("messages", "messages", ",.0f"),
    Column("database_mib", "MiB", ",.0f"),
    Column("start_s", "start s", ".2f", spread=True),
    Column("cold_p50_ms", "page, nothing in memory: p50 ms", ".2f"),
    Column("cold_p99_ms", "p99 ms", ".2f", spread=True),
    Column("page_p50_ms", "page p50 ms", ".2f", spread=True),
    Column("page_p99_ms", "page p99 ms", ".2f", spread=True),
    Column("page_most_ms", "most ms", ".1f"),
    Column("cpu_ms_per_page", "CPU ms a page", ".2f"),
    Column("others_beside_server", "others there", ".0f%", 100),
)


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Measure once; it ends after all pages, however long that takes.

    The system has forgotten the file when the server starts, and reads from the disk what the first round of pages
    needs. The second round asks for the same pages again.

    Raises: RuntimeError when a page is not what was asked for.
    """
    cores, program = conditions.cores, conditions.program
    archive = open_archive(MESSAGES)
    _forget(archive.database)
    chance = random.Random(3)  # the same requests in every run
    requests = [_choose_request(archive, _FORMS[number % len(_FORMS)], chance) for number in range(REQUESTS)]
    with archive.directory.serving(program, cores.server) as server, running_crowd(cores.load, "pager") as client:
        client.tell(enter={"port": server.port, "ca": str(server.ca), "name": archive.reader, "token": archive.token})
        client.hear()
        client.tell(read={"requests": requests[:WARM_UP]})
        client.hear()
        rounds = []
        for _ in ("cold", "warm"):
            before, busy = process.read_cpu(server.pid), process.read_busy(cores.server)
            client.tell(read={"requests": requests[WARM_UP:]})
            rounds.append(sorted(client.hear()["took"]))
            used = process.read_cpu(server.pid) - before
            others = process.read_busy(cores.server) - busy - used
    cold, warm = rounds
    return {
        "messages": archive.messages,
        "database_mib": archive.database.stat().st_size / 2**20,
        "start_s": server.start_seconds,
        "cold_p50_ms": pick(cold, 50) / 1e6,
        "cold_p99_ms": pick(cold, 99) / 1e6,
        "page_p50_ms": pick(warm, 50) / 1e6,
        "page_p99_ms": pick(warm, 99) / 1e6,
        "page_most_ms": warm[-1] / 1e6,
        "cpu_ms_per_page": used / len(warm) / 1e6,
        "others_beside_server": max(0, others) / sum(warm),
    }


def _forget(file: Path) -> None:
    """Have the system drop a file from memory. (posix_fadvise(2))"""
    opened = os.open(file, os.O_RDONLY)
    try:
        os.fsync(opened)
        os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(opened)


def _choose_request(archive: Archive, form: str, chance: random.Random) -> Request:
    place, other = sorted(chance.sample(archive.places, 2))
    return word_request(form, place, other, chance.choice(("msgid", "timestamp")), archive.messages)


def word_request(form: str, place: Place, other: Place, kind: str, most: int) -> Request:
    """Word a request for a page around, before or after a place, or from there towards a later one.

    kind: how the places are named. most: the number of the newest message.
    """
    number = place.number
    first, last = {
        "BEFORE": (max(1, number - PAGE), number - 1),
        "AFTER": (number + 1, min(most, number + PAGE)),
        "AROUND": (max(1, number - PAGE // 2), min(most, number + PAGE // 2 - 1)),
        "LATEST": (max(number + 1, most - PAGE + 1), most),
        "BETWEEN": (number + 1, min(other.number - 1, number + PAGE)),
    }[form]
    bounds = " ".join(_bound(each, kind) for each in ((place, other) if form == "BETWEEN" else (place,)))
    return f"CHATHISTORY {form} {ROOM} {bounds} {PAGE}", first, last


def _bound(place: Place, kind: str) -> str:
    return f"msgid={place.msgid}" if kind == "msgid" else f"timestamp={format_time(place.time)}"

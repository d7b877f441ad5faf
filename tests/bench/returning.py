"""The scenario `return`: after a restart everybody comes back at once, and a room talks on."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.bench import process
from tests.bench.columns import Column
from tests.bench.crowd import Cores, Crowd, Figures
from tests.bench.members import CAPS_OF_SENDERS, RECORD, ROOM, make_context, sign_in
from tests.bench.percentiles import pick
from tests.bench.premises import Running, open_premises
from tests.bench.troupe import running_troupe

CLIENTS = 2000
TALKERS = 10
TALK_ROOM = "#talk"
TALK_RATE = 20
MISSED = 20
"""Messages said while everybody was away."""
BASELINE_SECONDS = 1.0
"""How long the talkers are heard before anybody comes back."""

COLUMNS = (
    Column("clients", "clients", ",.0f"),
    Column("cpu_ms_per_client", "CPU ms each", ".2f", spread=True),
    Column("all_back_s", "all back after s", ".1f", spread=True),
    Column("half_back_s", "half after s", ".1f"),
    Column("talk_p50_ms", "talk p50 ms", ".1f", spread=True),
    Column("talk_p99_ms", "talk p99 ms", ".1f", spread=True),
    Column("server", "server's core", ".0f%", 100),
    Column("others_beside_server", "others there", ".0f%", 100),
    Column("load", "load's cores", ".0f%", 100),
    Column("others_beside_load", "others there", ".0f%", 100),
)


def measure(seconds: float, cores: Cores, program: Path | None) -> Figures:
    """Measure once; `seconds` is not asked for: it ends when everybody is back.

    Raises: RuntimeError when somebody did not get exactly what was missing.
    """
    del seconds
    names = [f"m{number:05}" for number in range(CLIENTS)]
    talkers = [f"t{number:05}" for number in range(TALKERS)]
    with open_premises() as premises:
        with premises.serving(program, cores.server) as server:
            tokens = premises.admit([*names, *talkers], "--tokens")
            since, *missed = _talk_before(server, talkers[0], tokens[talkers[0]])
        with (
            premises.serving(program, cores.server) as server,
            running_troupe("talkers", cores.load) as talking,
            running_troupe("comeback", cores.load) as returning,
        ):
            members = [[name, tokens[name]] for name in talkers]
            where = {"port": server.port, "ca": str(server.ca)}
            talking.tell(enter={**where, "room": TALK_ROOM, "members": members})
            talking.hear()
            order = {**where, "room": ROOM, "since": since, "missed": missed}
            order["members"] = [[name, tokens[name]] for name in names]
            return _measure_return(server, talking, returning, order, cores)


def _talk_before(server: Running, name: str, token: str) -> list[str]:
    """Say what everybody has seen and what everybody will have missed; return the msgids in order."""
    member = sign_in("listener", name, token, CAPS_OF_SENDERS, server.port, make_context(server.ca))
    member.tls.setblocking(True)
    member.tls.sendall(b"".join([b"PRIVMSG %s :message %d\r\n" % (ROOM.encode(), each) for each in range(MISSED + 1)]))
    heard = b""
    while len(found := re.findall(rb"\bmsgid=(\w+)[^\n]* PRIVMSG [^\n]*\n", heard)) <= MISSED:
        heard += member.tls.recv(RECORD)
    member.tls.close()
    return [each.decode() for each in found]


def _measure_return(
    server: Running, talking: Crowd, returning: Crowd, order: dict[str, object], cores: Cores
) -> Figures:
    talking.tell(talk={"rate": TALK_RATE})
    time.sleep(BASELINE_SECONDS)
    talking.tell(hush={"others": 0})
    talking.hear()
    talking.tell(talk={"rate": TALK_RATE})
    pids = (server.pid, talking.pid, returning.pid)
    before = [process.read_cpu(pid) for pid in pids]
    busy = [process.read_busy(each) for each in cores]
    returning.tell(**{"return": order})
    back = returning.hear()
    used, *loads = [process.read_cpu(pid) - cpu for pid, cpu in zip(pids, before, strict=True)]
    others = [process.read_busy(each) - start for each, start in zip(cores, busy, strict=True)]
    talking.tell(hush={"others": 0})
    latencies = sorted(talking.hear()["latencies"])
    elapsed = back["ended"] - back["began"]
    took = sorted(back["took"])
    return {
        "clients": len(took),
        "cpu_ms_per_client": used / len(took) / 1e6,
        "all_back_s": elapsed / 1e9,
        "half_back_s": pick(took, 50) / 1e9,
        "talk_p50_ms": pick(latencies, 50) / 1e6,
        "talk_p99_ms": pick(latencies, 99) / 1e6,
        "server": used / elapsed,
        "others_beside_server": max(0, others[0] - used) / elapsed,
        "load": sum(loads) / elapsed,
        "others_beside_load": max(0, others[1] - sum(loads)) / elapsed,
    }

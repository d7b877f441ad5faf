"""The scenario `return`: after a restart everybody comes back at once, and a room talks on."""

from __future__ import annotations

import re
import time

from tests.bench.columns import Column
from tests.bench.crowd import Cores, Crowd, Figures, running_crowd
from tests.bench.members import CAPS_OF_SENDERS, ROOM, SIGN_IN_SECONDS, make_context, sign_in
from tests.bench.occupancy import OCCUPANCY, Occupancy, describe_occupancy
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.server import Server, name_people, open_data_directory
from tests.bench.subjects import Conditions

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
    *OCCUPANCY,
)


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Measure once; it ends when everybody is back, however long that takes.

    Raises: RuntimeError when somebody did not get exactly what was missing.
    """
    cores, program = conditions.cores, conditions.program
    names = name_people("m", CLIENTS)
    talkers = name_people("t", TALKERS)
    with open_data_directory() as directory:
        with directory.serving(program, cores.server) as server:
            tokens = directory.import_accounts([*names, *talkers], "--tokens")
            since, *missed = _talk_before(server, talkers[0], tokens[talkers[0]])
        with (
            directory.serving(program, cores.server) as server,
            running_crowd(cores.load, "talkers") as talking,
            running_crowd(cores.load, "comeback") as returning,
        ):
            members = [[name, tokens[name]] for name in talkers]
            where = {"port": server.port, "ca": str(server.ca)}
            talking.tell(enter={**where, "room": TALK_ROOM, "members": members})
            talking.hear()
            order = {**where, "room": ROOM, "since": since, "missed": missed}
            order["members"] = [[name, tokens[name]] for name in names]
            return _measure_return(server, talking, returning, order, cores)


def _talk_before(server: Server, name: str, token: str) -> list[str]:
    """Say what everybody has seen and what everybody will have missed; return the msgids in order."""
    member = sign_in("listener", name, token, CAPS_OF_SENDERS, server.port, make_context(server.ca))
    member.tls.settimeout(SIGN_IN_SECONDS)
    member.tls.sendall(b"".join([b"PRIVMSG %s :message %d\r\n" % (ROOM.encode(), each) for each in range(MISSED + 1)]))
    heard = b""
    while len(found := re.findall(rb"\bmsgid=(\w+)[^\n]* PRIVMSG [^\n]*\n", heard)) <= MISSED:
        heard += member.tls.recv()
    member.tls.close()
    return [each.decode() for each in found]


def _measure_return(
    server: Server, talking: Crowd, returning: Crowd, order: dict[str, object], cores: Cores
) -> Figures:
    talking.tell(talk={"rate": TALK_RATE})
    time.sleep(BASELINE_SECONDS)
    talking.tell(hush={"others": 0})
    talking.hear()
    talking.tell(talk={"rate": TALK_RATE})
    occupancy = Occupancy(cores, server, (talking, returning))
    returning.tell(**{"return": order})
    back = returning.hear()
    used = occupancy.end()
    talking.tell(hush={"others": 0})
    latencies = sorted(talking.hear()["latencies"])
    elapsed = back["ended"] - back["began"]
    took = sorted(back["took"])
    return {
        "clients": len(took),
        "cpu_ms_per_client": used[0] / len(took) / 1e6,
        "all_back_s": elapsed / 1e9,
        "half_back_s": pick(took, 50) / 1e9,
        "talk_p50_ms": pick(latencies, 50) / 1e6,
        "talk_p99_ms": pick(latencies, 99) / 1e6,
        **describe_occupancy(used, elapsed),
    }

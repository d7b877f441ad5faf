"""How busy the cores are, and with whom."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench import process
from tests.bench.columns import Column
from tests.bench.crowd import Cores, Crowd, Figures
from tests.bench.server import Server

OCCUPANCY = (
    Column("server", "server's core", ".0f%", 100),
    Column("others_beside_server", "others there", ".0f%", 100),
    Column("load", "load's cores", ".0f%", 100),
    Column("others_beside_load", "others there", ".0f%", 100),
)


class Occupancy:
    """What a server and the load use of their cores, from now on."""

    def __init__(self, cores: Cores, server: Server, load: Sequence[Crowd]) -> None:
        self._cores = cores
        self._pids = (server.pid, *(crowd.pid for crowd in load))
        self._before = self._read()

    def _read(self) -> list[int]:
        used = [process.read_cpu(pid) for pid in self._pids]
        return [used[0], sum(used[1:]), *(process.read_busy(each) for each in self._cores)]

    def end(self) -> tuple[int, int, int, int]:
        """Return the ns since: of the server, of the load, and how long the core of each was busy with anything."""
        server, load, beside_server, beside_load = (
            after - before for after, before in zip(self._read(), self._before, strict=True)
        )
        return server, load, beside_server, beside_load


def describe_occupancy(used: tuple[int, int, int, int], elapsed: int) -> Figures:
    """Return the figures of OCCUPANCY. used: from `Occupancy.end`; elapsed: ns."""
    server, load, on_server, on_load = used
    return {
        "server": server / elapsed,
        "others_beside_server": max(0, on_server - server) / elapsed,
        "load": load / elapsed,
        "others_beside_load": max(0, on_load - load) / elapsed,
    }

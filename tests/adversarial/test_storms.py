"""Connections that come in crowds and go again: what they cost is given back."""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path

import pytest

from tests.scenario.processes import Programs, port_of
from tests.server.harness import RawClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

CROWD = 100
WARM_UP, STORMS = 3, 5
UNGUARDED = (sys.executable, "-m", "tests.adversarial.unguarded", "forgetting")


class Shore:
    """A server in a process of its own, and the crowds that come to it."""

    def __init__(self, pid: int, port: int, ca: Path, token: str) -> None:
        self._pid = pid
        self._port = port
        self._token = token
        self._context = ssl.create_default_context(cafile=str(ca))

    async def storm(self) -> int:
        """Let three crowds come at once and break off: silent ones, half-way ones, and some who sign in; return the RSS."""
        crowds = [self._break_off, self._stay_half_way, self._sign_in]
        done = await asyncio.gather(*(crowd() for crowd in crowds for _ in range(CROWD)))
        for writer in done:
            writer.transport.abort()
        # All that came before this one has been dealt with when it is answered.
        last = await self._sign_in()
        last.transport.abort()
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * 4096

    async def _break_off(self) -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"\x16\x03\x01")
        return writer

    async def _open(self) -> RawClient:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost", limit=1 << 16
        )
        return RawClient(reader, writer)

    async def _stay_half_way(self) -> asyncio.StreamWriter:
        client = await self._open()
        client.send("CAP LS 302", "CAP REQ :sasl batch", "AUTHENTICATE PLAIN", "AUTHENTICATE " + "a" * 400)
        await client.until("AUTHENTICATE")
        return client.writer

    async def _sign_in(self) -> asyncio.StreamWriter:
        client = await self._open()
        await client.sign_in("alice", secret=self._token)
        client.send("JOIN #storm", "PRIVMSG #storm :" + "x" * 300)
        await client.fence()
        return client.writer


async def weather(programs: Programs, directory: Path, program: tuple[str, ...] = ()) -> tuple[int, int]:
    """Attack: one storm after the other. Return the bytes the server has in memory after the warm-up and at the end."""
    data, config = directory / "data", directory / "config.toml"
    config.write_text("[limits]\nconnections_per_account = 1000\nburst = 1000000\n")
    options = {"program": program} if program else {}
    server = programs.server(data, "--config", str(config), **options)  # type: ignore[arg-type]
    port = port_of(server.wait_ready()[0])
    programs.add_people(data, "alice")
    token = programs.admin(data, "token", "add", "alice", "--label", "storm").out.strip()
    shore = Shore(server.pid, port, data / "ca.pem", token)
    grown = [await shore.storm() for _ in range(WARM_UP + STORMS)]
    assert not any("internal error" in line or "Traceback" in line for line in server.err)
    return grown[WARM_UP - 1], grown[-1]


async def test_after_five_storms_memory_is_within_a_tenth_of_what_it_was_before(
    programs: Programs, tmp_path: Path
) -> None:
    """Expected: nothing is kept of who has gone. Control: a server that keeps its connections."""
    first, last = await weather(programs, tmp_path)
    assert last <= 1.1 * first


async def test_control_a_server_that_forgets_nobody_grows_by_more(programs: Programs, tmp_path: Path) -> None:
    first, last = await weather(programs, tmp_path, UNGUARDED)
    assert last > 1.1 * first

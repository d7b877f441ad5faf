"""The server killed at random moments: who cannot ask misses nothing, and repeats little more than after a cut link."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import ssl
from pathlib import Path

from securechat.wire.message import parse
from securechat.wire.sasl import encode_plain
from tests.links.visitor import Visitor
from tests.scenario.processes import PASSWORD, Programs, Server, port_of, programs

__all__ = ["programs"]

KILLS = 3
NOTES_LATE = 2.0
"""Seconds: a place is on disk with the next batch, or a second later."""


class Teller:
    """Says numbered lines in two conversations, each with an id, and after a kill says again what was not echoed."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._pending: dict[str, str] = {}
        self.counts = {"#general": 0, "anna": 0}
        self.is_over = False

    async def tell(self, port: int) -> None:
        """Talk until the connection ends or, once it is over, all was echoed."""
        with contextlib.suppress(OSError, ssl.SSLError):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=self._trust, server_hostname="localhost"
            )
            lines = ["CAP REQ :sasl echo-message message-tags draft/chathistory securechat.internal/once"]
            lines += ["AUTHENTICATE PLAIN", *(f"AUTHENTICATE {chunk}" for chunk in encode_plain("teller", PASSWORD))]
            writer.write("\r\n".join([*lines, "CAP END", "NICK x", "USER x 0 * :x", "PING in", ""]).encode())
            while (line := await reader.readline()).endswith(b"\n"):
                message = parse(line.rstrip(b"\r\n"))
                if message.command == "PONG":
                    writer.write("".join(self._pending.values()).encode())
                if message.command == "PRIVMSG":
                    self._pending.pop(message.params[1].split()[0], None)
                if message.command in ("PONG", "PRIVMSG") and not self._pending:
                    if self.is_over:
                        break
                    await asyncio.sleep(0.02)
                    writer.write(self._say_more().encode())
            writer.transport.abort()

    def _say_more(self) -> str:
        for target in self.counts:
            for _ in range(6):
                self.counts[target] += 1
                name = f"{target.strip('#')}-{self.counts[target]:06}"
                line = f"@securechat.internal/id={name} PRIVMSG {target} :{name} {self.counts[target]}\r\n"
                self._pending[name] = line
        return "".join(self._pending.values())


async def test_a_killed_server_loses_no_place_older_than_two_seconds(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = programs.server(data)
    port = port_of((await asyncio.to_thread(server.wait_ready))[0])
    await asyncio.to_thread(programs.add_people, data, "anna", "teller")
    trust = ssl.create_default_context(cafile=str(data / "ca.pem"))
    visitors = [Visitor("anna@one", PASSWORD, "server-time batch", trust), Visitor("anna@two", PASSWORD, "", trust)]
    teller, chance = Teller(trust), random.Random(1)
    for _ in range(KILLS):
        visits = [asyncio.create_task(each.visit(port)) for each in visitors]
        telling = asyncio.create_task(teller.tell(port))
        await asyncio.sleep(chance.uniform(3, 4))
        killed = asyncio.get_running_loop().time()
        server.signal(signal.SIGKILL)
        await asyncio.gather(telling, *visits)
        for visitor in visitors:
            visitor.forget_settled_since(killed - NOTES_LATE)
        server = await restart(programs, data, port)
    teller.is_over = True
    async with asyncio.timeout(30):
        await teller.tell(port)
        for visitor in visitors:
            await visitor.visit(port, {"#general": teller.counts["#general"], "teller": teller.counts["anna"]})
    for visitor in visitors:
        assert visitor.faults == []
        assert visitor.settled
        assert visitor.lines > 200
        assert visitor.repeats > 0


async def restart(programs: Programs, data: Path, port: int) -> Server:
    server = programs.server(data, port=port)
    await asyncio.to_thread(server.wait_ready)
    return server

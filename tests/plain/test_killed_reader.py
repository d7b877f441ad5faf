"""How far one has read is written down while one reads: who is killed does not read the same twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.client.fakeserver import FakeServer
from tests.plain.program import Program

MakeProgram = Callable[..., Program]
DEADLINE = 15.0


async def until_noted(home: Path, msgid: str) -> None:
    """Wait until a client has written down that it has shown a message."""
    async with asyncio.timeout(DEADLINE):
        while not any(msgid in path.read_text() for path in home.rglob("read.json")):
            await asyncio.sleep(0.02)


async def test_a_client_that_is_killed_goes_on_behind_what_it_has_shown(
    server: FakeServer, program: MakeProgram, client_home: Path
) -> None:
    async with program() as client:
        await client.read_until("members")
        server.say("bob", "#general", "read already")
        await client.read_until("read already")
        await until_noted(client_home, "m0001")
        client.process.kill()
        await client.process.wait()
    server.say("bob", "#general", "missed")
    async with program() as again:
        shown = await again.read_until("<bob> missed")
    assert [line for line in shown if "<bob>" in line] == ["22:13 #general <bob> missed"]
    assert any("#general: new since" in line for line in shown)

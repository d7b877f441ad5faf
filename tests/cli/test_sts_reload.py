"""SIGHUP and the sts policy: a server that runs can be told to take it back."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from securechat.client.trust import build_context
from tests.cli.site import Site
from tests.scenario.processes import DEADLINE, Programs


async def test_sighup_tells_connected_clients_another_policy(programs: Programs, tmp_path: Path) -> None:
    """IRCv3 sts, Mechanism: changes MAY be communicated by CAP NEW, duration=0 takes a policy back."""
    site = Site(programs, tmp_path / "data", running=True)
    context = build_context(site.data / "ca.pem")
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.address().port, ssl=context, server_hostname="localhost"
    )

    async def read_until(text: bytes) -> bytes:
        async with asyncio.timeout(DEADLINE):
            while text not in (line := await reader.readline()):
                assert line
        return line

    writer.write(b"CAP LS 302\r\n")
    assert b"sts=duration=2592000" in await read_until(b"sts=")
    config = site.data / "config.toml"
    settings = config.read_text().replace("#sts = 2592000", "sts = ???")
    config.write_text(settings)
    site.server.signal(signal.SIGHUP)
    site.server.wait_for("config not read, everything stays as it was")
    config.write_text(settings.replace("sts = ???", "sts = 0"))
    site.server.signal(signal.SIGHUP)
    assert (await read_until(b"CAP")).rstrip().endswith(b"CAP * NEW sts=duration=0")
    writer.transport.abort()

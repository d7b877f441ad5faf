"""Those who attack from many connections, and those who are served meanwhile."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from securechat.config import Chat, Config, Limits
from tests.fuzz.oracle import Ear, Talk, listening
from tests.server.harness import DEADLINE, RunningServer, running_server

ELSEWHERE = "127.0.0.2"
"""An address of loopback that the members do not come from."""


@asynccontextmanager
async def attacked(directory: Path, **limits: object) -> AsyncIterator[tuple[RunningServer, Talk, Ear]]:
    """Run a server with such limits, two members who talk, and an ear at loop and log that must have heard no fault.

    Attackers that are still there at the end are ended.
    """
    config = Config(chat=Chat(absence=60), limits=Limits(**limits))  # type: ignore[arg-type]
    with listening() as ear:
        async with running_server(directory, config) as server:
            talk = await Talk.begin(server)
            yield server, talk, ear
            await talk.go_on()
            await talk.go_on()
    assert ear.faults == []
    assert server.failures == []


async def call(server: RunningServer, count: int = 1, source: str = ELSEWHERE) -> list[socket.socket]:
    """Open so many TCP connections that say nothing."""
    loop, callers = asyncio.get_running_loop(), []
    for _ in range(count):
        caller = socket.socket()
        caller.bind((source, 0))
        caller.setblocking(False)
        callers.append(caller)
        await loop.sock_connect(caller, ("127.0.0.1", server.port))
    return callers


async def all_ended(callers: Sequence[socket.socket], seconds: float) -> int:
    """Read each to its end; return how many had ended when the time was over."""
    loop = asyncio.get_running_loop()

    async def read_to_end(caller: socket.socket) -> None:
        try:
            while await loop.sock_recv(caller, 65_536):
                pass
        except OSError:
            pass

    tasks = [asyncio.create_task(read_to_end(caller)) for caller in callers]
    done, waiting = await asyncio.wait(tasks, timeout=seconds)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return len(done)


def hang_up(callers: Sequence[socket.socket]) -> None:
    """End what is still open."""
    for caller in callers:
        caller.close()


class Hello:
    """The bytes of a ClientHello, made by this Python's OpenSSL."""

    def __init__(self, *alpn: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.bytes = self.outgoing.read()


async def within(seconds: float, server: RunningServer, name: str) -> None:
    """Let somebody sign in who has nothing to do with it; raises TimeoutError when that takes longer."""
    async with asyncio.timeout(min(seconds, DEADLINE)):
        await (await server.sign_in(name)).close()

"""Raw clients of a server in a process of its own, and what the kernel says of that process."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from securechat.wire.sasl import encode_plain
from tests.scenario.processes import PASSWORD
from tests.server.harness import ALL_CAPS, RawClient


class Remote:
    """A port of loopback where a server listens, and the CA that signed for it."""

    def __init__(self, port: int, ca: Path) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(ca))
        self._clients: list[RawClient] = []

    async def sign_in(self, name: str, *, buffer: int | None = None) -> RawClient:
        """Return a client that has signed in and read everything up to a fence.

        buffer: bytes of its receive buffer; without it the kernel takes in megabytes that nobody reads.
        """
        sock = socket.socket()
        if buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=self._context, server_hostname="localhost", limit=1 << 16
        )
        client = RawClient(reader, writer)
        self._clients.append(client)
        client.send(f"CAP REQ :sasl {ALL_CAPS}", f"NICK {name}", f"USER {name} 0 * :{name}", "AUTHENTICATE PLAIN")
        client.send(*(f"AUTHENTICATE {chunk}" for chunk in encode_plain(name, PASSWORD)), "CAP END")
        await client.until("001")
        await client.fence()
        return client

    async def end_all(self) -> None:
        """End every connection, read to the end or not."""
        for client in self._clients:
            client.writer.transport.abort()
            await client.close()


def forget_peak(pid: int) -> int:
    """Let the peak of a process's memory be what it uses now, and return that, in bytes. (proc(5), clear_refs)"""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return read_peak(pid)


def read_peak(pid: int) -> int:
    """Return the most bytes that a process has had in memory since `forget_peak`. (proc(5), status)"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024

"""Measure what an idle TLS connection and one delivery cost: our transport, WebSockets on it, asyncio's own TLS, and uvloop's.

    python tests/measure/transports.py [--idle 500] [--readers 200] [--rate 50] [--seconds 2] [--samples 7]
                                         [--kinds ours,websocket,asyncio,uvloop]

Everything stays on the loopback interface. The server and the clients are processes of their own, so that the figures
are the server's alone: the growth of its resident memory while connections do nothing, and its CPU time (all threads,
from /proc/self/task/*/schedstat) over the deliveries made in that time, less that of as many ticks with nobody connected;
the median of several samples. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import trustme
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from securechat.server.listener import Listener, raise_descriptor_limit
from securechat.server.strangers import ConnectionLimits
from securechat.server.tls import build_context
from securechat.server.transport import Transport
from securechat.server.websocket import WebSocket

PAYLOAD = b":alice!alice@securechat PRIVMSG #general :" + b"x" * 106 + b"\r\n"


class Ours:
    """A receiver on our transport."""

    everybody: set[Ours] = set()

    def connected(self, transport: Transport) -> None:
        self.transport = transport
        self.everybody.add(self)

    def received(self, data: bytes) -> None: ...
    def drained(self) -> None: ...
    def closed(self, reason: str) -> None:
        self.everybody.discard(self)

    @classmethod
    def deliver(cls) -> None:
        for receiver in cls.everybody:
            receiver.transport.write_live(PAYLOAD)
            receiver.transport.flush()


class Framed(Ours):
    """A receiver whose lines leave as frames; the readers do not look at them."""

    def connected(self, transport: Transport) -> None:
        protocol = ServerProtocol(state=OPEN)
        self.transport = WebSocket(asyncio.get_running_loop(), transport, protocol, self)  # type: ignore[assignment, arg-type]
        self.everybody.add(self)


class Theirs(asyncio.Protocol):
    """A protocol on the loop's own TLS."""

    everybody: set[Theirs] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.everybody.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.everybody.discard(self)

    @classmethod
    def deliver(cls) -> None:
        for receiver in cls.everybody:
            receiver.transport.write(PAYLOAD)


async def serve(kind: str, directory: Path) -> None:
    """Serve one kind, and obey the lines on stdin: `count`, `memory`, `deliver RATE SECONDS`."""
    loop = asyncio.get_running_loop()
    context = build_context(directory / "server.crt", directory / "server.key")
    users: Any = {"ours": Ours, "websocket": Framed}.get(kind, Theirs)
    if issubclass(users, Ours):
        listener = Listener(
            loop,
            "127.0.0.1",
            0,
            context=context,
            receivers=users,
            limits=ConnectionLimits(10_000, 10_000),
            queue_limit=1 << 20,
        )
        listener.start()
        port = listener.address[1]
    else:
        server = await loop.create_server(Theirs, "127.0.0.1", 0, ssl=context, backlog=1024)
        port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    while command := (await asyncio.to_thread(sys.stdin.readline)).split():
        if command[0] == "count":
            print(len(users.everybody), flush=True)
        elif command[0] == "memory":
            print(read_resident_kib(), flush=True)
        else:
            print(await time_deliveries(users, int(command[1]), float(command[2])), flush=True)


async def time_deliveries(users: Any, rate: int, seconds: float) -> str:
    """Deliver to everybody `rate` times a second; return CPU nanoseconds and deliveries as JSON."""
    loop = asyncio.get_running_loop()
    before, start = read_cpu_ns(), loop.time()
    rounds = int(rate * seconds)
    for number in range(1, rounds + 1):
        users.deliver()
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
    return json.dumps([read_cpu_ns() - before, rounds * len(users.everybody)])


def read_resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def read_cpu_ns() -> int:
    return sum(int(task.read_text().split()[0]) for task in Path("/proc/self/task").glob("*/schedstat"))


def read_on(port: int, count: int, authority: str) -> None:
    """Open connections, say so, and throw away what they bring until stdin ends."""
    context = ssl.create_default_context(cafile=authority)
    selector = selectors.DefaultSelector()
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port))
        tls = context.wrap_socket(sock, server_hostname="localhost")
        tls.setblocking(False)
        selector.register(tls, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    print("open", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            try:
                key.fileobj.recv(65_536)  # type: ignore[union-attr]
            except ssl.SSLWantReadError:
                pass


class Child:
    """This program in another process, in another part."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, __file__, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hear(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the process has ended"
        return line.strip()

    def ask(self, command: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        self.process.communicate()


def open_readers(server: Child, port: str, count: int, authority: Path) -> Child:
    """Have another process open connections, and wait until the server knows all of them."""
    readers = Child("read", port, count, authority)
    readers.hear()
    wait_for(server, count)
    return readers


def wait_for(server: Child, count: int) -> None:
    deadline = time.monotonic() + 30
    while int(server.ask("count")) != count:
        assert time.monotonic() < deadline, "connections are missing"
        time.sleep(0.05)


def measure(kind: str, directory: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return KiB per idle connection and CPU microseconds per delivery."""
    server = Child("serve", kind, directory)
    port = server.hear()
    authority = directory / "ca.crt"
    open_readers(server, port, 5, authority).end()
    wait_for(server, 0)
    nobody, _ = json.loads(server.ask(f"deliver {options.rate} {options.seconds}"))
    before = int(server.ask("memory"))
    readers = open_readers(server, port, options.idle, authority)
    idle = (int(server.ask("memory")) - before) / options.idle
    readers.end()
    wait_for(server, 0)
    readers = open_readers(server, port, options.readers, authority)
    server.ask(f"deliver {options.rate} 1")
    costs = []
    for _ in range(options.samples):
        cpu, deliveries = json.loads(server.ask(f"deliver {options.rate} {options.seconds}"))
        costs.append((cpu - nobody) / deliveries / 1000)
    readers.end()
    server.end()
    return {
        "KiB per idle connection": round(idle, 1),
        "CPU us per delivery": round(statistics.median(costs), 2),
        "least": round(min(costs), 2),
        "most": round(max(costs), 2),
        "deliveries/s": round(options.rate * options.readers),
    }


def main() -> None:
    """Measure each kind that is installed, and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--samples", type=int, default=7)
    parser.add_argument("--kinds", default="ours,websocket,asyncio,uvloop")
    options = parser.parse_args()
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", key_type=trustme.KeyType.ECDSA)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        authority.cert_pem.write_to_path(directory / "ca.crt")
        leaf.cert_chain_pems[0].write_to_path(directory / "server.crt")
        leaf.private_key_pem.write_to_path(directory / "server.key")
        for kind in options.kinds.split(","):
            if kind == "uvloop" and importlib.util.find_spec("uvloop") is None:
                print("uvloop: not installed")
            else:
                print(f"{kind}: {measure(kind, directory, options)}")


if __name__ == "__main__":
    raise_descriptor_limit()
    if sys.argv[1:2] == ["serve"]:
        if sys.argv[2] == "uvloop":
            import uvloop

            uvloop.run(serve(sys.argv[2], Path(sys.argv[3])))
        else:
            asyncio.run(serve(sys.argv[2], Path(sys.argv[3])))
    elif sys.argv[1:2] == ["read"]:
        read_on(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main()

"""Puts itself between a client and a server on this machine: keeps a copy of what passes, and cuts the first connection.

python3 cut_link.py [--cut-after BYTES] [--copy FILE] PORT COMMAND…

PORT is the server's. COMMAND is run with {port} replaced by a port of ours, whose connections are passed on to the
server. With --cut-after the first of them is cut, both ways at once, when the client has sent so many bytes; those after
it are left alone. --copy FILE keeps all bytes of both directions, as they are on the wire. Ends when COMMAND does, with
its exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

Write = Callable[[bytes], object]


class Cut(Exception):
    """Both ways end here."""


class Cutter:
    """Passes bytes on to a port; the first connection ends when the client has sent `cut_after` bytes, unless None."""

    def __init__(self, port: int, cut_after: int | None, copy: Write) -> None:
        self.port = port
        self.cut_after = cut_after
        self.copy = copy

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one connection of the client's, with one of our own to the server behind it."""
        cut_after, self.cut_after = self.cut_after, None
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self.pass_on(reader, far_writer, cut_after))
                ways.create_task(self.pass_on(far_reader, writer, None))
        except* (Cut, OSError):
            pass
        finally:
            writer.close()
            far_writer.close()

    async def pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, cut_after: int | None) -> None:
        """Pass one direction on until it ends.

        Raises:
            Cut: so many bytes have passed.
        """
        passed = bytearray()
        while received := await source.read(65_536):
            if cut_after is not None:
                received = received[: cut_after - len(passed)]
                passed += received
            self.copy(received)
            sink.write(received)
            await sink.drain()
            if len(passed) == cut_after:
                print(f"-- cut after {cut_after} bytes: {describe(passed)}", file=sys.stderr)
                raise Cut
        sink.write_eof()


def describe(passed: bytearray) -> str:
    """Say where bytes end: among TLS records, each of which says its length in its first five bytes, or in plain lines."""
    if passed[:2] != b"\x16\x03":
        return f"{passed.count(10)} whole lines and {len(passed) - passed.rfind(10) - 1} bytes of the next"
    records = start = 0
    while len(passed) >= (end := start + 5 + int.from_bytes(passed[start + 3 : start + 5], "big")):
        records, start = records + 1, end
    return f"{records} whole TLS records and {len(passed) - start} bytes of the next"


async def run(port: int, cut_after: int | None, copy: Write, command: list[str]) -> int:
    """Run a command with us between it and the server; return its exit code."""
    cutter = Cutter(port, cut_after, copy)
    ours = await asyncio.start_server(cutter.accept, "127.0.0.1", 0)
    our_port = str(ours.sockets[0].getsockname()[1])
    process = await asyncio.create_subprocess_exec(*(word.replace("{port}", our_port) for word in command))
    return await process.wait()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--cut-after", type=int)
    parser.add_argument("--copy", type=Path, default=Path("/dev/null"))
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with options.copy.open("wb", buffering=0) as copy:
        sys.exit(asyncio.run(run(options.port, options.cut_after, copy.write, options.command)))


if __name__ == "__main__":
    main()

"""A process with one client that searches, one search after the other has been answered, and times each.

    python -m tests.bench.seeker        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, name, token}}, {"seek": {requests: [command, …]}}.
"""

from __future__ import annotations

import gc
import re
import time
from pathlib import Path

from tests.bench.members import CAPS_OF_SENDERS, make_context, sign_in
from tests.bench.orders import answer, obey, run
from tests.bench.tls import TLSLink

LIMIT_SECONDS = 30.0
CAPS = f"{CAPS_OF_SENDERS} soju.im/search"
_END = re.compile(rb"(?:BATCH -|FAIL )[^\n]*\n$")


def seek(tls: TLSLink, requests: list[str]) -> list[tuple[int, int]]:
    """Search; return how long each took (ns), and how many messages it found.

    Raises: RuntimeError when one fails.
    """
    found = []
    for command in requests:
        began = time.monotonic_ns()
        tls.sendall(f"{command}\r\n".encode())
        heard = b""
        while not _END.search(heard, max(0, len(heard) - 512)):
            data = tls.recv()
            if not data:
                raise ConnectionError(f"cut after {command}")
            heard += data
        took = time.monotonic_ns() - began
        if b"FAIL" in heard:
            raise RuntimeError(f"{command} was answered with {heard[-200:]!r}")
        found.append((took, heard.count(b" PRIVMSG ")))
    return found


def main() -> None:
    """Obey orders until stdin ends."""
    inside: list[TLSLink] = []

    def enter(port: int, ca: str, name: str, token: str) -> None:
        tls = sign_in("listener", name, token, CAPS, port, make_context(Path(ca))).tls
        tls.settimeout(LIMIT_SECONDS)
        inside.append(tls)
        answer(entered=1)

    def read(requests: list[str]) -> None:
        gc.collect()
        gc.freeze()
        answer(found=seek(inside[0], requests))

    while obey({"enter": enter, "seek": read}):
        pass


if __name__ == "__main__":
    run(main)

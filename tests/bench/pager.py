"""A process with one client that asks for pages of history, one after the other has come, and times each.

    python -m tests.bench.pager        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, name, token}}, {"read": {requests: [[command, first, last], …]}}: the texts of a page begin
with `number N`, and the page that is asked for runs from `first` to `last`, without a gap.
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
CAPS = f"{CAPS_OF_SENDERS} labeled-response"
_END = re.compile(rb"(?:BATCH -|FAIL )[^\n]*\n$")
_NUMBER = re.compile(rb" :number (\d+) ")


def read_pages(tls: TLSLink, requests: list[tuple[str, int, int]]) -> list[int]:
    """Ask for pages; return how long each took (ns).

    Raises: RuntimeError when one is not what it should be.
    """
    took = []
    for command, first, last in requests:
        began = time.monotonic_ns()
        tls.sendall(f"@label=1 {command}\r\n".encode())
        heard = b""
        while not _END.search(heard, max(0, len(heard) - 512)):
            data = tls.recv()
            if not data:
                raise ConnectionError(f"cut after {command}")
            heard += data
        took.append(time.monotonic_ns() - began)
        numbers = [int(each) for each in _NUMBER.findall(heard)]
        if numbers != list(range(first, last + 1)):
            shown = f"{numbers[0]} to {numbers[-1]} ({len(numbers)})" if numbers else f"{heard[-200:]!r}"
            raise RuntimeError(f"{command} was answered with {shown} in place of {first} to {last}")
    return took


def main() -> None:
    """Obey orders until stdin ends."""
    inside: list[TLSLink] = []

    def enter(port: int, ca: str, name: str, token: str) -> None:
        tls = sign_in("listener", name, token, CAPS, port, make_context(Path(ca))).tls
        tls.settimeout(LIMIT_SECONDS)
        inside.append(tls)
        answer(entered=1)

    def read(requests: list[tuple[str, int, int]]) -> None:
        gc.collect()
        gc.freeze()
        answer(took=read_pages(inside[0], requests))

    while obey({"enter": enter, "read": read}):
        pass


if __name__ == "__main__":
    run(main)

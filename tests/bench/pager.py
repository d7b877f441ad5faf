"""A process with one client that asks for pages of history, one after the other has come, and times each.

    python -m tests.bench.pager        orders on stdin, answers on stdout, ends with stdin

Orders: {"enter": {port, ca, name, token}}, {"read": {requests: [[command, first, last], …]}}: the texts of a page begin
with `number N`, and the page that is asked for runs from `first` to `last`, without a gap.
"""

from __future__ import annotations

import gc
import json
import re
import ssl
import sys
import time
from pathlib import Path

from tests.bench.members import CAPS_OF_SENDERS, RECORD, make_context, sign_in

LIMIT_SECONDS = 30.0
CAPS = f"{CAPS_OF_SENDERS} labeled-response draft/chathistory"
_END = re.compile(rb"(?:BATCH -|FAIL )[^\n]*\n$")
_NUMBER = re.compile(rb" :number (\d+) ")


def read_pages(tls: ssl.SSLSocket, requests: list[tuple[str, int, int]]) -> list[int]:
    """Ask for pages; return how long each took (ns).

    Raises: RuntimeError when one is not what it should be.
    """
    took = []
    for command, first, last in requests:
        began = time.monotonic_ns()
        tls.sendall(f"@label=1 {command}\r\n".encode())
        heard = b""
        while not _END.search(heard, max(0, len(heard) - 512)):
            data = tls.recv(RECORD)
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
    tls: ssl.SSLSocket | None = None
    for line in sys.stdin:
        order = json.loads(line)
        if "enter" in order:
            where = order["enter"]
            context = make_context(Path(where["ca"]))
            tls = sign_in("listener", where["name"], where["token"], CAPS, where["port"], context).tls
            tls.settimeout(LIMIT_SECONDS)
            print(json.dumps({"entered": 1}), flush=True)
        else:
            assert tls is not None, "nobody has entered"
            gc.collect()
            gc.freeze()
            print(json.dumps({"took": read_pages(tls, order["read"]["requests"])}), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as failure:
        sys.exit(f"pager: {failure}")

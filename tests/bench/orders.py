"""What a load process is told and what it answers: JSON, a line each, on stdin and stdout.

An order is {its name: {its arguments}}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Orders = Mapping[str, Callable[..., None]]
"""What carries an order out, by the order's name."""


def obey(orders: Orders) -> bool:
    """Read an order and carry it out; return False at the end of stdin."""
    line = sys.stdin.readline()
    if line:
        ((name, arguments),) = json.loads(line).items()
        orders[name](**arguments)
    return bool(line)


def answer(**what: Any) -> None:
    """Write one answer."""
    print(json.dumps(what), flush=True)


def run(work: Callable[[], None]) -> None:
    """Run a load process; what goes wrong in it ends it with one line on stderr."""
    try:
        work()
    except (OSError, RuntimeError) as failure:
        sys.exit(f"{Path(sys.argv[0]).stem}: {failure}")

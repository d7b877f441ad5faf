"""Libraries as clients: each is a process of its own that is told what to do, and tells what it hands out, in lines of JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.processes import Program, Programs

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".cache" / "clients"
NODE, PYTHON = INSTALLED / "node" / "node_modules", INSTALLED / "python" / "bin" / "python"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not NODE.exists(),
    reason="irc-framework is not installed: tests/clients/install, which takes npm",
)
needs_python = pytest.mark.skipif(not PYTHON.exists(), reason="pydle and irc are not installed: tests/clients/install")


class Driven:
    """A running driver."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._rows: list[tuple[str, dict[str, Any]]] = []
        self._fences = 0

    def say(self, row: object) -> None:
        self.program.say(json.dumps(row))

    def call(self, method: str, *arguments: object) -> None:
        """Let it call a method of its client."""
        self.say([method, *arguments])

    def told(self, name: str, **fields: object) -> list[dict[str, Any]]:
        """Return the events of a name that had at least these fields, in their order."""
        for line in self.program.out[len(self._rows) :]:
            self._rows.append(tuple(json.loads(line)))
        return [row for event, row in self._rows if event == name and holds(row, fields)]

    def wait_for(self, name: str, times: int = 1, **fields: object) -> dict[str, Any]:
        """Wait until an event with at least these fields was told so often; return the last."""
        self.program.wait_until(lambda: len(self.told(name, **fields)) >= times, f"{times} × {name} {fields}")
        return self.told(name, **fields)[-1]

    def fence(self) -> None:
        """Wait until everything the server had to say so far was told: its PONG comes behind it."""
        self._fences += 1
        token = f"fence-{self._fences}"
        self.call(*self.ping(token))
        self.program.wait_until(lambda: any(token in map(str, flat(row)) for row in self.told("pong")), token)

    def ping(self, token: str) -> tuple[str, ...]:
        """Return the call that sends a PING."""
        return ("ping", token)

    def show(self, *arguments: object) -> dict[str, Any]:
        """Return what it keeps itself, once everything so far was told."""
        self.fence()
        before = len(self.told("shown"))
        self.call("show", *arguments)
        return self.wait_for("shown", times=before + 1)


def holds(row: object, wanted: object) -> bool:
    """Tell whether an object has at least what is wanted, in depth."""
    if isinstance(wanted, dict):
        return isinstance(row, dict) and all(key in row and holds(row[key], wanted[key]) for key in wanted)
    return row == wanted


def flat(row: object) -> list[object]:
    """Return all single values of an object."""
    if isinstance(row, dict):
        row = list(row.values())
    return [leaf for item in row for leaf in flat(item)] if isinstance(row, list) else [row]


def start_node(programs: Programs, ca: Path) -> Driven:
    """Start irc-framework, which trusts this CA beside those of Node."""
    programs.environment |= {"NODE_PATH": str(NODE), "NODE_EXTRA_CA_CERTS": str(ca)}
    return Driven(programs.start("node", str(HERE / "node" / "drive.js")))


def start_python(programs: Programs, name: str, options: dict[str, Any]) -> Driven:
    """Start a library of Python, and give it the options that its driver reads first."""
    driven = Driven(programs.start(str(PYTHON), str(HERE / "python" / f"{name}.py")))
    driven.say(options)
    return driven

"""How many instructions the server executes for a message and for a delivery: figures that no busy neighbour changes.

The server runs under callgrind, which counts them in all threads outside of the kernel. One member talks in lockstep:
the next burst leaves when everybody has the last. The same is done with few members and with many; the difference is
what a delivery costs, and what is left is the message: reading, judging, committing and wording it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.columns import Column
from tests.bench.crowd import Cores, Figures
from tests.bench.members import CAPS_OF_LISTENERS, CAPS_OF_SENDERS, SIGN_IN_SECONDS, TEXT_BYTES, make_context, sign_in
from tests.bench.scenarios import Scenario
from tests.bench.server import PROGRAMS, DataDirectory, Server, name_people, open_data_directory
from tests.bench.subjects import Conditions
from tests.bench.tls import TLSLink

FEW, MANY = 10, 50
MESSAGES = 160
"""Counted, after as many as warm everything up."""
WARM_UP = 32
BURST = 16
"""Messages in one packet, and so in one batch, in the second of the two figures."""
DUMP_SECONDS = 30.0
COLUMNS = (
    Column("per_message_alone", "instructions/message, one at a time", ",.0f", spread=True),
    Column("per_delivery_alone", "/delivery", ",.0f", spread=True),
    Column("per_message_burst", f"instructions/message, {BURST} at a time", ",.0f", spread=True),
    Column("per_delivery_burst", "/delivery", ",.0f", spread=True),
)
_TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)


def measure(_scenario: Scenario, _subject: str, conditions: Conditions) -> Figures:
    """Count once; how long is up to valgrind.

    Raises: RuntimeError without valgrind, or when it does not say what it counted.
    """
    cores, program = conditions.cores, conditions.program
    if shutil.which("valgrind") is None:
        raise RuntimeError("valgrind is not installed: instructions cannot be counted")
    figures = {}
    for name, burst in (("alone", 1), ("burst", BURST)):
        few, many = (_count(cores, program, members, burst) / MESSAGES for members in (FEW, MANY))
        per_delivery = (many - few) / (MANY - FEW)
        figures[f"per_delivery_{name}"] = per_delivery
        figures[f"per_message_{name}"] = few - FEW * per_delivery
    return figures


def _count(cores: Cores, program: Path | None, members: int, burst: int) -> int:
    names = name_people("m", members)
    with open_data_directory() as directory:
        counter = _write_counter(directory, program)
        # Under valgrind only one thread runs at a time, so it may have all cores.
        with directory.serving(counter, [*cores.server, *cores.load]) as server:
            room = _enter(directory, server, names)
            _talk(room, WARM_UP, burst)
            _control(server, "--instr=on")
            _talk(room, MESSAGES, burst)
            _control(server, "--instr=off")
            _control(server, "--dump")
            total = _await_total(directory.path)
            for member in room:
                member.close()
            return total


def _write_counter(directory: DataDirectory, program: Path | None) -> Path:
    """Write the program that is started in the server's place; valgrind wants an interpreter, not a script."""
    server = [sys.executable, str(program or PROGRAMS / "securechat-server")]
    command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no"]
    command += [f"--callgrind-out-file={directory.path}/callgrind.out", *server]
    path = directory.path / "counter"
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o700)
    return path


def _enter(directory: DataDirectory, server: Server, names: list[str]) -> list[TLSLink]:
    tokens = directory.import_accounts(names, "--tokens")
    context = make_context(server.ca)
    room = []
    for number, name in enumerate(names):
        caps = CAPS_OF_LISTENERS[number % 2] if number else CAPS_OF_SENDERS
        member = sign_in("listener", name, tokens[name], caps, server.port, context)
        member.tls.settimeout(SIGN_IN_SECONDS)
        room.append(member.tls)
    return room


def _talk(room: list[TLSLink], messages: int, burst: int) -> None:
    """Have the first member say so many messages, the next burst when everybody has the last."""
    text = b"PRIVMSG #general :" + b"x" * TEXT_BYTES
    for _ in range(messages // burst):
        ids = [os.urandom(16).hex().encode() for _ in range(burst)]
        room[0].sendall(b"".join([b"@securechat.internal/id=" + each + b" " + text + b"\r\n" for each in ids]))
        for member in room:
            heard = 0
            while heard < burst:
                heard += member.recv().count(b"\n")


def _control(server: Server, order: str) -> None:
    done = subprocess.run(["callgrind_control", order, str(server.pid)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"callgrind_control {order}: {done.stdout}{done.stderr}")


def _await_total(data: Path) -> int:
    """Return what the largest dump says: the others hold what was counted before and after."""
    deadline = time.monotonic() + DUMP_SECONDS
    while time.monotonic() < deadline:
        totals = [int(found[1]) for file in data.glob("callgrind.out*") if (found := _TOTAL.search(file.read_text()))]
        if totals:
            return max(totals)
        time.sleep(0.05)
    raise RuntimeError("callgrind has not said what it counted")

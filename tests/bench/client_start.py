"""The scenario `client`: how long somebody waits for our commands, from the start of the process."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from securechat.client.address import Address
from securechat.client.credentials import TOKEN_FILE
from securechat.client.private import make_private_directory, write_private
from securechat.client.profile import FILE, KnownServer, account_directory, remember
from tests.bench import process
from tests.bench.columns import Column
from tests.bench.crowd import Figures
from tests.bench.percentiles import pick
from tests.bench.scenarios import Scenario
from tests.bench.server import PROGRAMS, Server, make_directory
from tests.bench.subjects import Conditions, start_subject

NAME = "alice"
FEWEST = 5
"""Starts of each kind, even when there is little time."""
WARM_UP = 2
PROMPT = b"[#general]"
PATIENCE = 20.0

COLUMNS = (
    Column("starts", "starts of each", ",.0f"),
    Column("prompt_p50_ms", "start to prompt ms", ".0f", spread=True),
    Column("prompt_most_ms", "most", ".0f"),
    Column("send_p50_ms", "send ms", ".0f", spread=True),
    Column("send_most_ms", "most", ".0f"),
    Column("admin_help_p50_ms", "admin --help ms", ".0f", spread=True),
    Column("admin_help_most_ms", "most", ".0f"),
)


def measure(_: Scenario, subject: str, conditions: Conditions) -> Figures:
    """Start each command again and again for a third of the seconds; it ends with the prompt, the echo, the help.

    Raises: RuntimeError when a command does not do what it is started for.
    """
    load = conditions.cores.load
    with start_subject(subject, conditions, [NAME]) as server, make_directory() as home:
        _set_up(home, server)
        variables = {**os.environ, "SECURECHAT_CLIENT_HOME": str(home), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        talk = [str(PROGRAMS / "securechat-client")]
        send = [*talk, "send", "#general", "hello"]
        help_ = [str(PROGRAMS / "securechat-admin"), "--help"]
        kinds: dict[str, Callable[[], int]] = {
            "prompt": lambda: _time_prompt(talk, load, variables),
            "send": lambda: _time_run(send, load, variables),
            "admin_help": lambda: _time_run(help_, load, variables),
        }
        took = {name: _repeat(start, conditions.seconds / len(kinds)) for name, start in kinds.items()}
    figures = {"starts": float(min(len(times) for times in took.values()))}
    for name, times in took.items():
        figures |= {f"{name}_p50_ms": pick(times, 50) / 1e6, f"{name}_most_ms": times[-1] / 1e6}
    return figures


def _set_up(home: Path, server: Server) -> None:
    """Write what a first contact and a password would have left behind."""
    address = Address("localhost", server.port)
    account = account_directory(home, address, NAME)
    make_private_directory(account)
    write_private(account / TOKEN_FILE, server.tokens[NAME].encode())
    remember(home, address, KnownServer(NAME, str(server.ca), token=FILE))


def _repeat(start: Callable[[], int], seconds: float) -> list[int]:
    """Return how many nanoseconds each start took, in order of length; the first ones fill the system's caches."""
    for _ in range(WARM_UP):
        start()
    end = time.monotonic() + seconds
    times: list[int] = []
    while len(times) < FEWEST or time.monotonic() < end:
        times.append(start())
    return sorted(times)


def _time_run(command: Sequence[str], cores: Sequence[int], variables: Mapping[str, str]) -> int:
    began = time.perf_counter_ns()
    running = process.start(
        command, cores, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = running.communicate(timeout=PATIENCE)
    took = time.perf_counter_ns() - began
    if running.returncode:
        raise RuntimeError(f"{' '.join(command[:2])} ended with {running.returncode}: {said[-500:]}")
    return took


def _time_prompt(command: Sequence[str], cores: Sequence[int], variables: Mapping[str, str]) -> int:
    """Return how long it takes until the prompt stands on a terminal and takes what is typed."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    try:
        began = time.perf_counter_ns()
        running = process.start(command, cores, env=variables, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        try:
            seen = _read_until(ours, PROMPT)
            return time.perf_counter_ns() - began if seen else _complain(running)
        finally:
            process.kill(running)
    finally:
        os.close(ours)


def _complain(running: subprocess.Popen[str]) -> int:
    raise RuntimeError(f"no prompt within {PATIENCE:g} s (exit code {running.poll()})")


def _read_until(terminal: int, mark: bytes) -> bool:
    """Read a terminal until it shows a text; tell whether it came."""
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while mark not in shown and time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            return False
    return mark in shown

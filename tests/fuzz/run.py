"""A run: batches of inputs from a seed against a real node, with witnesses talking in between."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from securechat.config import Chat, Config, Guessing, Limits
from securechat.errors import ProtocolError
from tests.fuzz.inputs import MAKERS, SHARES
from tests.fuzz.oracle import Ear, FuzzFailure, Talk, listening
from tests.fuzz.targets import ROLES, Beginnings, Frames, Lines, Requests, Strangers, Target
from tests.server.harness import RunningServer, running_server

BATCH = 50
BALANCER = "127.0.0.3"
"""Where connections come from that have to begin by saying whom they stand for."""
WARM_UP = 40
"""Batches after which memory is looked at for the first time."""


@dataclass
class Report:
    """What a run came to."""

    seed: int
    inputs: Counter[str] = field(default_factory=Counter)
    replies: dict[str, Counter[str]] = field(default_factory=dict)
    said: int = 0
    seconds: float = 0.0
    memory: tuple[int, int] = (0, 0)

    def lines(self) -> list[str]:
        """Return it for people; memory is that of the process, clients included."""
        total = sum(self.inputs.values())
        first, last = (size / 2**20 for size in self.memory)
        shown = [f"seed {self.seed}: {total} inputs in {self.seconds:.0f} s ({total / self.seconds:.0f} a second)"]
        for kind, count in self.inputs.items():
            answered = ", ".join(f"{name} {times}" for name, times in self.replies[kind].most_common())
            shown.append(f"  {kind:7}{count:8}   {answered}")
        shown.append(f"  exceptions 0, internal errors 0, malformed lines 0; the witnesses said {self.said} things")
        return [*shown, f"  memory {first:.1f} MiB after the first {WARM_UP * BATCH} inputs, {last:.1f} MiB at the end"]


def generous() -> Config:
    """Return settings under which nothing but the input decides what happens."""
    return Config(
        balancers=[BALANCER],
        chat=Chat(absence=60),
        limits=Limits(strangers=100_000, strangers_per_address=100_000, rate=0, connections_per_account=1000),
        guessing=Guessing(per_account=100_000, per_address=100_000, overall=100_000),
    )


async def fuzz(
    directory: Path,
    *,
    seed: int,
    count: int,
    kinds: Sequence[str] = tuple(SHARES),
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Send so many inputs; return what came of it.

    tell: is told now and then how far it is. Raises: FuzzFailure, which says how to see it again.
    """
    with listening() as ear:
        async with running_server(directory, generous()) as server:
            for number, role in enumerate(ROLES):
                await server.add(f"mallory{number}", role=role)
            return await _fuzz(server, ear, Report(seed), count, kinds, tell)


async def _fuzz(
    server: RunningServer, ear: Ear, report: Report, count: int, kinds: Sequence[str], tell: Callable[[str], None]
) -> Report:
    targets: dict[str, Target] = {
        "lines": Lines(server),
        "sasl": Strangers(server),
        "frames": Frames(server),
        "http": Requests(server),
        "tls": Beginnings(server),
        "proxy": Beginnings(server, BALANCER),
    }
    talk, began, first = await Talk.begin(server), time.monotonic(), 0
    chooser = random.Random(report.seed)
    for batch in range(-(-count // BATCH)):
        (kind,) = chooser.choices(kinds, [SHARES[name] for name in kinds])
        chance = random.Random(f"{report.seed}/{batch}/{kind}")
        inputs = [MAKERS[kind](chance) for _ in range(min(BATCH, count - batch * BATCH))]
        try:
            await targets[kind].feed(inputs, chance)
            await talk.go_on()
            _require_silence(server, ear)
        except (AssertionError, ProtocolError, ValueError, LookupError) as failure:
            shown = "\n".join(f"  {each.sent[:300]!r}" for each in inputs)
            raise FuzzFailure(
                f"seed {report.seed}, batch {batch}, {kind}: {_reason(failure)}\nthe inputs were\n{shown}"
            ) from None
        report.inputs[kind] += len(inputs)
        if batch == WARM_UP:
            first = resident()
        if batch % 400 == 399:
            tell(f"{batch * BATCH} inputs, {resident() / 2**20:.0f} MiB")
    report.replies = {kind: targets[kind].replies for kind in report.inputs}
    report.said, report.seconds, report.memory = talk.said, time.monotonic() - began, (first, resident())
    return report


def _reason(failure: Exception) -> str:
    """Say what was wrong; a line that a judge cannot even read raises something else than what it found."""
    return str(failure) if isinstance(failure, FuzzFailure) else f"malformed: {failure!r}"


def _require_silence(server: RunningServer, ear: Ear) -> None:
    if ear.faults or server.failures:
        raise FuzzFailure("; ".join([*ear.faults[:3], *map(repr, server.failures)]))


def resident() -> int:
    """Return the bytes this process has in memory; 0 where nobody says. (proc(5), statm)"""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


def run(directory: Path, **options: object) -> Report:
    """Do a run in a loop of its own."""
    return asyncio.run(fuzz(directory, **options))  # type: ignore[arg-type]

"""python -m tests.crash: kill a server again and again, and print what became of every message."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from tests.bench.server import CACHE, PROGRAMS
from tests.crash.broken_server import VARIANTS
from tests.crash.run import Report, Run


@click.command(name="crashtest")
@click.option("--kills", type=click.IntRange(1), default=30, show_default=True)
@click.option("--seed", type=int, help="Of the random moments; a new one each time otherwise.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.option("--broken", type=click.Choice(list(VARIANTS)), help="A server broken on purpose: must be found out.")
def main(kills: int, seed: int | None, as_json: bool, broken: str | None) -> None:
    """Talk to a server over TLS and SIGKILL it, again and again; then compare what everybody saw with what is stored.

    Ends with 1 when anything is wrong, or when fewer than two thirds of the kills hit a commit in flight.
    """
    # A signal must not skip the clearing up: processes and a directory.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = random.randrange(1_000_000) if seed is None else seed
    _say(f"{kills} kills, seed {seed}")
    command = [sys.executable, "-m", "tests.crash.broken_server", broken] if broken else _server()
    # Not in the system's place for temporary files: that may be in memory.
    CACHE.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="crash-", dir=CACHE))
    keep = True
    try:
        report = Run(directory, command, seed).go(kills, _say)
        keep = not (report.is_sound or broken is not None)
    except RuntimeError as failure:
        raise click.ClickException(str(failure)) from failure
    except (KeyboardInterrupt, SystemExit):
        keep = False
        raise
    finally:
        if keep:
            _say(f"kept for a look: {directory}")
        else:
            shutil.rmtree(directory)
    click.echo(json.dumps(dataclasses.asdict(report), indent=1) if as_json else describe(report))
    sys.exit(not (report.is_sound and report.is_telling))


def describe(report: Report) -> str:
    """Return the report for people."""
    each = report.seconds / report.kills if report.kills else 0
    lines = [
        f"kills         {report.kills:,}, in flight {report.in_flight:,} (torn {report.torn:,})",
        f"acknowledged  {report.acknowledged:,} of {report.stored:,} stored",
        f"lost          {report.lost:,}",
        f"doubled       {report.doubled:,}",
        f"gaps          {report.gaps:,}",
        f"reordered     {report.reordered:,}",
        f"refused       {report.refused:,}",
        f"integrity     {report.integrity}",
        f"duration      {report.seconds:,.0f} s, {each:.2f} s a kill",
    ]
    if not report.is_telling:
        lines.append("fewer than two thirds of the kills hit a commit in flight: this says too little")
    return "\n".join([*lines, *report.details])


def _server() -> list[str]:
    return [str(PROGRAMS / "securechat-server")]


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()

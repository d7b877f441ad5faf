"""python -m tests.bench: run scenarios and print what they cost."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from securechat.server.listener import raise_descriptor_limit
from tests.bench import inspircd
from tests.bench.crowd import share_cores
from tests.bench.flush import build_shim
from tests.bench.missing import Missing
from tests.bench.plot import draw
from tests.bench.progress import Progress
from tests.bench.report import tabulate
from tests.bench.scenarios import SCENARIOS, Scenario
from tests.bench.series import Series
from tests.bench.subjects import PEER, SUBJECTS, Conditions

WHOLE = round(sum(scenario.minutes * scenario.runs for scenario in SCENARIOS.values()))
LONGEST = "  ".join(f"{each.name} {each.minutes:g} min x {each.runs}" for each in SCENARIOS.values())


def _read_subjects(_: click.Context, __: click.Parameter, value: str) -> list[str]:
    chosen = value.split(",")
    if not set(chosen) <= set(SUBJECTS):
        raise click.BadParameter(f"choose among {', '.join(SUBJECTS)}, with commas between them")
    return chosen


@click.command(name="bench", epilog=f"All of it takes about {WHOLE} minutes: {LONGEST}.")
@click.argument("names", metavar="[SCENARIO]...", type=click.Choice(list(SCENARIOS)), nargs=-1)
@click.option("--subjects", callback=_read_subjects, default=",".join(SUBJECTS), show_default=True, help="Who runs.")
@click.option("--runs", type=click.IntRange(1, 50), help="The tables show the median. [default: as below]")
@click.option("--seconds", type=click.IntRange(1, 60), default=5, show_default=True, help="Length of what is measured.")
@click.option("--members", type=click.IntRange(20, 4000), help="Instead of the scenario's own number.")
@click.option("--json", "as_json", is_flag=True, help="Every run's figures, as JSON.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write an SVG of the goals there.")
@click.option("--server", "program", type=click.Path(path_type=Path, exists=True), help="Run this in place of ours.")
def main(
    names: Sequence[str],
    subjects: list[str],
    runs: int | None,
    seconds: int,
    members: int | None,
    as_json: bool,
    plot: Path | None,
    program: Path | None,
) -> None:
    """Measure a server on one core with its members on the others: all scenarios, or those named.

    Scenarios run interleaved, and so do our server, the floor under it and the peer beside it in each of them.
    docs/performance.md says how to read it.
    """
    # A signal must not skip the clearing up: processes and a directory.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raise_descriptor_limit()
    scenarios = [_adapt(SCENARIOS[name], members, runs) for name in names or SCENARIOS]
    if PEER in subjects and any(PEER in scenario.subjects for scenario in scenarios):
        subjects = _look_for_peer(subjects)
    series = Series(scenarios, subjects, _find_conditions(seconds, program))
    series.run(lambda expected: Progress(sys.stderr, expected))
    if plot is not None:
        plot.write_text(draw(scenarios, series.results))
    click.echo(json.dumps(series.export(), indent=1) if as_json else tabulate(scenarios, series.results))
    for line in series.missing:
        _say(line)
    if series.failed:
        raise click.ClickException("\n".join(series.failed))


def _adapt(scenario: Scenario, members: int | None, runs: int | None) -> Scenario:
    if members is not None and scenario.members:
        scenario = dataclasses.replace(scenario, members=members)
    return scenario if runs is None else dataclasses.replace(scenario, runs=runs)


def _look_for_peer(subjects: list[str]) -> list[str]:
    try:
        inspircd.find_program()
    except Missing as missing:
        _say(str(missing))
        return [subject for subject in subjects if subject != PEER]
    return subjects


def _find_conditions(seconds: int, program: Path | None) -> Conditions:
    cores = share_cores()
    _say(f"server on core {cores.server}, load on {cores.load}")
    if cores.server == cores.load:
        _say("there is one core only: server and load disturb each other, and the figures say little")
    try:
        shim = build_shim()
    except Missing as missing:
        _say(str(missing))
        shim = None
    return Conditions(cores, seconds, program, shim)


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()

"""python -m tests.bench: run scenarios and print what they cost."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from securechat.server.listener import raise_descriptor_limit
from tests.bench.report import tabulate
from tests.bench.run import Cores, Figures, run_scenario, share_cores
from tests.bench.scenarios import SCENARIOS, Scenario


@click.command(name="bench")
@click.argument("names", metavar="[SCENARIO]...", type=click.Choice(list(SCENARIOS)), nargs=-1)
@click.option("--members", type=click.IntRange(20, 4000), help="Instead of the scenario's own number.")
@click.option("--seconds", type=click.IntRange(1, 60), default=5, show_default=True, help="Length of what is measured.")
@click.option("--runs", type=click.IntRange(1, 50), default=3, show_default=True, help="The table shows the median.")
@click.option("--json", "as_json", is_flag=True, help="Every run's figures, as JSON.")
@click.option("--server", "program", type=click.Path(path_type=Path, exists=True), help="Run this in its place.")
def main(
    names: Sequence[str], members: int | None, seconds: int, runs: int, as_json: bool, program: Path | None
) -> None:
    """Measure a server on one core with its members on the others: all scenarios, or those named.

    docs/performance.md says how to read it.
    """
    # A signal must not skip the clearing up: processes and a directory.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raise_descriptor_limit()
    cores = share_cores()
    _say(f"server on core {cores.server}, load on {cores.load}")
    if cores.server == cores.load:
        _say("there is one core only: server and load disturb each other, and the figures say little")
    scenarios = [SCENARIOS[name] for name in names or SCENARIOS]
    if members is not None:
        scenarios = [dataclasses.replace(scenario, members=members) for scenario in scenarios]
    results = _run_all(scenarios, runs, seconds, program, cores)
    if as_json:
        click.echo(json.dumps(results, indent=1))
    else:
        click.echo(tabulate(results))


def _run_all(
    scenarios: Sequence[Scenario], runs: int, seconds: int, program: Path | None, cores: Cores
) -> dict[str, list[Figures]]:
    """Run interleaved, so that a noisy minute does not fall on one scenario alone."""
    results: dict[str, list[Figures]] = {scenario.name: [] for scenario in scenarios}
    for number in range(1, runs + 1):
        for scenario in scenarios:
            began = time.monotonic()
            try:
                figures = run_scenario(scenario, seconds, program, cores)
            except (RuntimeError, OSError) as error:
                raise click.ClickException(f"{scenario.name}, run {number}: {error}") from error
            results[scenario.name].append(figures)
            shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            _say(f"{scenario.name} {number}/{runs} ({time.monotonic() - began:.0f} s): {shown}")
    return results


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()

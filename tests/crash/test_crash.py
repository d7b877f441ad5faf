"""The crash proof, short: a sound server passes, and servers broken on purpose are found out, each for its own fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 30

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches the WAL by inotify, which Linux alone has")


def crash(kills: int, *options: str) -> tuple[int, dict[str, Any]]:
    """Kill a server so often; return the exit code and the report."""
    command = [sys.executable, "-m", "tests.crash", "--json", "--kills", str(kills), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.timeout(180)
def test_a_server_killed_in_its_commits_loses_doubles_skips_and_reorders_nothing() -> None:
    code, report = crash(KILLS)

    faults = {kind: report[kind] for kind in ("lost", "doubled", "gaps", "reordered", "refused", "integrity")}
    sound = {"lost": 0, "doubled": 0, "gaps": 0, "reordered": 0, "refused": 0, "integrity": "ok"}
    assert faults == sound, report["details"]
    assert report["kills"] == KILLS
    assert report["in_flight"] >= 20
    assert report["acknowledged"] == report["stored"] >= 2000
    assert code == 0


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("variant", "fault", "others"),
    [
        ("ack-before-commit", "lost", ["doubled"]),
        ("ids-not-unique", "doubled", ["lost", "gaps"]),
        ("seq-outside-transaction", "gaps", ["lost", "doubled", "reordered"]),
    ],
)
def test_a_broken_server_is_found_out_for_its_own_fault(variant: str, fault: str, others: list[str]) -> None:
    code, report = crash(12, "--broken", variant)

    assert code == 1
    assert report[fault] > 0
    assert {kind: report[kind] for kind in others} == dict.fromkeys(others, 0)
    assert report["kills"] < 12, "it stops at the first restart that shows a fault"


@pytest.mark.timeout(90)
def test_the_slow_disk_under_the_broken_server_is_not_what_is_found_out() -> None:
    code, report = crash(6, "--broken", "slow-disk")

    assert (report["lost"], report["doubled"], report["gaps"], report["reordered"]) == (0, 0, 0, 0)
    assert report["acknowledged"] == report["stored"] > 0
    assert code == 0

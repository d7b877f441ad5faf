"""The run: rounds of talk that end in a kill, a look at the disk after each, and the whole comparison at the end."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.cast import ACCOUNTS, LATE_READERS, READERS, WRITERS
from tests.crash.checker import find_faults
from tests.crash.company import Company
from tests.crash.ledger import Ledger
from tests.crash.server import DEADLINE, Server
from tests.crash.stored import check_integrity
from tests.crash.wal import Watch, is_torn

MAX_TALK = 0.03
"""Most seconds of talk, everybody being under way, until the kill is aimed."""
MAX_AIM = 0.0002
"""Most seconds from the write to the WAL that is waited for to the kill."""
MAX_START = 0.4
"""Most seconds from the start of the server, or of the round, to a kill that is aimed at nothing."""
LEAST_HISTORY = 1000
"""Messages that history gives to each of some readers in a second, at least."""
UNAIMED_EVERY = 30
"""Of so many kills one falls while the server starts, and one while people sign in and resume."""


@dataclass
class Report:
    """What came of a run.

    torn: those of the kills in flight that left a torn transaction. refused: lines a sound server has no reason to send.
    integrity: what SQLite says of the file. stopped: whether it ended early because something was wrong.
    details: the first faults of each kind, in words.
    """

    kills: int = 0
    in_flight: int = 0
    torn: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    gaps: int = 0
    reordered: int = 0
    refused: int = 0
    integrity: str = ""
    stopped: bool = False
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        faults = self.lost + self.doubled + self.gaps + self.reordered + self.refused
        return self.integrity == "ok" and not faults and not self.stopped

    @property
    def is_telling(self) -> bool:
        """Whether enough kills hit a commit in flight, two thirds, for soundness to mean something."""
        return self.in_flight * 3 >= self.kills * 2


class Run:
    """A server on a directory and the people around it. `command` takes the arguments of securechat-server."""

    def __init__(self, directory: Path, command: Sequence[str], seed: int) -> None:
        self._random = random.Random(seed)
        self._server = Server(directory, command, ACCOUNTS)
        self._companies: list[Company] = []
        self._ledger = Ledger([*READERS, *LATE_READERS])
        self._is_torn = self._talked = False
        self._report = Report()

    def go(self, kills: int, tell: Callable[[str], None]) -> Report:
        """Kill the server so often, or until something is wrong; then let everybody finish, and compare.

        Raises: RuntimeError when the server ends by itself, or somebody hangs.
        """
        began = time.monotonic()
        hurry()
        try:
            self._kill_often(kills, tell)
            self._finish()
        finally:
            self._server.end()
            for company in self._companies:
                company.end()
        self._report.seconds = round(time.monotonic() - began, 1)
        return self._report

    def _kill_often(self, kills: int, tell: Callable[[str], None]) -> None:
        report = self._report
        while report.kills < kills:
            self._server.start()
            if report.kills % UNAIMED_EVERY == UNAIMED_EVERY // 3:
                time.sleep(self._random.uniform(0, MAX_START))
                self._server.kill()
                report.kills += 1
                continue
            if not self._look_at_disk():
                tell(f"something is wrong after kill {report.kills}; stopping there")
                self._server.kill()
                report.stopped = True
                return
            self._talk(aimed=report.kills % UNAIMED_EVERY != UNAIMED_EVERY * 2 // 3)
            report.kills += 1
            if report.kills % 50 == 0:
                tell(f"{report.kills} kills, {report.in_flight} in flight, {self._ledger.count_stored()} stored")

    def _look_at_disk(self) -> bool:
        """Wait for the server, which has recovered the database then, and look at what the last round left in it."""
        self._server.await_ready()
        unheard = self._ledger.read_on(self._server.database)
        if self._talked:
            self._report.in_flight += self._is_torn or unheard
            self._report.torn += self._is_torn
        self._talked = False
        return self._ledger.fits()

    def _talk(self, aimed: bool) -> None:
        """Let everybody in, kill the server under their hands, and note what they saw."""
        self._companies = self._companies or [Company(parts, self._server) for parts in (*WRITERS, READERS)]
        before = self._server.wal.read_bytes()
        for company in self._companies:
            company.enter(self._server.port)
        if aimed:
            for company in self._companies:
                company.await_settled()
            time.sleep(self._random.uniform(0, MAX_TALK))
            self._strike()
        else:
            time.sleep(self._random.uniform(0, MAX_START))
            self._server.kill()
            for company in self._companies:
                company.await_settled()
        for company in self._companies:
            self._ledger.take(company.await_visits())
        self._is_torn = is_torn(before, self._server.wal.read_bytes())
        self._talked = True

    def _strike(self) -> None:
        """Kill the server a random moment after it has written to the WAL."""
        aim = self._random.uniform(0, MAX_AIM)
        with Watch(self._server.wal) as watch:
            if not watch.wait(DEADLINE):
                raise RuntimeError(f"nothing was written for {DEADLINE:g} s")
            end = time.perf_counter() + aim
            while time.perf_counter() < end:
                pass
            self._server.kill()

    def _finish(self) -> None:
        """Have everything acknowledged, then everything read, and compare."""
        self._server.start()
        self._look_at_disk()
        self._companies.append(Company(LATE_READERS, self._server))
        *writers, readers, late = self._companies
        patience = DEADLINE + self._ledger.count_stored() / LEAST_HISTORY
        for group in (writers, [readers, late]):
            for company in group:
                company.enter(self._server.port, finishing=True)
            for company in group:
                company.await_settled(patience)
                self._ledger.take(company.await_visits())
        report, ledger = self._report, self._ledger
        faults = find_faults(ledger.close(self._server.database))
        report.acknowledged, report.stored = ledger.count_acknowledged(), ledger.count_stored()
        report.lost, report.doubled = len(faults.lost), len(faults.doubled)
        report.gaps, report.reordered = len(faults.gaps), len(faults.reordered)
        report.refused = len(ledger.refusals)
        report.integrity = check_integrity(self._server.database)
        for found in (faults.lost, faults.doubled, faults.gaps, faults.reordered, ledger.refusals):
            report.details += found[:5]


def hurry() -> None:
    """Run before everybody else, where that is allowed (root): a commit lasts less than it may take to get a turn."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))

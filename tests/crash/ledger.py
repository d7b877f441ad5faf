"""What people and the disk have shown so far, and whether it still fits together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.crash.checker import Evidence
from tests.crash.people import Part
from tests.crash.stored import Stored
from tests.crash.transcript import Line, Visit


class Ledger:
    """Grows by rounds: first what everybody saw, then what is stored. `readers` ask history for what they missed."""

    def __init__(self, readers: Sequence[Part]) -> None:
        self.refusals: list[str] = []
        self._stored = Stored()
        self._known: dict[Line, str] = {}
        self._texts: set[str] = set()
        self._acknowledged: dict[str, list[Line]] = {}
        self._whole: dict[str, dict[str, list[Line]]] = {
            part.name: {conversation: [] for conversation in part.follows} for part in readers if part.page
        }
        self._runs: list[tuple[str, dict[str, list[Line]]]] = []
        self._shown: dict[Line, str] = {}
        self._told: set[str] = set()
        self._lines: dict[Line, Line] = {}
        self._compared: dict[tuple[str, str], int] = {}

    def take(self, visits: Sequence[Visit]) -> None:
        """Note what everybody saw of a round."""
        for visit in visits:
            self.refusals += visit.refusals
            self._told |= visit.told
            for conversation, line in visit.acknowledged:
                self._acknowledged.setdefault(conversation, []).append(self._same(line))
                self._shown[line] = conversation
            run = {conversation: [self._same(line) for line in lines] for conversation, lines in visit.live.items()}
            self._runs.append((visit.who, run))
            self._shown.update({line: conversation for conversation, lines in run.items() for line in lines})
            for conversation, transcript in self._whole.get(visit.who, {}).items():
                transcript += [self._same(line) for line in visit.new_lines(conversation)]

    def _same(self, line: Line) -> Line:
        """Return the one object that stands for all equal lines: there are millions of them."""
        return self._lines.setdefault(line, line)

    def read_on(self, database: Path) -> bool:
        """Read what has been stored since; return whether any of it had reached nobody in the rounds since."""
        new = self._stored.read_on(database)
        texts = {line.text for _, line in new}
        self._is_unique = len(texts) == len(new) and not texts & self._texts
        self._texts |= texts
        self._known.update({self._same(line): conversation for conversation, line in new})
        unheard = any(line.msgid not in self._told for _, line in new)
        self._told = set()
        return unheard

    def fits(self) -> bool:
        """Return whether what came since the last time fits: a quick look, where `checker` names what is wrong."""
        shown, self._shown = self._shown, {}
        is_kept = all(self._known.get(line) == conversation for line, conversation in shown.items())
        is_dense = all(seqs[-1] == len(seqs) for seqs in self._stored.seqs.values() if seqs)
        orders = [self._goes_on(who, where) for who, whole in self._whole.items() for where in whole]
        return is_kept and self._is_unique and is_dense and all(orders) and not self.refusals

    def _goes_on(self, who: str, conversation: str) -> bool:
        start = self._compared.get((who, conversation), 0)
        shown = self._whole[who][conversation]
        stored = self._stored.messages.get(conversation, [])
        self._compared[who, conversation] = len(shown)
        return shown[start:] == stored[start : len(shown)]

    def count_acknowledged(self) -> int:
        """Return how many messages were acknowledged, each once."""
        return len({line.text for lines in self._acknowledged.values() for line in lines})

    def count_stored(self) -> int:
        """Return how many messages are stored, as often as they are."""
        return sum(map(len, self._stored.messages.values()))

    def close(self, database: Path) -> Evidence:
        """Read all that is stored afresh, whatever it was before, and return everything there is to compare."""
        self._stored = Stored()
        self._stored.read_on(database)
        return Evidence(self._stored.seqs, self._stored.messages, self._acknowledged, self._whole, self._runs)

"""How far the benchmark has come: one line that overwrites itself on a terminal, a line a step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

FROM_START_OF_LINE = "\r\x1b[K"


class Progress:
    """Steps of known expected length. stream: where it is shown; clock: seconds, for tests."""

    def __init__(self, stream: TextIO, expected: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._overwrites = stream.isatty()
        self._clock = clock
        self._began = clock()
        self._expected = expected
        self._done = 0.0
        self._step = ""
        self._step_expected = 0.0

    def start(self, step: str, expected: float) -> None:
        """Show that a step begins. expected: its seconds, a part of all that is expected."""
        self._step, self._step_expected = step, expected
        self._show("")

    def note(self, text: str) -> None:
        """Show how far a step has come; only where that costs no line."""
        if self._overwrites:
            self._show(text)

    def finish(self) -> None:
        """Count a step as done."""
        self._done += self._step_expected

    def say(self, text: str) -> None:
        """Show a line that stays."""
        self._stream.write(f"{FROM_START_OF_LINE if self._overwrites else ''}{text}\n")
        self._stream.flush()

    def estimate(self) -> float:
        """Return the seconds that are left, going by how long the steps so far took."""
        elapsed = self._clock() - self._began
        pace = elapsed / self._done if self._done else 1.0
        return max(0.0, self._expected - self._done) * pace

    def _show(self, text: str) -> None:
        elapsed = self._clock() - self._began
        line = f"{self._step} · {_clock_face(elapsed)} elapsed, about {_clock_face(self.estimate())} left"
        line += f" · {text}" if text else ""
        if self._overwrites:
            self._stream.write(FROM_START_OF_LINE + line)
            self._stream.flush()
        else:
            self.say(line)


def _clock_face(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"

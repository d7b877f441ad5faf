"""What lines are written on. A terminal is one paper (`terminal`), standard output that only grows is the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from securechat.plain.printed import print_line, warn
from securechat.plain.wording import Piece


class Paper(Protocol):
    """Takes finished lines, all of their text gone through `show`.

    shows_pending: what has no echo yet is in sight as long as that is so, and need not be told of.
    """

    shows_pending: bool

    def print(self, pieces: Sequence[Piece]) -> None:
        """Print a line."""

    def rule(self, text: str) -> None:
        """Print a line that separates what is before it from what comes after it."""

    def warn(self, text: str) -> None:
        """Print a line about ourselves rather than about the chat."""

    def turn_day(self, day: str) -> None:
        """Say that what follows was said on another day."""

    def ring(self) -> None:
        """Make somebody look here."""

    async def ask(self, question: str) -> str | None:
        """Return what somebody answers, "" when they would rather not, or None where nobody can."""

    async def ask_secret(self, question: str) -> str | None:
        """Return what somebody types unseen, or None where nobody can."""


class Roll:
    """Standard output and standard error as they are: lines for a pipe, a file, a screen reader."""

    shows_pending = False

    def print(self, pieces: Sequence[Piece]) -> None:
        """Print a line."""
        print_line("".join(text for _, text in pieces))

    def rule(self, text: str) -> None:
        """Print a line that separates."""
        print_line(f"-- {text} --")

    def warn(self, text: str) -> None:
        """Print a line on standard error."""
        warn(text)

    def turn_day(self, day: str) -> None:
        """Print nothing: whoever reads by program counts days by itself."""

    def ring(self) -> None:
        """Be quiet: a bell is a control character."""

    async def ask(self, question: str) -> str | None:
        """Return None: the next line of a pipe is no answer."""
        return None

    async def ask_secret(self, question: str) -> str | None:
        """Return None: what is piped in would stand in a file."""
        return None

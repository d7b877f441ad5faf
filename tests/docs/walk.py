"""A page's terminals, replayed: what it says is typed is typed, and each screen must show what it says, line for line.

A block of a terminal is fenced as ```text NAME. Behind a prompt (`$`, `[#general]`, a question) stands what is typed, every
other line is printed. What differs from one time to the next (VARYING) may; the same thing must be the same everywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyte

from tests.terminal.screen import Terminal

DEADLINE = 60.0
"""Seconds until a wait is a failure."""
POLL = 0.02
ROWS, COLUMNS = 400, 250
"""So large that nothing scrolls and nothing is wrapped."""

VARYING = re.compile(
    r"[0-9A-F]{2}(?::[0-9A-F]{2}){31}"  # a fingerprint
    r"|#v1\.[a-z2-7]{26}\.[a-z2-7]{26}"  # the token and the pin of an invitation
    r"|(?<=invitation )[a-z2-7]{16}(?= )"  # its id
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r"|\d{4}-\d\d-\d\d(?: \d\d:\d\d)?"
    r"|^\d\d:\d\d(?= )"  # when something was said
    r"|\d+(?= days)"
    r"|\d+(?= bytes)"
    r"|[\d.]+ [GM]B(?= free)"
    r"|(?<=trying again in )[\d.]+(?= s$)"
)
LEFT_OUT = re.compile(r"timestamp='.*|^\.\. .*|^-- not connected: nothing listens there; trying again in [\d.]+ s$")
"""The server's log, what was said for as long as it is not confirmed, and how often a client has tried in vain."""
CODE = re.compile(r"[█▀▄ ]{21,}")
SHELL, TALK = "$ ", "[#general] "
UNSEEN = "Invitation: "
QUESTION = re.compile(rf"{UNSEEN}|The name to be known by at \S+(?: \[\w+\])?: ")


class Differs(Exception):
    """A screen does not show what the page says."""


@dataclass(frozen=True)
class Line:
    """A line of a page: what stands on the screen in the end, and what is typed behind which prompt.

    shown: None where what is typed does not stay. typed: None where nothing is.
    """

    shown: str | None
    prompt: str = ""
    typed: str | None = None


@dataclass(frozen=True)
class Block:
    """What happens at one terminal, until something happens at another."""

    terminal: str
    lines: tuple[Line, ...]


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    return [
        Block(name, tuple(map(read_line, body.splitlines())))
        for name, body in re.findall(r"^```text (\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    ]


def read_line(text: str) -> Line:
    """Return a line as what is printed or typed."""
    if text == "^C":
        return Line(text, "", "\x03")
    if text.startswith(SHELL):
        return Line(text, SHELL, text.removeprefix(SHELL) + "\r")
    if text.startswith(TALK):
        return Line(None, TALK, text.removeprefix(TALK) + "\r")
    if question := QUESTION.match(text):
        typed = text[question.end() :]
        return Line(UNSEEN.rstrip() if question[0] == UNSEEN else text, question[0], typed + "\r")
    return Line(text)


def tidy(lines: Sequence[str]) -> list[str]:
    """Return lines as they are compared, without what is left out; a QR code is one line."""
    tidied: list[str] = []
    for line in lines:
        if CODE.fullmatch(line):
            line = "(the QR code)"
            if tidied[-1:] == [line]:
                continue
        kept = LEFT_OUT.sub("", line).rstrip()
        if kept or not line:
            tidied.append(kept)
    return tidied


class Screen:
    """A terminal's screen, and what it has to show."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._screen.write_process_input = terminal.type  # type: ignore[method-assign]
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self.wanted: list[str] = []

    def look(self) -> tuple[list[str], str]:
        """Return the whole lines that it shows, and the prompt that somebody is waited for behind, if any."""
        recorded = self._terminal.recorded
        self._stream.feed(recorded[self._fed :])
        self._fed = len(recorded)
        row, column = self._screen.cursor.y, self._screen.cursor.x
        lines = [line.rstrip() for line in self._screen.display[: row + 1]]
        return (tidy(lines[:-1]), lines[-1].ljust(column)) if column else (tidy(lines[:-1]), "")

    def type(self, text: str) -> None:
        self._terminal.type(text)

    def wait_unseen(self) -> None:
        self._terminal.wait_unseen()


@dataclass
class Walk:
    """One replay. learned: what stood in the page for what stands on the screens."""

    screens: Mapping[str, Screen]
    learned: dict[str, str] = field(default_factory=dict)

    def go(self, blocks: Sequence[Block]) -> None:
        """Do everything in order.

        Raises: Differs with the first line that is another one.
        """
        for block in blocks:
            screen = self.screens[block.terminal]
            for line in block.lines:
                if line.typed is not None:
                    self._wait(screen, line.prompt)
                    self._type(screen, line)
                if line.shown is not None:
                    screen.wanted.append(line.shown)
            self._wait(screen, SHELL if block.lines[-1].prompt == SHELL else None)
        for screen in self.screens.values():
            self._wait(screen, None)

    def _type(self, screen: Screen, line: Line) -> None:
        if line.prompt == UNSEEN:
            screen.wait_unseen()
        assert line.typed is not None
        screen.type(VARYING.sub(lambda found: self.learned.get(found[0], found[0]), line.typed))

    def _wait(self, screen: Screen, prompt: str | None) -> None:
        """Wait until a screen shows what it has to, and nothing else but the prompt; None: whichever."""
        end = time.monotonic() + DEADLINE
        while True:
            lines, last = screen.look()
            if self._is_as_wanted(screen.wanted, lines) and prompt in (None, "", last):
                return
            if time.monotonic() > end:
                raise Differs(explain(screen.wanted, [*lines, last]))
            time.sleep(POLL)

    def _is_as_wanted(self, wanted: Sequence[str], lines: Sequence[str]) -> bool:
        for number, line in enumerate(lines):
            if number >= len(wanted) or not self.is_same(wanted[number], line):
                raise Differs(explain(wanted[number : number + 1], lines[number:]))
        return len(lines) == len(wanted)

    def is_same(self, wanted: str, line: str) -> bool:
        """Tell whether a line is as wanted, but for what varies; what that stands for is learned by the first line."""
        if VARYING.sub("…", wanted) != VARYING.sub("…", line):
            return False
        pairs = zip(VARYING.findall(wanted), VARYING.findall(line), strict=True)
        return all(self.learned.setdefault(ours, theirs) == theirs for ours, theirs in pairs if is_kept(ours))


def is_kept(varying: str) -> bool:
    """Tell whether something that varies is the same wherever it stands in one walk: not times and sizes."""
    return varying.startswith("#v1.") or varying.count(":") == 31


def explain(wanted: Sequence[str], lines: Sequence[str]) -> str:
    """Return what should have been shown and what is."""
    return "\n".join(
        ["the page says", *(f"    {line}" for line in wanted), "shown is", *(f"    {line}" for line in lines)]
    )

"""People at real clients: the line mode typed at and read, `tail --json` parsed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scenario.processes import PASSWORD, Program, Programs

_SAID = re.compile(r"\d\d:\d\d (\S+) <(\S+)> (.*)")


@dataclass(frozen=True)
class Place:
    """A server to sign in at."""

    programs: Programs
    address: str
    ca: Path

    def sit_down(self, user: str, secret: str = PASSWORD) -> Person:
        """Start a line client and wait until it is in."""
        person = Person(self.programs.client(self.address, "--ca", str(self.ca), "--user", user, "--password-stdin"))
        person.program.say(secret)
        person.program.wait_for("#general: you are in")
        return person

    def follow(self, user: str, target: str, *options: str) -> Program:
        """Start `tail --json` and wait until it is caught up."""
        tail = self.programs.client("tail", target, "--json", *self.sign_in_options(user), *options)
        tail.say(PASSWORD)
        tail.wait_for(f"following {target}")
        return tail

    def read_history(self, user: str, target: str, limit: int = 5000) -> list[dict[str, Any]]:
        """Return what `history --json` prints."""
        done = self.programs.run(
            "securechat-client",
            *("history", target, "--json", "--limit", str(limit), *self.sign_in_options(user)),
            stdin=f"{PASSWORD}\n",
        )
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    def send(self, user: str, target: str, *lines: str) -> None:
        """Send lines with `send`, and have them acknowledged."""
        done = self.programs.run(
            "securechat-client",
            *("send", target, *self.sign_in_options(user)),
            stdin="".join(f"{line}\n" for line in (PASSWORD, *lines)),
        )
        assert done.code == 0, done.err

    def sign_in_options(self, user: str) -> list[str]:
        return ["--server", self.address, "--ca", str(self.ca), "--user", user, "--password-stdin"]


class Person:
    """Somebody at a line client."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._read = 0
        self._heard: dict[str, list[tuple[str, str]]] = {}

    def say(self, *lines: str) -> None:
        self.program.say(*lines)

    def heard(self, conversation: str) -> list[tuple[str, str]]:
        """Return what was said in a conversation, (sender, text) in the order it was printed, echoes included."""
        for line in self.program.out[self._read :]:
            self._read += 1
            if said := _SAID.fullmatch(line):
                self._heard.setdefault(said[1], []).append((said[2], said[3]))
        return list(self._heard.get(conversation, ()))

    def wait_heard(self, conversation: str, count: int) -> None:
        """Wait until so many messages of a conversation were printed."""
        self.program.wait_until(lambda: len(self.heard(conversation)) >= count, f"{count} messages in {conversation}")


def rows_of(tail: Program) -> list[dict[str, Any]]:
    """Return the messages that `tail --json` has printed so far."""
    return [json.loads(line) for line in list(tail.out)]

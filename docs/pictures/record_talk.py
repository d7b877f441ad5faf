"""Records two people at two line clients of a real server, and draws their terminals: talk.svg, beside this file.

.venv/bin/python docs/pictures/record_talk.py      takes port 6697 of this machine for the time it runs
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pexpect
import pyte

BIN = Path(sys.executable).parent
COLUMNS, ROWS = 76, 18
CELL, LINE = 8.4, 19
MARGIN, TITLE = 14, 30
PASSWORD = "correct horse battery"
COLOURS = {
    "default": "#d8dee6",
    "black": "#6b7683",
    "red": "#f08d8d",
    "green": "#8fd19e",
    "brown": "#e5c583",
    "blue": "#8db8f0",
    "magenta": "#d6a3e8",
    "cyan": "#86d3d8",
    "white": "#f2f5f8",
}
"""What pyte calls the colours of a terminal, as they are drawn on a dark ground."""


class Person:
    """Somebody at a terminal: what is printed there is kept as a screen."""

    def __init__(self, name: str, directory: Path, environment: dict[str, str], *options: str) -> None:
        self.name = name
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._terminal = pexpect.spawn(
            str(BIN / "securechat-client"),
            ["localhost", "--user", name, *options],
            cwd=str(directory),
            env={**environment, "SECURECHAT_CLIENT_HOME": str(directory / f"home of {name}")},
            dimensions=(ROWS, COLUMNS),
            timeout=20,
        )
        self._terminal.logfile_read = self
        # A program that asks the terminal where the cursor is waits for the answer.
        self.screen.write_process_input = self._terminal.send

    def give_password(self) -> None:
        """Sign in for the first time: from then on the client has a token."""
        self.wait_for("Password")
        self._terminal.sendline(PASSWORD)
        self.wait_for("you are in")

    def leave(self) -> None:
        """Quit, and wait for the end."""
        self.say("/quit")
        self._terminal.expect(pexpect.EOF)

    def write(self, printed: bytes) -> None:
        """Take what the terminal is sent."""
        self._stream.feed(printed)

    def flush(self) -> None:
        """Do nothing: what was written is on the screen."""

    def wait_for(self, text: str) -> None:
        """Go on when the terminal has been sent this."""
        self._terminal.expect_exact(text)

    def type(self, text: str) -> None:
        """Type without Enter."""
        self._terminal.send(text)
        self.wait_for(text[-1])

    def say(self, text: str) -> None:
        """Type a line."""
        self._terminal.send(f"{text}\r")

    def settle(self) -> None:
        """Take what is still on its way, until nothing has come for a while."""
        while True:
            try:
                self._terminal.read_nonblocking(65_536, timeout=0.5)
            except pexpect.TIMEOUT:
                return


class Server:
    """A server with the accounts alice and bob, which can be killed and started again."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._data = directory / "data"
        self._environment = environment
        self.start()
        for name in ("alice", "bob"):
            add = [BIN / "securechat-admin", "--data", self._data, "user", "add", name, "--password-stdin"]
            subprocess.run(add, env=environment, input=PASSWORD, text=True, check=True, capture_output=True)
        (directory / "ca.pem").write_bytes((self._data / "ca.pem").read_bytes())

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [
            BIN / "securechat-server",
            "--data",
            self._data,
            "--listen",
            "127.0.0.1:6697",
            "--log-level",
            "error",
        ]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE, text=True)
        if not any(line.startswith("listening on") for line in iter(self._process.stderr.readline, "")):
            sys.exit("the server did not start: is port 6697 free?")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.communicate()


def hold_talk(directory: Path, environment: dict[str, str], server: Server) -> list[Person]:
    """Have the two talk, the server killed in the middle, and return them as they sit there at the end."""
    for name in ("alice", "bob"):
        first_time = Person(name, directory, environment, "--ca", "ca.pem")
        first_time.give_password()
        first_time.leave()
    alice = Person("alice", directory, environment)
    alice.wait_for("you are in")
    bob = Person("bob", directory, environment)
    bob.wait_for("you are in")
    for speaker, listener, text in (
        (alice, bob, "Hi Bob, you made it."),
        (bob, alice, "I did. Who can read this?"),
        (alice, bob, "Whoever has an account here, and nobody on the way: it is all inside TLS."),
    ):
        speaker.say(text)
        listener.wait_for(text[-8:])
        speaker.settle()
    alice.say("/msg bob And this only you.")
    bob.wait_for("only you.")
    server.kill()
    for person in (alice, bob):
        person.wait_for("connection lost")
    bob.say("And when the server is killed?")
    bob.settle()
    server.start()
    alice.wait_for("killed?")
    bob.type("It was sent when the ser")
    alice.say("As you see: it came. Once.")
    bob.wait_for("Once.")
    for person in (alice, bob):
        person.settle()
    return [alice, bob]


def draw(people: list[Person]) -> str:
    """Return the terminals, one below the other, as SVG."""
    width, height = COLUMNS * CELL + 2 * MARGIN, TITLE + ROWS * LINE + MARGIN
    names = " and ".join(person.name for person in people)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height * len(people) + MARGIN:g}" '
        f'width="{width:g}" height="{height * len(people) + MARGIN:g}" role="img" aria-label="The terminals of {names}">',
        "<style>text { font-size: 14px; font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre }"
        " .title { font: 13px sans-serif; fill: #9aa6b2 }</style>",
    ]
    for number, person in enumerate(people):
        parts += [
            f'<g transform="translate(0 {number * (height + MARGIN):g})">',
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#1b222b" stroke="#465260"/>',
            f'<text class="title" x="{width / 2:g}" y="20" text-anchor="middle">{person.name}</text>',
            *draw_screen(person.screen),
            "</g>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw_screen(screen: pyte.Screen) -> Iterator[str]:
    """Yield what stands on a screen: the cursor, then each run of characters of one look."""
    x, y = MARGIN + screen.cursor.x * CELL, TITLE + screen.cursor.y * LINE
    yield f'<rect x="{x:g}" y="{y:g}" width="{CELL:g}" height="{LINE}" fill="#5f6f80"/>'
    for row in range(ROWS):
        cells = [(column, screen.buffer[row][column]) for column in range(COLUMNS)]
        for (colour, bold), group in groupby(cells, key=lambda cell: (cell[1].fg, cell[1].bold)):
            run = list(group)
            text = "".join(cell.data for _, cell in run).rstrip()
            drawn = text.lstrip()
            if drawn:
                x = MARGIN + (run[0][0] + len(text) - len(drawn)) * CELL
                # Sixteen colours have names, the others are six hexadecimal digits.
                fill = COLOURS.get(colour.removeprefix("bright")) or f"#{colour}"
                weight = "bold" if bold else "normal"
                look = f'fill="{fill}" font-weight="{weight}" textLength="{len(drawn) * CELL:g}"'
                yield f'<text x="{x:g}" y="{TITLE + row * LINE + 14}" {look}>{html.escape(drawn)}</text>'


def main() -> None:
    """Record, and write the picture."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": temporary,
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "TZ": "UTC",
        }
        server = Server(directory, environment)
        try:
            picture = draw(hold_talk(directory, environment, server))
        finally:
            server.kill()
    Path(__file__).with_name("talk.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()

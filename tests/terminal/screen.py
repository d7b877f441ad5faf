"""A line client on a terminal of its own, typed at and recorded byte by byte."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence

import pytest

DEADLINE = 10.0
"""Seconds until a wait is a failure."""

OURS = re.compile(
    rb"\x1b\[\?(?:1|7|12|25|2004)[hl]"  # cursor keys, wrapping, blinking, cursor, bracketed paste
    rb"|\x1b\[[0-9]*[ABCD]"  # cursor moves
    rb"|\x1b\[[JK]"  # erase to the end of the screen, of the line
    rb"|\x1b\[[0-9;]*m"  # colours
    rb"|\r|\n"
)
"""All that we ever send to a terminal beside text; the bell is asked for by name."""
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]")


class Terminal:
    """A running client; `recorded` is every byte it has sent to the terminal."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, rows: int = 24
    ) -> None:
        self._terminal, inner = os.openpty()
        termios.tcsetwinsize(inner, (rows, columns))
        # Not by pexpect: it forks, and Python warns of that where threads run.
        self._process = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner, env=dict(environment), start_new_session=True
        )
        os.close(inner)
        self.recorded = b""
        self._news = threading.Condition()
        self._is_open = True
        self._reader = threading.Thread(target=self._record, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """What was printed, without what only moves and colours."""
        return plain(self.recorded)

    @property
    def echoes(self) -> bool:
        """Tell whether the terminal shows what is typed by itself, as it does for a shell."""
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def wait_unseen(self) -> None:
        """Wait until what is typed is not shown: a question for a password is printed a moment before."""
        end = time.monotonic() + DEADLINE
        while self.echoes:
            assert time.monotonic() < end, "what is typed is still shown"
            time.sleep(0.005)

    def type(self, keys: str | bytes) -> None:
        """Type keys, in UTF-8 unless they are given as bytes; `\\r` is Enter."""
        os.write(self._terminal, keys if isinstance(keys, bytes) else keys.encode())

    def wait_for(self, part: str, since: int = 0) -> int:
        """Wait until a text was printed behind position `since` of `text`; return where it ends."""
        with self._news:
            self._news.wait_for(lambda: part in self.text[since:] or not self._is_open, DEADLINE)
            if part not in self.text[since:]:
                pytest.fail(f"waited in vain for {part!r}; the end of what was printed is\n{self.text[-2000:]}")
        return self.text.index(part, since) + len(part)

    def wait_end(self) -> int:
        """Wait for its end; return the exit code, minus the signal's number if one ended it."""
        self._reader.join(DEADLINE)
        assert not self._reader.is_alive(), self.text[-2000:]
        return self._process.wait(DEADLINE)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a power cut would; once more for one that has ended closes what is left of it."""
        self._process.kill()
        self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def kill_foreground(self) -> None:
        """End a shell and what runs in it."""
        os.killpg(os.tcgetpgrp(self._terminal), signal.SIGKILL)
        self.kill()

    def _record(self) -> None:
        while True:
            try:
                received = os.read(self._terminal, 65_536)
            except OSError:
                received = b""
            with self._news:
                self.recorded += received
                self._is_open = bool(received)
                self._news.notify_all()
            if not received:
                return


def plain(recorded: bytes) -> str:
    """Return what was printed, without what is ours to move and to colour; a move to the right is spaces."""

    def replace(found: re.Match[bytes]) -> bytes:
        if found[0].endswith(b"C"):
            return b" " * int(found[0][2:-1] or 1)
        return b"\n" if found[0] == b"\n" else b""

    return OURS.sub(replace, recorded).decode(errors="replace")


def foreign_controls(recorded: bytes) -> list[str]:
    """Return each control character that was sent to the terminal and is not ours."""
    return CONTROLS.findall(OURS.sub(b"", recorded).decode(errors="replace"))

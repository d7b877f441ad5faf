"""Lines typed earlier, for Up and Ctrl-R, in a private file; none that holds a secret."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from securechat.client.notebook import read_private
from securechat.client.private import hold_directory, write_private

MAX_LINES: Final = 1000
MAX_LINE: Final = 4000
"""Characters; what is longer was pasted and is not typed again."""

_SECRET: Final = frozenset({"/passwd", "/delete", "/quote"})


def is_kept(line: str) -> bool:
    """Tell whether a line can be remembered: a password, a token or a channel's key may stand in some."""
    words = line.split()
    if not words or len(line) > MAX_LINE:
        return False
    command = words[0].lower()
    if command in _SECRET or (command == "/join" and len(words) > 2):
        return False
    return command != "/mode" or not any("k" in word for word in words[1:] if word[0] in "+-")


class Recall:
    """The lines, oldest first.

    path: where they are kept, or None for nowhere.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.lines = _read(path)

    def add(self, line: str) -> bool:
        """Remember a line beside what other clients on the same home remember; False when it is none to remember."""
        if not is_kept(line):
            return False
        self.lines = [*self.lines, line][-MAX_LINES:]
        if self.path is not None:
            # A convenience: no reason to disturb anybody.
            with suppress(OSError), hold_directory(self.path.parent):
                write_private(self.path, json.dumps([*_read(self.path), line][-MAX_LINES:]).encode())
        return True


def _read(path: Path | None) -> list[str]:
    content = None if path is None else read_private(path)
    if content is None:
        return []
    try:
        lines = json.loads(content)
    except ValueError:
        return []
    if not isinstance(lines, list):
        return []
    return [line for line in lines if isinstance(line, str) and is_kept(line)][-MAX_LINES:]

"""How far each conversation was read, in a private file, so that the next start begins where this one ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from securechat.client.private import write_private
from securechat.client.state import LATEST_TIME, MAX_POSITIONS, Position
from securechat.client.translate import is_sayable
from securechat.wire.names import fold

MAX_BYTES: Final = 4 << 20


class Notebook:
    """Positions by conversation; what another client on the same home has noted meanwhile is kept too.

    left: when somebody was last here, in milliseconds since 1970; 0 when nobody was.
    complaint: why the file could not be read, in words for people, or "".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left = 0
        self.complaint = ""
        self._positions: dict[str, Position] = {}
        self._read()

    @property
    def positions(self) -> dict[str, tuple[int, str]]:
        """Conversation to (time in ms, msgid or ""), as `Link` takes it."""
        return {position.name: (position.time, position.msgid) for position in self._positions.values()}

    @property
    def conversations(self) -> list[str]:
        """Their names; what was said last comes first."""
        return [place.name for place in sorted(self._positions.values(), key=lambda place: place.time, reverse=True)]

    def position(self, conversation: str) -> Position | None:
        """Return how far a conversation was read, or None when nothing is known of it."""
        return self._positions.get(fold(conversation))

    def note(self, conversation: str, time: int, msgid: str) -> bool:
        """Move a conversation's position on, never back; tell whether that changed anything."""
        known = self.position(conversation)
        if known is not None and (time < known.time or (time, msgid) == (known.time, known.msgid)):
            return False
        self._positions.pop(fold(conversation), None)
        self._positions[fold(conversation)] = Position(conversation, time, msgid)
        return True

    def save(self, now: int) -> None:
        """Write everything down, in one step that leaves either the old file or the new one.

        now: milliseconds since 1970.

        Raises:
            OSError: it could not be written.
        """
        self.left = max(self.left, now)
        mine = dict(self._positions)
        self._read()
        for position in mine.values():
            self.note(position.name, position.time, position.msgid)
        newest = sorted(self._positions.values(), key=lambda position: position.time)[-MAX_POSITIONS:]
        rows = [[position.name, position.time, position.msgid] for position in newest]
        write_private(self.path, json.dumps({"left": self.left, "positions": rows}).encode())

    def _read(self) -> None:
        content = read_private(self.path)
        if content is None:
            return
        try:
            left, positions = _parse(json.loads(content))
        except (ValueError, TypeError, KeyError):
            self.complaint = f"{self.path} is damaged; how far you had read is forgotten"
            return
        self.left = max(self.left, left)
        for position in positions:
            self.note(position.name, position.time, position.msgid)


def read_private(path: Path) -> bytes | None:
    """Return what a small file holds, or None when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError:
        return None


def _parse(entry: Any) -> tuple[int, list[Position]]:
    positions = []
    for name, time, msgid in entry["positions"]:
        if not (isinstance(name, str) and type(time) is int and isinstance(msgid, str)):
            raise TypeError("no position")
        if not (is_sayable(name) and 0 <= time <= LATEST_TIME and (is_sayable(msgid) or not msgid)):
            raise ValueError("a position that no server has")
        positions.append(Position(name, time, msgid))
    if type(entry["left"]) is not int:
        raise TypeError("no time")
    return entry["left"], positions

"""Up to when each account has read each of its conversations: one mark for all its devices. (IRCv3 read-marker)"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from securechat.chat.arrears import ReadMark
from securechat.chat.streams import StreamId
from securechat.wire.message import Message
from securechat.wire.times import format_time

if TYPE_CHECKING:
    from securechat.chat.world import World

MARKS_PER_ACCOUNT = 2000
"""Conversations of an account that can be marked; of its own and so its own affair, but kept for ever."""


class Marks:
    """Marks by account and conversation; a mark never goes back."""

    def __init__(self, marks: Iterable[ReadMark] = ()) -> None:
        self._marks: dict[str, dict[StreamId, int]] = {}
        for mark in marks:
            self.set(*mark)

    def get(self, account: str, stream: StreamId) -> int:
        """Return up to when (ms since 1970) a conversation was read, 0 when nothing is known."""
        return self._marks.get(account, {}).get(stream, 0)

    def has_room(self, account: str, stream: StreamId) -> bool:
        """Tell whether a conversation can be marked."""
        marks = self._marks.get(account, {})
        return stream in marks or len(marks) < MARKS_PER_ACCOUNT

    def set(self, account: str, stream: StreamId, time: int) -> bool:
        """Move a mark on; False when it was there already."""
        if time <= self.get(account, stream):
            return False
        self._marks.setdefault(account, {})[stream] = time
        return True


def mark_line(world: World, account: str, stream: StreamId, time: int) -> Message:
    """Return what a device is told of a mark; `time` in ms, 0 for none. (IRCv3 read-marker, MARKREAD server command)"""
    shown = f"timestamp={format_time(time)}" if time else "*"
    return Message("MARKREAD", (world.conversation_name(stream, account), shown), world.server_name)

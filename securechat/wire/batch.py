"""Batches: the lines that open and close one, and collecting what comes between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from securechat.errors import ProtocolError
from securechat.wire.message import Message

MAX_OPEN: Final = 64
MAX_MESSAGES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that has ended; `tags` are those of the line that opened it, inner batches stand where they ended."""

    ref: str
    kind: str
    params: tuple[str, ...]
    messages: tuple[Message | Batch, ...]
    tags: Mapping[str, str]


def open_batch(ref: str, kind: str, *params: str, source: str) -> Message:
    """Return the line that opens batch `ref` of type `kind`. (IRCv3 batch)"""
    return Message("BATCH", (f"+{ref}", kind, *params), source)


def close_batch(ref: str, source: str) -> Message:
    """Return the line that closes batch `ref`. (IRCv3 batch)"""
    return Message("BATCH", (f"-{ref}",), source)


@dataclass(slots=True)
class _Open:
    opening: Message
    parent: str
    members: list[Message | Batch] = field(default_factory=list)
    weight: int = 1


class BatchCollector:
    """Holds the lines of open batches back until each batch is complete.

    Args:
        max_open: batches open at once.
        max_messages: lines held in all open batches together, opening lines included.
    """

    def __init__(self, max_open: int = MAX_OPEN, max_messages: int = MAX_MESSAGES) -> None:
        self._max_open = max_open
        self._max_messages = max_messages
        self._open: dict[str, _Open] = {}
        self._held = 0

    def feed(self, message: Message) -> list[Message | Batch]:
        """Take the next line and return what is complete with it: the line itself, a batch, or nothing.

        A line of a batch that is not open is returned as it is, for a line lost is worse than a line early.

        Raises:
            ProtocolError: a BATCH line makes no sense, or more is open or held than allowed.
        """
        if message.command == "BATCH":
            ref = message.param(0)
            if ref[:1] == "+":
                return self._begin(ref[1:], message)
            return self._end(ref)
        if not self._open:
            return [message]
        return self._place(message, message.tags.get("batch", ""), 1)

    def _begin(self, ref: str, opening: Message) -> list[Message | Batch]:
        if not ref or ref in self._open or len(opening.params) < 2:
            raise ProtocolError(f"BATCH +{ref} has no type, no reference, or is open already")
        if len(self._open) >= self._max_open:
            raise ProtocolError("Too many open batches")
        self._hold(1)
        self._open[ref] = _Open(opening, opening.tags.get("batch", ""))
        return []

    def _end(self, ref: str) -> list[Message | Batch]:
        ended = self._open.pop(ref[1:], None) if ref[:1] == "-" else None
        if ended is None:
            raise ProtocolError(f"BATCH {ref} ends nothing")
        kind, *params = ended.opening.params[1:]
        self._held -= ended.weight
        batch = Batch(ref[1:], kind, tuple(params), tuple(ended.members), ended.opening.tags)
        return self._place(batch, ended.parent, ended.weight)

    def _place(self, item: Message | Batch, ref: str, weight: int) -> list[Message | Batch]:
        parent = self._open.get(ref)
        if parent is None:
            return [item]
        self._hold(weight)
        parent.members.append(item)
        parent.weight += weight
        return []

    def _hold(self, weight: int) -> None:
        self._held += weight
        if self._held > self._max_messages:
            raise ProtocolError("Too many lines in open batches")

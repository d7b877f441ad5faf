"""What the history hands back to a connection: the command that asked, still on its way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from securechat.chat.effects import Append
from securechat.chat.pipeline import Unit
from securechat.chat.ports import Outcome
from securechat.wire.message import Message

if TYPE_CHECKING:
    from securechat.server.connection import Connection


class Flight:
    """A connection's command that waits for the history."""

    __slots__ = ("append", "connection", "unit")

    def __init__(self, connection: Connection, unit: Unit, append: Append) -> None:
        self.connection: Connection | None = connection
        self.unit = unit
        self.append = append

    @property
    def is_labelled(self) -> bool:
        """Whether the client put a label on the command."""
        return bool(self.unit.answer.label)

    def landed(self, outcome: Outcome, due: list[Message], lazy: Iterable[Message] | None) -> None:
        """Hand the outcome to the connection."""
        assert self.connection is not None
        self.connection.land(self, outcome, due, lazy)

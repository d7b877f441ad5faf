"""A message on its way out, and who waits for its outcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from securechat.chat import render
from securechat.chat.events import Posted
from securechat.chat.ports import Outcome
from securechat.chat.streams import parties
from securechat.chat.world import World
from securechat.wire.message import Message

if TYPE_CHECKING:
    from securechat.server.connection import Connection


class Ticket(Protocol):
    """Who waits for an outcome: a connection's command, or an administrator's errand."""

    connection: Connection | None

    @property
    def is_labelled(self) -> bool:
        """Whether the answer carries a label of the client's."""

    def landed(self, outcome: Outcome, due: list[Message], lazy: Iterable[Message] | None) -> None:
        """Take the outcome.

        due: how the asker sees its own records, to be sent in their place. lazy: what it is told of them in its own time.
        """


class Posting:
    """A posted message on its way out, and who asked for it here."""

    __slots__ = ("connection", "event", "outcome", "posted", "record", "ticket")

    def __init__(self, outcome: Outcome, world: World) -> None:
        self.outcome = outcome
        self.record = outcome.records[0]
        assert isinstance(self.record.event, Posted)
        self.event = self.record.event
        is_one_line = self.event.joins is None
        self.posted = render.PostedLine(self.record, world) if is_one_line else render.PostedLines(self.record, world)
        self.ticket: Ticket | None = None if outcome.submission is None else outcome.submission.ticket
        self.connection = None if self.ticket is None else self.ticket.connection

    @property
    def is_to_oneself(self) -> bool:
        """Whether this is a direct message whose writer and reader are the same."""
        return self.record.stream[0] == "d" and len(set(parties(self.record.stream))) == 1

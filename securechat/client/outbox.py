"""Messages of ours that the server has not yet confirmed."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Protocol

from securechat.client.errors import Unsendable

MAX_PENDING: Final = 1000
"""Messages waiting at once; more are refused to the caller, not dropped."""


class Delivery(enum.Enum):
    """What is known about a message. Without an echo nothing is known: there is no "not sent"."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"


@dataclass(slots=True)
class Outgoing:
    """A message of ours and what is known about it.

    id: chosen by us, the same in every repeat, so that the server stores it once.
    reply_to: the msgid of the message that it answers, or "".
    msgid: the server's, once acknowledged; code and reason: the server's, once refused.
    """

    id: str
    target: str
    text: str
    command: str = "PRIVMSG"
    delivery: Delivery = Delivery.PENDING
    msgid: str = ""
    code: str = ""
    reason: str = ""
    reply_to: str = ""


class Keeper(Protocol):
    """Where messages are kept beyond our own end; `journal.Journal` is one."""

    def keep(self, message: Outgoing) -> None:
        """Keep a message before it is sent; raises `Unsendable` when that cannot be done."""

    def let_go(self, message_id: str) -> None:
        """Keep a message no longer: it has its answer."""


class Outbox:
    """Keeps messages in the order they were written until each is acknowledged or refused.

    limit: messages kept at once.
    keeper: keeps them beyond our own end.
    left: what it has kept from last time; nobody knows whether the server has it.
    """

    def __init__(self, limit: int = MAX_PENDING, keeper: Keeper | None = None, left: tuple[Outgoing, ...] = ()) -> None:
        self._limit = limit
        self._keeper = keeper
        self._waiting = {message.id: message for message in left}
        self._in_flight: set[str] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting(self) -> tuple[Outgoing, ...]:
        """What has no answer yet, oldest first."""
        return tuple(self._waiting.values())

    @property
    def is_full(self) -> bool:
        """Tell whether `add` would refuse."""
        return len(self._waiting) >= self._limit

    @property
    def is_kept(self) -> bool:
        """Tell whether what waits is there again at the next start."""
        return self._keeper is not None

    def add(self, message: Outgoing) -> None:
        """Keep a message until it is answered.

        Raises:
            Unsendable: too many wait already, or one with this id does, or it cannot be kept.
        """
        if message.id in self._waiting:
            raise Unsendable("a message with this id is waiting already")
        if self.is_full:
            raise Unsendable(
                f"{len(self._waiting)} messages are waiting for the server; try again when they are through"
            )
        if self._keeper is not None:
            self._keeper.keep(message)
        self._waiting[message.id] = message

    def take_unsent(self) -> list[Outgoing]:
        """Return what is not on its way over the present connection, oldest first, and count it as on its way."""
        unsent = [message for key, message in self._waiting.items() if key not in self._in_flight]
        self._in_flight.update(message.id for message in unsent)
        return unsent

    def acknowledge(self, message_id: str, msgid: str) -> Outgoing | None:
        """Record an echo; returns the message, or None when there is none with this id."""
        message = self._settle(message_id)
        if message is not None:
            message.delivery, message.msgid = Delivery.ACKNOWLEDGED, msgid
        return message

    def refuse(self, message_id: str, code: str, reason: str) -> Outgoing | None:
        """Record that the server refused a message; returns it, or None when there is none with this id."""
        message = self._settle(message_id)
        if message is not None:
            message.delivery, message.code, message.reason = Delivery.REFUSED, code, reason
        return message

    def lose_connection(self) -> list[Outgoing]:
        """Mark everything that was on its way as unknown; it will be sent again with the same id."""
        lost = [message for key, message in self._waiting.items() if key in self._in_flight]
        for message in lost:
            message.delivery = Delivery.UNKNOWN
        self._in_flight.clear()
        return lost

    def _settle(self, message_id: str) -> Outgoing | None:
        self._in_flight.discard(message_id)
        message = self._waiting.pop(message_id, None)
        if message is not None and self._keeper is not None:
            self._keeper.let_go(message_id)
        return message

"""An append that no connection asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from securechat.chat.ports import Outcome
from securechat.wire.message import Message


class Errand:
    """An append that no connection asked for; its outcome is awaited."""

    __slots__ = ("future",)

    connection = None
    is_labelled = False

    def __init__(self, future: asyncio.Future[Outcome]) -> None:
        self.future = future

    def landed(self, outcome: Outcome, due: list[Message], lazy: Iterable[Message] | None) -> None:
        """Pass the outcome on to whoever awaits it."""
        del due, lazy
        if not self.future.done():
            self.future.set_result(outcome)

"""Looking back: the last messages of a conversation, or those before what is in sight, a page of history at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from securechat.client.errors import Unsendable
from securechat.client.events import HistoryPage, HistoryRequest, MessageSeen

MOST: Final = 1000
"""Messages of one look: all of them are held, for the oldest, which is printed first, comes last."""
MAX_LOOKS: Final = 4
"""Looks that wait for their pages at once."""

Ask = Callable[[str, int, str], HistoryRequest]


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked for, oldest first; `is_all` when nothing is before it."""

    conversation: str
    messages: tuple[MessageSeen, ...]
    is_all: bool


@dataclass(slots=True)
class _Look:
    request: HistoryRequest
    missing: int
    pages: list[tuple[MessageSeen, ...]] = field(default_factory=list)


class Lookback:
    """Asks for page after page, each before the last one.

    ask: asks for a page as `Link.ask_history` does.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._looks: list[_Look] = []

    def begin(self, conversation: str, count: int, before: str = "*") -> None:
        """Look for the last `count` messages before a place, `*` for the end or `msgid=…`.

        Raises:
            LineTooLong, Unsendable: nothing was asked for.
        """
        if len(self._looks) >= MAX_LOOKS:
            raise Unsendable("the last /history are still on their way")
        self._looks.append(_Look(self._ask(conversation, count, before), count))

    def take(self, page: HistoryPage) -> Found | None:
        """Take a page and return what was found, once that is all of it."""
        look = self._drop(page.request)
        if look is None:
            return None
        messages = page.messages[-look.missing :]
        look.pages.insert(0, messages)
        look.missing -= len(messages)
        bound = f"msgid={messages[0].msgid}" if messages and messages[0].msgid else ""
        # A server that repeats itself would be asked for ever.
        if look.missing and bound and bound != page.request.bound:
            try:
                look.request = self._ask(page.request.target, look.missing, bound)
            except Unsendable:
                # The connection has gone: what there is is shown.
                pass
            else:
                self._looks.append(look)
                return None
        found = tuple(message for part in look.pages for message in part)
        return Found(page.request.target, found, is_all=not page.messages)

    def fail(self, request: object) -> None:
        """Look no further for what cannot be had."""
        self._drop(request)

    def give_up(self) -> bool:
        """Look for nothing any more, since no answer will come; tell whether something was looked for."""
        was_looking = bool(self._looks)
        self._looks.clear()
        return was_looking

    def _drop(self, request: object) -> _Look | None:
        look = next((look for look in self._looks if look.request == request), None)
        if look is not None:
            self._looks.remove(look)
        return look

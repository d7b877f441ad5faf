"""What one connection is answered: lines that are due at once, and answers that are drawn at the pace its client reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from securechat.server.receiver import Carrier
from securechat.wire.message import Message, encode

LINES_AT_ONCE = 16
"""Lines drawn before it is asked again whether too much waits."""
MAX_PRODUCERS = 64
"""Answers that may wait to be drawn; more can only come from what the account's other devices do."""


class Outlet:
    """The answers of one connection on their way out.

    room: bytes that may wait for the client before nothing more is drawn for it; asked anew each time.
    touch: notes that something waits to be written.
    """

    __slots__ = ("_caught_up", "_producers", "_room", "_touch", "blocked", "transport")

    transport: Carrier

    def __init__(self, room: Callable[[], int], touch: Callable[[], None]) -> None:
        self.blocked = False
        self._producers: deque[Iterator[Message]] = deque()
        self._caught_up: asyncio.Future[None] | None = None
        self._room = room
        self._touch = touch

    @property
    def is_busy(self) -> bool:
        """Whether answers wait to be drawn or to be read."""
        return self.blocked or bool(self._producers)

    def write(self, lines: Iterable[Message]) -> None:
        """Write lines at once, whatever waits."""
        for line in lines:
            self.transport.write(encode(line))
        self._hold_if_full()

    def produce(self, lines: Iterable[Message]) -> None:
        """Write lines at the pace the client reads: they wait, undrawn, while too much is queued for it."""
        if len(self._producers) >= MAX_PRODUCERS:
            self.transport.abort("send queue exceeded")
            return
        self._producers.append(iter(lines))

    def draw(self) -> None:
        """Write what waits to be drawn, as far as there is room."""
        while self._producers and not self.blocked:
            lines = [encode(line) for line in islice(self._producers[0], LINES_AT_ONCE)]
            if not lines:
                self._producers.popleft()
                continue
            self.transport.write(b"".join(lines))
            self._hold_if_full()
        if not self.blocked:
            self._note_caught_up()
        self._touch()

    def clear(self) -> None:
        """Forget what waits: nothing more is said."""
        self._producers.clear()
        self.blocked = False
        self._note_caught_up()

    async def catch_up(self) -> None:
        """Wait until the client has taken so much that all was drawn, or nothing more is said."""
        while self.is_busy:
            if self._caught_up is None or self._caught_up.done():
                self._caught_up = asyncio.get_running_loop().create_future()
            await self._caught_up

    def _note_caught_up(self) -> None:
        if self._caught_up is not None and not self._caught_up.done():
            self._caught_up.set_result(None)

    def _hold_if_full(self) -> None:
        if self.transport.queued > self._room() and not self.blocked:
            self.blocked = True
            self.transport.request_drained()
            self._touch()

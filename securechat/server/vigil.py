"""Silent clients: they are asked for a sign of life, and dropped when they give none."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from securechat.config import Settings

if TYPE_CHECKING:
    from securechat.server.connection import Connection

VISITED_AT_ONCE = 50
"""Connections looked at in one turn of the loop; the turns are spread over the time that one round takes."""
ROUNDS = 4
"""Rounds in the time after which a silent client is asked."""


class Vigil:
    """Goes round all connections, over and over."""

    def __init__(self, loop: AbstractEventLoop, settings: Settings, connections: Collection[Connection]) -> None:
        self._loop = loop
        self._settings = settings
        self._connections = connections
        self._round: Iterator[Connection] = iter(())
        self._pause = 0.0
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Begin a round."""
        silence = self._settings.current.limits.silence
        turns = -(-len(self._connections) // VISITED_AT_ONCE)
        self._pause = silence / ROUNDS / max(1, turns)
        self._round = iter(list(self._connections))
        self._go_on()

    def stop(self) -> None:
        """Ask nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        visited = list(islice(self._round, VISITED_AT_ONCE))
        for connection in visited:
            self._visit(connection)
        is_over = len(visited) < VISITED_AT_ONCE
        self._timer = self._loop.call_later(self._pause, self.start if is_over else self._go_on)

    def _visit(self, connection: Connection) -> None:
        now = self._loop.time()
        if connection.intake.is_held:
            # It may be sending all the while: it is we who do not listen.
            connection.heard = now
        silence = self._settings.current.limits.silence
        if now - connection.heard < silence or not connection.session.is_ready:
            return
        if now - connection.heard >= 2 * silence:
            connection.transport.abort("no answer to PING")
        elif not connection.pinged:
            connection.ping()

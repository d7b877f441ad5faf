"""Telling people's acquaintances that they went away or came back. (IRCv3 away-notify)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from securechat.chat import render
from securechat.chat.presence import AwayChanged
from securechat.chat.world import World
from securechat.server.audiences import Members
from securechat.wire.capabilities import AWAY_NOTIFY
from securechat.wire.message import encode

if TYPE_CHECKING:
    from securechat.server.connection import Connection


class Absences:
    """Who negotiated to be told.

    touch: notes that something waits for a connection.
    """

    def __init__(self, world: World, touch: Callable[[Connection], None]) -> None:
        self._world = world
        self._touch = touch
        self._watchers: Members = {}

    def note(self, connection: Connection) -> None:
        """Follow what a connection has negotiated."""
        if connection.session.caps & AWAY_NOTIFY:
            self._watchers[connection] = None
        else:
            self._watchers.pop(connection, None)

    def forget(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._watchers.pop(connection, None)

    def announce(self, change: AwayChanged) -> None:
        """Tell the acquaintances of an account that it went away or came back."""
        knows = self._world.directory.are_acquainted
        audience = [each for each in self._watchers if knows(change.account, each.session.account)]
        self.tell(change.account, change.text, audience)

    def tell(self, account: str, text: str | None, audience: Iterable[Connection]) -> None:
        """Tell those of an audience who want to know why an account is away, or (None) that it is here."""
        now = self._world.clock()
        encoded: dict[int, bytes] = {}
        for connection in audience:
            if connection in self._watchers:
                variant = connection.variant
                if variant not in encoded:
                    encoded[variant] = encode(render.away_message(self._world, account, text, now, variant))
                connection.transport.write_live(encoded[variant])
                self._touch(connection)

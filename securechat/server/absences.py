"""Telling that people went away or came back: acquaintances, and who watches them. (IRCv3 away-notify, extended-monitor)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from securechat.chat import render
from securechat.chat.presence import PresenceChanged
from securechat.chat.world import World
from securechat.server.audiences import Members
from securechat.server.monitoring import Monitoring
from securechat.wire.capabilities import AWAY_NOTIFY, METADATA
from securechat.wire.message import encode

if TYPE_CHECKING:
    from securechat.server.connection import Connection


class Absences:
    """Who negotiated to be told.

    touch: notes that something waits for a connection. monitoring: who watches whom.
    """

    def __init__(self, world: World, touch: Callable[[Connection], None]) -> None:
        self._world = world
        self._touch = touch
        self._watchers: Members = {}
        self.monitoring = Monitoring(world, touch)

    def note(self, connection: Connection) -> None:
        """Follow what a connection has negotiated."""
        if connection.session.caps & AWAY_NOTIFY:
            self._watchers[connection] = None
        else:
            self._watchers.pop(connection, None)
        if not connection.session.caps & METADATA:
            connection.session.subscriptions.clear()

    def forget(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._watchers.pop(connection, None)
        self.monitoring.forget(connection)

    def announce(self, change: PresenceChanged) -> None:
        """Tell whom it concerns that an account came, went, went away or came back."""
        self.monitoring.announce(change)
        if change.is_news:
            knows = self._world.directory.are_acquainted
            audience = {each: None for each in self._watchers if knows(change.account, each.session.account)}
            self.tell(change.account, change.text, audience | self.monitoring.extended(change.account))

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

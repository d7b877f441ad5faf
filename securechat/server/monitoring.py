"""Who watches whose coming and going: a change costs as much as there are watchers of that person. (IRCv3 monitor)"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from securechat.chat.events import Deleted, Record, Renamed
from securechat.chat.presence import PresenceChanged
from securechat.chat.signals import Watched
from securechat.chat.world import World
from securechat.server.audiences import Members
from securechat.wire import numerics
from securechat.wire.capabilities import EXTENDED_MONITOR
from securechat.wire.message import Message, encode
from securechat.wire.names import fold

if TYPE_CHECKING:
    from securechat.server.connection import Connection


class Monitoring:
    """The connections that watch a nick, by the nick folded; each session has its own list the other way round.

    touch: notes that something waits for a connection.
    """

    def __init__(self, world: World, touch: Callable[[Connection], None]) -> None:
        self._world = world
        self._touch = touch
        self._watchers: dict[str, Members] = {}

    def follow(self, connection: Connection, watched: Watched) -> None:
        """Follow what a connection has put into its list and taken out of it."""
        for name in watched.added:
            self._watchers.setdefault(name, {})[connection] = None
        for name in watched.dropped:
            self._drop(name, connection)

    def forget(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        for name in connection.session.monitored:
            self._drop(name, connection)

    def extended(self, account: str) -> Members:
        """Return who is told more of an account than its coming and going. (IRCv3 extended-monitor)"""
        watchers = self._watchers_of(self._world.directory.name_of(account))
        return {each: None for each in watchers if each.session.has(EXTENDED_MONITOR)}

    def announce(self, change: PresenceChanged) -> None:
        """Tell the watchers of an account that it came or went, if it did."""
        if change.online is not None:
            self._tell(self._world.directory.name_of(change.account), is_online=change.online)

    def foresee(self, record: Record) -> None:
        """Tell watchers that a nick is nobody's any more, or somebody's: asked before the record is applied."""
        event, account = record.event, record.stream[2:]
        if not self._watchers or not isinstance(event, Renamed | Deleted):
            return
        if not self._world.presence.is_online(account):
            return
        was = self._world.directory.name_of(account)
        if isinstance(event, Deleted):
            self._tell(was, is_online=False)
        elif fold(event.name) != fold(was):
            self._tell(was, is_online=False)
            self._tell(event.name, is_online=True)

    def _watchers_of(self, name: str) -> Members:
        return self._watchers.get(fold(name), {})

    def _tell(self, name: str, *, is_online: bool) -> None:
        watchers = self._watchers_of(name)
        if not watchers:
            return
        numeric = numerics.RPL_MONONLINE if is_online else numerics.RPL_MONOFFLINE
        shown = f"{name}!{name}@securechat" if is_online else name
        # The same bytes for all: the text lets `*` stand for whoever reads it.
        line = encode(Message(numeric, ("*", shown), self._world.server_name))
        for connection in watchers:
            connection.transport.write_live(line)
            self._touch(connection)

    def _drop(self, name: str, connection: Connection) -> None:
        watchers = self._watchers.get(name, {})
        watchers.pop(connection, None)
        if not watchers:
            self._watchers.pop(name, None)

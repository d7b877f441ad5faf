"""Telling those who want to know what people say of themselves. (IRCv3 metadata, setname)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from securechat.chat import profile, render
from securechat.chat.events import MetadataSet, Record
from securechat.chat.world import World
from securechat.server.audiences import Audiences
from securechat.wire.capabilities import SETNAME
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.connection import Connection


class Profiles:
    """Who is told of whom: who shares a channel, and the account's own other connections.

    touch: notes that something waits for a connection.
    """

    def __init__(self, world: World, audiences: Audiences, touch: Callable[[Connection], None]) -> None:
        self._world = world
        self._audiences = audiences
        self._touch = touch

    def tell(self, record: Record, origin: Connection | None) -> list[Message]:
        """Tell of a record of an account's stream; return how its asker sees it, beside the answer it has."""
        event, account = record.event, record.stream[2:]
        if not isinstance(event, MetadataSet):
            return []
        encoded: dict[tuple[str, int], bytes] = {}
        for each in (account, *self._world.directory.acquaintances(account)):
            for connection in self._audiences.ready(each):
                if connection is origin:
                    continue
                for command in self._wanted(event, connection):
                    kind = command, connection.variant
                    if kind not in encoded:
                        encoded[kind] = encode(self._word(record, event, *kind))
                    connection.transport.write_live(encoded[kind])
                    self._touch(connection)
        if origin is not None and "SETNAME" in self._wanted(event, origin):
            return [self._word(record, event, "SETNAME", origin.variant)]
        return []

    def _wanted(self, event: MetadataSet, connection: Connection) -> list[str]:
        """Return by which commands a connection hears of a change."""
        wanted = []
        if event.key == profile.DISPLAY_NAME and connection.session.caps & SETNAME:
            wanted.append("SETNAME")
        if event.key in connection.session.subscriptions:
            wanted.append("METADATA")
        return wanted

    def _word(self, record: Record, event: MetadataSet, command: str, caps: int) -> Message:
        account = record.stream[2:]
        if command == "METADATA":
            return profile.notice(self._world, account, event.key, event.value, record.time, caps)
        name = event.value or self._world.directory.name_of(account)
        return render.person_message(self._world, account, command, (name,), record.time, caps)

    def introduce(self, account: str, listeners: Iterable[Connection]) -> None:
        """Tell those who hear a channel, and subscribed to it, what somebody who has just come into it says of itself."""
        values = self._world.account(account).metadata
        if not values:
            return
        now = self._world.clock()
        for connection in listeners:
            wanted = [key for key in sorted(values) if key in connection.session.subscriptions]
            for key in wanted if connection.session.account != account else ():
                line = profile.notice(self._world, account, key, values[key], now, connection.variant)
                connection.transport.write_live(encode(line))
                self._touch(connection)

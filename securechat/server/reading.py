"""What was sent to whom and read by whom: followers of clients that cannot ask, and marks shared by devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING

from securechat.chat.arrears import ReadMark
from securechat.chat.ask import Ask
from securechat.chat.marks import mark_line
from securechat.chat.ports import PlaybackQuery, WritingsQuery
from securechat.chat.signals import MarkSet, PingAnswered
from securechat.server.playback import play
from securechat.server.replay import READS_AT_ONCE, Follower, can_ask
from securechat.wire.capabilities import READ_MARKER
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.connection import Connection
    from securechat.server.node import Node


class Reading:
    """One node's share in it; what is to last goes into the history as notes."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._reads = asyncio.Semaphore(READS_AT_ONCE)

    def follow(self, connection: Connection) -> Follower | None:
        """Begin to follow a client that has just come in, unless it asks for what it missed; then None."""
        if can_ask(connection.session.caps):
            return None
        follower = Follower(connection, self._node.history, self._reads)
        self._node.run(connection, follower.replay())
        return follower

    def pages(
        self, ask: Ask, query: WritingsQuery | PlaybackQuery, next_batch: Callable[[], str]
    ) -> AsyncGenerator[Iterable[Message], None]:
        """Return what is handed out page by page: each is read when the one before it was drawn."""
        if isinstance(query, PlaybackQuery):
            return play(self._node.history, ask, query, next_batch)
        return self._node.exports.draw(ask, query.account, next_batch())

    def take(self, signal: MarkSet | PingAnswered, origin: Connection) -> None:
        """Keep what somebody has got or read, and tell the account's other devices of a mark."""
        if isinstance(signal, PingAnswered):
            if origin.follower is not None:
                origin.follower.answered(signal.number)
            return
        world, hub = self._node.world, self._node.hub
        if not world.marks.set(*signal):
            return
        self._node.history.note(ReadMark(*signal))
        line = encode(mark_line(world, *signal))
        for connection in hub.audiences.ready(signal.account):
            if connection is not origin and connection.session.has(READ_MARKER):
                connection.transport.write_live(line)
                hub.touch(connection)

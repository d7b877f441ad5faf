"""Who listens: an account's connections, and the connections that hear a channel, grouped by how lines look to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from securechat.chat.streams import StreamId, channel_stream

if TYPE_CHECKING:
    from securechat.server.connection import Connection

Members = dict["Connection", None]
"""Connections in a fixed order: a set would hand lines out in another order every time."""
Groups = dict[int, Members]
"""Connections by variant (`render.VARIANT`): all of a group get the same bytes."""


class Audiences:
    """The index of listeners that fan-out goes by. A connection is signed in first, and ready once it was welcomed.

    newest: by stream, the seq of the newest message that was told.
    """

    def __init__(self) -> None:
        self._signed: dict[str, Members] = {}
        self._ready: dict[str, Members] = {}
        self._channels: dict[str, Groups] = {}
        self.newest: dict[StreamId, int] = {}

    def sign_in(self, connection: Connection) -> None:
        """Note whose a connection is, from the moment its credentials were accepted: it can be revoked."""
        self._signed.setdefault(connection.session.account, {})[connection] = None

    def welcome(self, connection: Connection) -> None:
        """Note that a connection listens to what its account is told."""
        self._ready.setdefault(connection.session.account, {})[connection] = None

    def forget(self, connection: Connection, channel_ids: Iterable[str]) -> None:
        """Forget a connection that has ended, and heard these channels."""
        account = connection.session.account
        for index in (self._signed, self._ready):
            members = index.get(account)
            if members is not None:
                members.pop(connection, None)
                if not members:
                    del index[account]
        for channel_id in channel_ids:
            self.exit(channel_id, connection)

    def signed(self, account: str) -> Members:
        """Return an account's connections, those that are not welcomed yet too; not to be changed."""
        return self._signed.get(account, {})

    def ready(self, account: str) -> Members:
        """Return an account's connections that were welcomed; not to be changed."""
        return self._ready.get(account, {})

    def groups(self, channel_id: str) -> Groups:
        """Return who hears a channel; not to be changed."""
        return self._channels.get(channel_id, {})

    def of_channel(self, channel_id: str) -> Members:
        """Return everybody who hears a channel."""
        return {connection: None for members in self.groups(channel_id).values() for connection in members}

    def enter(self, channel_id: str, connection: Connection) -> None:
        """Let a connection hear a channel, in the group of its variant."""
        self._channels.setdefault(channel_id, {}).setdefault(connection.variant, {})[connection] = None

    def hears(self, channel_id: str, connection: Connection) -> bool:
        """Tell whether a connection hears a channel."""
        return connection in self.groups(channel_id).get(connection.variant, ())

    def exit(self, channel_id: str, connection: Connection) -> bool:
        """Let a connection hear a channel no more; False when it did not."""
        groups = self.groups(channel_id)
        members = groups.get(connection.variant)
        if members is None or connection not in members:
            return False
        del members[connection]
        if not members:
            del groups[connection.variant]
        return True

    def drop(self, channel_id: str) -> Groups:
        """Forget a channel; return who heard it."""
        self.newest.pop(channel_stream(channel_id), None)
        return self._channels.pop(channel_id, {})


def tell_members(members: Members, origins: Members, payload: bytes, *, at_once: bool) -> None:
    """Write to each of a group but those that wrote some of it. (Two loops: this is done for each delivery.)"""
    if at_once:
        for connection in members:
            if connection not in origins:
                connection.transport.send_live(payload)
        return
    for connection in members:
        if connection not in origins:
            connection.transport.write_live(payload)

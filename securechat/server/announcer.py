"""Telling some of those who listen what is not the same for all: channels renamed or dropped, invitations, KILL, WALLOPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import structlog

from securechat.chat import policy, render
from securechat.chat.announcements import alarm_line, enters_anew, kill_line, rename_lines
from securechat.chat.ask import Ask
from securechat.chat.events import ChannelRenamed, Invited, Joined, Record, Renamed
from securechat.chat.newnames import identity_lines
from securechat.chat.replies import entry_lines
from securechat.chat.server_events import KILL, Administered
from securechat.chat.signals import Alarm
from securechat.chat.world import World
from securechat.server.audiences import Audiences, Members
from securechat.wire.capabilities import INVITE_NOTIFY
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.connection import Connection

log = structlog.get_logger()


class Announcer:
    """Who is told what, by what each connection has negotiated.

    touch: notes that something waits for a connection.
    """

    def __init__(self, world: World, audiences: Audiences, touch: Callable[[Connection], None]) -> None:
        self._world = world
        self._audiences = audiences
        self._touch = touch

    def tell_rename(self, record: Record, event: ChannelRenamed, origin: Connection | None) -> list[Message]:
        """Tell a channel's listeners its new name; return how the asker's own connection sees it."""
        own: list[Message] = []
        for connection in self._audiences.of_channel(record.stream[2:]):
            session = connection.session
            lines = rename_lines(record, event, self._world, session.account, session.caps)
            if connection is origin:
                own = lines
                continue
            connection.transport.write_live(b"".join(map(encode, lines)))
            self._touch(connection)
            if enters_anew(event, session.caps):
                connection.produce(self.entry_lines(record, connection))
        return own

    def tell_identity(self, record: Record, event: Renamed) -> None:
        """Tell an account's own connections, and those it shares a channel with, what its new name changes besides."""
        account = record.stream[2:]
        audience = dict(self._audiences.ready(account))
        for channel in self._world.directory.channels_of(account):
            audience |= self._audiences.of_channel(channel.id)
        for connection in audience:
            lines = identity_lines(record, event, self._world, connection.session.caps)
            if lines:
                connection.transport.write_live(b"".join(map(encode, lines)))
                self._touch(connection)

    def tell_removal(self, record: Record) -> None:
        """Tell each listener of a channel that it was dropped."""
        for variant, members in self._audiences.drop(record.stream[2:]).items():
            for connection in members:
                line = render.removal(record, self._world, connection.session.account, variant)
                connection.transport.write_live(encode(line))
                self._touch(connection)

    def entry_lines(self, record: Record, connection: Connection) -> Iterator[Message]:
        """Yield what a connection is told of a channel that it came into."""
        channel = self._world.directory.channels[record.stream[2:]]
        return entry_lines(Ask(connection.session, Message("*"), self._world), channel)

    def is_shown_in(self, record: Record, connection: Connection) -> bool:
        """Tell whether what a connection asked for takes it into a channel, so that it is to be shown it."""
        event = record.event
        if isinstance(event, ChannelRenamed):
            return enters_anew(event, connection.session.caps)
        return isinstance(event, Joined)

    def invitation_audience(self, record: Record, event: Invited) -> Members:
        """Return who hears of an invitation: whom it is for, and with invite-notify those who may invite themselves.

        Whoever ignores the inviter hears nothing. (IRCv3 invite-notify, Notes)
        """
        world, channel = self._world, self._world.directory.channels[record.stream[2:]]
        audience = dict(self._audiences.ready(event.account))
        for connection in self._audiences.of_channel(channel.id):
            if connection.session.has(INVITE_NOTIFY) and policy.may_invite(channel, connection.session.account):
                audience[connection] = None
        return {each: None for each in audience if policy.reaches(world.account(each.session.account), event.by)}

    def follow(self, record: Record) -> None:
        """Carry out what an administrator did by chat, now that it is on record."""
        if isinstance(record.event, Administered) and record.event.act == KILL:
            self._kill(record, record.event)

    def _kill(self, record: Record, event: Administered) -> None:
        directory = self._world.directory
        # Who was renamed in between is meant all the same.
        account = directory.account_once_named(event.target)
        if account is None:
            return
        by = directory.name_of(event.by)
        log.info("killed", account=account.name, by=by, reason=event.detail)
        for connection in list(self._audiences.signed(account.id)):
            if connection.session.is_ready:
                line = kill_line(record, event, account.name, self._world, connection.session.caps)
                connection.transport.write(encode(line))
            connection.revoke(f"Killed ({by} ({event.detail}))")

    def raise_alarm(self, alarm: Alarm) -> None:
        """Tell all administrators who are here. (RFC 2812, 4.7)"""
        for account in self._world.directory.accounts.values():
            if policy.may_administer(account):
                for connection in self._audiences.ready(account.id):
                    line = alarm_line(alarm, self._world, connection.session.caps)
                    connection.transport.write_live(encode(line))
                    self._touch(connection)

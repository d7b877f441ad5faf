"""Lines that are told to some in other words than to others, or to some alone: renamed channels, KILL, WALLOPS."""

from __future__ import annotations

from securechat.chat import render
from securechat.chat.events import ChannelRenamed, Record
from securechat.chat.server_events import Administered
from securechat.chat.signals import Alarm
from securechat.chat.world import World
from securechat.wire.capabilities import CHANNEL_RENAME, SERVER_TIME
from securechat.wire.message import Message
from securechat.wire.names import fold
from securechat.wire.times import format_time


def rename_lines(record: Record, event: ChannelRenamed, world: World, account_id: str, caps: int) -> list[Message]:
    """Return how a member is shown that its channel has another name: by RENAME, else as leaving and coming back.

    A name that changes its case alone is told to those alone who know RENAME. (IRCv3 channel-rename, Fallback)
    """
    if caps & CHANNEL_RENAME:
        line = render.message(record, world, caps)
        return [] if line is None else [line]
    if not enters_anew(event, caps):
        return []
    reason = (event.reason,) if event.reason else ()
    tags = _tags(world, account_id, record.time, caps)
    join = render.join_message(world, account_id, event.name, caps)
    join.tags |= tags
    return [Message("PART", (event.was, *reason), world.userhost(account_id), tags), join]


def enters_anew(event: ChannelRenamed, caps: int) -> bool:
    """Tell whether a member with these capabilities is shown a renamed channel as one it comes into."""
    return not caps & CHANNEL_RENAME and fold(event.was) != fold(event.name)


def kill_line(record: Record, event: Administered, name: str, world: World, caps: int) -> Message:
    """Return how somebody, who has this name now, is told why all its connections end. (Modern IRC, KILL)"""
    tags = _tags(world, event.by, record.time, caps)
    return Message("KILL", (name, event.detail), world.userhost(event.by), tags)


def alarm_line(alarm: Alarm, world: World, caps: int) -> Message:
    """Return how an administrator hears what one of them says to all. (RFC 2812, 4.7)"""
    tags = _tags(world, alarm.account, world.clock(), caps)
    return Message("WALLOPS", (alarm.text,), world.userhost(alarm.account), tags)


def _tags(world: World, account_id: str, time: int, caps: int) -> dict[str, str]:
    tags = {"time": format_time(time)} if caps & SERVER_TIME else {}
    return tags | render.tags_of_account(world, account_id, caps)

"""MARKREAD: up to where a person has read, on whichever device. (IRCv3 read-marker)"""

from __future__ import annotations

from collections.abc import Iterable

from securechat.chat.ask import Ask
from securechat.chat.effects import Broadcast, Effect, Send
from securechat.chat.marks import mark_line
from securechat.chat.signals import MarkSet
from securechat.chat.streams import StreamId, channel_stream, direct_stream
from securechat.wire.times import parse_time


def markread(ask: Ask) -> Iterable[Effect]:
    """Tell up to where a conversation was read, or move that on; it never goes back. (read-marker, MARKREAD Command)"""
    target, stamp = ask.param(0), ask.param(1)
    if not target:
        raise ask.refuse_by_fail("NEED_MORE_PARAMS", "Missing parameters")
    stream = _stream(ask, target)
    world, account = ask.world, ask.session.account
    known = world.marks.get(account, stream)
    if not stamp:
        return [Send([mark_line(world, account, stream, known)])]
    # Nothing has been read that was not said yet. (read-marker, Implementation Considerations)
    time = min(_time(ask, stamp), world.clock())
    if time <= known:
        return [Send([mark_line(world, account, stream, known)])]
    if not world.marks.has_room(account, stream):
        raise ask.refuse_by_fail("INTERNAL_ERROR", target, "The read timestamp could not be set: too many of them")
    return [Broadcast(MarkSet(account, stream, time)), Send([mark_line(world, account, stream, time)])]


def _stream(ask: Ask, target: str) -> StreamId:
    account = ask.session.account
    if target.startswith("#"):
        channel = ask.world.visible_channel(target, account)
        if channel is not None and account in channel.members:
            return channel_stream(channel.id)
    elif (person := ask.world.directory.anyone_named(target)) is not None:
        return direct_stream(account, person.id)
    raise ask.refuse_by_fail("INVALID_PARAMS", target, "No conversation of yours")


def _time(ask: Ask, stamp: str) -> int:
    kind, _, value = stamp.partition("=")
    if kind == "timestamp":
        try:
            return parse_time(value)
        except ValueError:
            pass
    raise ask.refuse_by_fail("INVALID_PARAMS", stamp, "Not timestamp= and a time")

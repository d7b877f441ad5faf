"""CHATHISTORY: reading what was said. (IRCv3 draft/chathistory)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from securechat.chat import render
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, ReadHistory, Refusal, Send
from securechat.chat.event import Event
from securechat.chat.events import (
    BanLifted,
    BanSet,
    ChannelRenamed,
    Joined,
    Kicked,
    Left,
    ModeSet,
    Reacted,
    Redacted,
    RoleSet,
    TopicSet,
    Unreacted,
)
from securechat.chat.ports import Bound, ConversationsQuery, ConversationTime, Form, HistoryQuery, Page
from securechat.chat.streams import StreamId, channel_stream, direct_stream
from securechat.wire import capabilities
from securechat.wire.batch import close_batch, open_batch
from securechat.wire.message import Message
from securechat.wire.times import format_time, parse_time

_PARAMETERS = {
    "BEFORE": 4,
    "AFTER": 4,
    "LATEST": 4,
    "AROUND": 4,
    "BETWEEN": 5,
    "TARGETS": 4,
}
_PLAYED: dict[type[Event], int] = {
    Joined: 0,
    Left: 0,
    Kicked: 0,
    TopicSet: 0,
    RoleSet: 0,
    ModeSet: 0,
    BanSet: 0,
    BanLifted: 0,
    ChannelRenamed: capabilities.CHANNEL_RENAME,
    Redacted: capabilities.MESSAGE_REDACTION,
    Reacted: capabilities.MESSAGE_TAGS,
    Unreacted: capabilities.MESSAGE_TAGS,
}
"""What is shown beside messages with event-playback, and which capability its line takes, 0 for none."""


def chathistory(ask: Ask) -> Iterable[Effect]:
    """Read a page of a conversation, or which conversations there are."""
    subcommand = ask.param(0).upper()
    if subcommand not in _PARAMETERS:
        raise ask.refuse_by_fail("INVALID_PARAMS", ask.param(0), "Unknown subcommand")
    if len(ask.message.params) < _PARAMETERS[subcommand]:
        raise ask.refuse_by_fail("INVALID_PARAMS", subcommand, "Insufficient parameters")
    if len(ask.message.params) > _PARAMETERS[subcommand]:
        raise ask.refuse_by_fail("INVALID_PARAMS", subcommand, "Too many parameters")
    limit = _limit(ask, subcommand, ask.message.params[_PARAMETERS[subcommand] - 1])
    if subcommand == "TARGETS":
        return _targets(ask, limit)
    target = ask.param(1)
    stream = conversation_named(ask, target)
    if stream is None:
        raise _no_messages(ask, "INVALID_TARGET", subcommand, target)
    bounds = [_bound(ask, subcommand, target, text) for text in ask.message.params[2 : _PARAMETERS[subcommand] - 1]]
    end = bounds[1] if len(bounds) > 1 else None
    events = _events_shown(ask.session.caps)
    query = HistoryQuery(ask.session.account, stream, Form(subcommand), limit, bounds[0], end, events)
    return [ReadHistory(query, partial(_answer_page, stream))]


def conversation_named(ask: Ask, target: str) -> StreamId | None:
    """Return the stream of a conversation that the asker takes part in; None where it has no part, or there is none."""
    account_id = ask.session.account
    if target.startswith("#"):
        channel = ask.world.visible_channel(target, account_id)
        if channel is not None and account_id in channel.members:
            return channel_stream(channel.id)
    elif (person := ask.world.directory.anyone_named(target)) is not None:
        return direct_stream(account_id, person.id)
    return None


def _events_shown(caps: int) -> frozenset[str]:
    if not caps & capabilities.EVENT_PLAYBACK:
        return frozenset()
    return frozenset(kind.__name__ for kind, needed in _PLAYED.items() if caps & needed == needed)


def _limit(ask: Ask, subcommand: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise ask.refuse_by_fail("INVALID_PARAMS", subcommand, text, "The limit is a positive number")
    return min(int(text), limits.HISTORY_PAGE)


def _no_messages(ask: Ask, code: str, subcommand: str, target: str) -> Refusal:
    return ask.refuse_by_fail(code, subcommand, target, "Messages could not be retrieved")


def _bound(ask: Ask, subcommand: str, target: str, text: str) -> Bound | None:
    kind, _, value = text.partition("=")
    if text == "*" and subcommand == "LATEST":
        return None
    if kind == "msgid" and value:
        return Bound(msgid=value)
    if kind == "timestamp":
        try:
            return Bound(time=parse_time(value))
        except ValueError:
            pass
    if kind in ("msgid", "timestamp"):
        raise ask.refuse_by_fail("INVALID_PARAMS", subcommand, text, "Not a msgid or a timestamp")
    raise ask.refuse_by_fail("INVALID_MSGREFTYPE", subcommand, target, text, "Use msgid= or timestamp=")


def _targets(ask: Ask, limit: int) -> Iterable[Effect]:
    bounds = [_bound(ask, "TARGETS", "*", text) for text in ask.message.params[1:3]]
    times = [bound.time for bound in bounds if bound is not None and not bound.msgid]
    if len(times) != 2:
        raise ask.refuse_by_fail("INVALID_PARAMS", "TARGETS", "TARGETS takes two timestamps")
    return [ReadHistory(ConversationsQuery(ask.session.account, times[0], times[1], limit), _answer_targets)]


def _answer_page(stream: StreamId, ask: Ask, page: Page, reference: str) -> Iterable[Effect]:
    """Answer with what was read, in a batch where the client knows them. `reference` names the batch."""
    if page.expired:
        text = "Messages as old as that are not kept any more"
        raise ask.refuse_by_fail("MESSAGE_ERROR", ask.param(0).upper(), ask.param(1), text)
    if not page.known:
        raise _no_messages(ask, "MESSAGE_ERROR", ask.param(0).upper(), ask.param(1))
    target = ask.world.conversation_name(stream, ask.session.account)
    lines = (line for record in page.records for line in render.messages(record, ask.world, ask.session.caps))
    return [Send(batched(ask, reference, ("chathistory", target), lines))]


def _answer_targets(ask: Ask, found: Sequence[ConversationTime], reference: str) -> Iterable[Effect]:
    """Answer TARGETS: a conversation's name and the time of its newest message."""
    world, viewer = ask.world, ask.session.account
    lines = (
        ask.say("CHATHISTORY", "TARGETS", world.conversation_name(stream, viewer), format_time(time))
        for stream, time in found
    )
    return [Send(batched(ask, reference, ("draft/chathistory-targets",), lines))]


def batched(ask: Ask, reference: str, kind: tuple[str, ...], lines: Iterator[Message]) -> Iterator[Message]:
    """Yield lines in a batch of a kind (its type and parameters), or as they are to who does not know batches."""
    if not ask.session.has(capabilities.BATCH):
        yield from lines
        return
    source = ask.world.server_name
    yield open_batch(reference, *kind, source=source)
    for line in lines:
        # What is in a batch of its own already stays there. (IRCv3 batch, nested)
        line.put_tag("batch", reference)
        yield line
    yield close_batch(reference, source=source)

"""CHATHISTORY: reading what was said. (IRCv3 draft/chathistory)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from securechat.chat import render
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, ReadHistory, Refusal, Send
from securechat.chat.events import StreamId, channel_stream, direct_stream
from securechat.chat.ports import Bound, ConversationsQuery, ConversationTime, Form, HistoryQuery, Page
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


def chathistory(ask: Ask) -> Iterable[Effect]:
    """Read a page of a conversation, or which conversations there are."""
    subcommand = ask.param(0).upper()
    if subcommand not in _PARAMETERS:
        raise ask.refuse_by_fail("INVALID_PARAMS", ask.param(0), "Unknown subcommand")
    if len(ask.message.params) < _PARAMETERS[subcommand]:
        raise ask.refuse_by_fail("INVALID_PARAMS", subcommand, "Insufficient parameters")
    limit = _limit(ask, subcommand, ask.message.params[_PARAMETERS[subcommand] - 1])
    if subcommand == "TARGETS":
        return _targets(ask, limit)
    target = ask.param(1)
    stream = _stream(ask, subcommand, target)
    bounds = [_bound(ask, subcommand, target, text) for text in ask.message.params[2 : _PARAMETERS[subcommand] - 1]]
    end = bounds[1] if len(bounds) > 1 else None
    query = HistoryQuery(ask.session.account, stream, Form(subcommand), limit, bounds[0], end)
    return [ReadHistory(query, partial(_answer_page, target))]


def _limit(ask: Ask, subcommand: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise ask.refuse_by_fail("INVALID_PARAMS", subcommand, text, "The limit is a positive number")
    return min(int(text), limits.HISTORY_PAGE)


def _stream(ask: Ask, subcommand: str, target: str) -> StreamId:
    account_id = ask.session.account
    if target.startswith("#"):
        channel = ask.world.visible_channel(target, account_id)
        if channel is not None and account_id in channel.members:
            return channel_stream(channel.id)
    elif (person := ask.world.directory.anyone_named(target)) is not None:
        return direct_stream(account_id, person.id)
    raise _no_messages(ask, "INVALID_TARGET", subcommand, target)


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
    return [ReadHistory(ConversationsQuery(ask.session.account, min(times), max(times), limit), _answer_targets)]


def _answer_page(target: str, ask: Ask, page: Page, reference: str) -> Iterable[Effect]:
    """Answer with what was read, in a batch where the client knows them. `reference` names the batch."""
    subcommand = ask.param(0).upper()
    if not page.known:
        raise _no_messages(ask, "MESSAGE_ERROR", subcommand, target)
    lines = (
        line for record in page.records if (line := render.message(record, ask.world, ask.session.caps)) is not None
    )
    return [Send(_batched(ask, reference, ("chathistory", target), lines))]


def _answer_targets(ask: Ask, found: Sequence[ConversationTime], reference: str) -> Iterable[Effect]:
    """Answer TARGETS: a conversation's name and the time of its newest message."""
    world, viewer = ask.world, ask.session.account
    lines = (
        ask.say("CHATHISTORY", "TARGETS", world.conversation_name(stream, viewer), format_time(time))
        for stream, time in found
    )
    return [Send(_batched(ask, reference, ("draft/chathistory-targets",), lines))]


def _batched(ask: Ask, reference: str, kind: tuple[str, ...], lines: Iterator[Message]) -> Iterator[Message]:
    if not ask.session.has(capabilities.BATCH):
        yield from lines
        return
    source = ask.world.server_name
    yield open_batch(reference, *kind, source=source)
    for line in lines:
        line.tags["batch"] = reference
        yield line
    yield close_batch(reference, source=source)

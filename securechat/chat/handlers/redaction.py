"""REDACT: taking back what was said. (IRCv3 draft/message-redaction)"""

from __future__ import annotations

from collections.abc import Iterable

from securechat.chat import policy
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Effect, Entry, ReadHistory, Refusal
from securechat.chat.events import Reacted, Redacted, Unreacted
from securechat.chat.handlers.history import conversation_named
from securechat.chat.ports import Bound, Form, HistoryQuery, Page
from securechat.chat.streams import StreamId
from securechat.wire import capabilities, numerics

_REACTIONS = frozenset({Reacted.__name__, Unreacted.__name__})


def redact(ask: Ask) -> Iterable[Effect]:
    """Take back one message or reaction: one's own for some time, as an operator anybody's in the channel."""
    if not ask.session.has(capabilities.MESSAGE_REDACTION):
        raise ask.refuse(numerics.ERR_UNKNOWNCOMMAND, ask.message.command, "Negotiate draft/message-redaction first")
    ask.fits(ask.param(2), limits.REASON_LENGTH)
    msgid = ask.param(1)
    if not msgid:
        raise _unknown(ask)
    query = HistoryQuery(ask.session.account, _stream(ask), Form.AROUND, 1, Bound(msgid), events=_REACTIONS)
    return [ReadHistory(query, _judge)]


def _stream(ask: Ask) -> StreamId:
    stream = conversation_named(ask, ask.param(0))
    if stream is None:
        raise ask.refuse_by_fail("INVALID_TARGET", ask.param(0), "You cannot delete messages from there")
    return stream


def _unknown(ask: Ask) -> Refusal:
    return ask.refuse_by_fail("UNKNOWN_MSGID", ask.param(0), ask.param(1), "This message does not exist or is too old")


def _judge(ask: Ask, page: Page, _reference: str) -> Iterable[Effect]:
    """Redact what was found, if this may be; the asker's rights are looked at again, they may have gone meanwhile."""
    world, account, stream = ask.world, ask.account, _stream(ask)
    target, msgid = ask.param(0), ask.param(1)
    record = next((record for record in page.records if record.msgid == msgid and record.stream == stream), None)
    if record is None:
        raise _unknown(ask)
    channel = world.directory.channels[stream[2:]] if stream[0] == "c" else None
    window = world.config.chat.redaction_window
    obstacle = policy.obstacle_to_redacting(channel, account.id, record, world.clock() - record.time, window * 1000)
    if obstacle == "REDACT_FORBIDDEN":
        raise ask.refuse_by_fail(obstacle, target, msgid, "You are not authorised to delete this message")
    if obstacle is not None:
        raise ask.refuse_by_fail(obstacle, target, msgid, str(window), "You can no longer delete this message")
    expects = (epoch_of(account),) if channel is None else ((stream, channel.epoch), epoch_of(account))
    return [Append((Entry(stream, Redacted(msgid, account.id, ask.param(2))),), expects)]

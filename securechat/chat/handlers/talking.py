"""Talking: PRIVMSG, NOTICE, TAGMSG."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from securechat.chat import policy, render
from securechat.chat.ask import Ask
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Broadcast, Effect, Entry, Once, Refusal, Send
from securechat.chat.events import Posted
from securechat.chat.handlers import playback, searching
from securechat.chat.handlers.modes import require_turn
from securechat.chat.multiline import Composed, Multiline
from securechat.chat.signals import TagsSent
from securechat.chat.streams import StreamId, channel_stream, direct_stream
from securechat.wire import capabilities, numerics
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message
from securechat.wire.names import fold

ID_TAG = "securechat.internal/id"
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


def post(ask: Ask) -> Iterable[Effect]:
    """Put a message into a conversation. (Modern IRC, PRIVMSG and NOTICE)

    A message with an id is looked up before policy has a say: what was stored once keeps its echo, even if its sender
    may not post there any more.
    """
    if not ask.param(0):
        raise ask.refuse(numerics.ERR_NORECIPIENT, f"No recipient given ({ask.message.command})")
    if not ask.param(1):
        raise ask.refuse(numerics.ERR_NOTEXTTOSEND, "No text to send")
    once = _once(ask)
    try:
        return [_judge(ask, once)]
    except Refusal as refusal:
        if playback.is_asked(ask):
            return playback.obey(ask)
        if searching.is_service(ask.param(0)):
            return searching.serve(ask, has_id=once is not None)
        if once is not None:
            return [Append((), once=once, refusal=refusal)]
        raise


def _judge(ask: Ask, once: Once | None) -> Append:
    target, account = ask.param(0), ask.account
    message = ask.message
    if target.startswith("#"):
        name, stream, expected = _judge_channel(ask, target)
        answer: tuple[Message, ...] = ()
    else:
        name, stream, expected, answer = _judge_person(ask, target)
    text = message.params[1]
    tags = _client_tags(message)
    if type(message) is Multiline:
        event = Posted(account.id, message.command, text, tags, message.joins)
    else:
        line = f":{account.name}!{account.name}@securechat {message.command} {name} :{text}\r\n"
        if len(line.encode()) > MAX_REST:
            raise ask.refuse(numerics.ERR_INPUTTOOLONG, "Message is too long once it carries your name")
        event = Posted(account.id, message.command, text, tags)
    ask.session.spoke = ask.world.clock()
    return Append((Entry(stream, event),), expects=(expected, epoch_of(account)), once=once, answer=answer)


def _client_tags(message: Message) -> dict[str, str]:
    """Return the tags that are the clients' own affair: all others end here. (IRCv3 message-tags)"""
    return {key: value for key, value in message.tags.items() if key[0] == "+"} if message.tags else {}


def _judge_channel(ask: Ask, target: str) -> tuple[str, StreamId, tuple[StreamId, int]]:
    channel = ask.channel(target)
    if not policy.may_post(channel, ask.account):
        raise ask.refuse(numerics.ERR_CANNOTSENDTOCHAN, channel.name, "Cannot send to channel")
    if channel.slow and ask.message.command != "TAGMSG":
        require_turn(ask, channel)
    stream = channel_stream(channel.id)
    return channel.name, stream, (stream, channel.epoch)


def _judge_person(ask: Ask, target: str) -> tuple[str, StreamId, tuple[StreamId, int], tuple[Message, ...]]:
    person = ask.someone(target)
    away = ask.world.presence.away(person.id) if ask.message.command == "PRIVMSG" else None
    answer = () if away is None else (ask.reply(numerics.RPL_AWAY, person.name, away),)
    return person.name, direct_stream(ask.account.id, person.id), epoch_of(person), answer


def is_unanswerable(ask: Ask) -> bool:
    """Tell whether a command is a NOTICE, which is never answered by an error so that no two robots ever answer each
    other for ever; one with an id is, since who gives one waits for its echo. (Modern IRC, NOTICE; RFC 2812, 3.3.2)
    """
    message = ask.message
    if isinstance(message, Composed) and message.said is not None:
        message = message.said
    return message.command == "NOTICE" and not (ID_TAG in message.tags and ask.session.has(capabilities.ONCE))


def _once(ask: Ask) -> Once | None:
    message = ask.message
    given = message.tags.get(ID_TAG) if message.tags else None
    if given is None or not ask.session.has(capabilities.ONCE):
        return None
    if not _ID.fullmatch(given):
        raise ask.refuse_by_fail("INVALID_ID", "A message id is 8 to 64 letters, digits and hyphens")
    said = "\0".join((message.command, fold(message.params[0]), message.params[1]))
    return Once(ask.session.account, given, hashlib.sha256(said.encode()).digest())


def tag(ask: Ask) -> Iterable[Effect]:
    """Send tags without a text to whoever listens now. (IRCv3 message-tags, TAGMSG)"""
    if not ask.session.has(capabilities.MESSAGE_TAGS):
        raise ask.refuse(numerics.ERR_UNKNOWNCOMMAND, ask.message.command, "Negotiate message-tags first")
    target = ask.param(0)
    if searching.is_service(target):
        return ()
    judge = _judge_channel if target.startswith("#") else _judge_person
    name, stream, *_ = judge(ask, target)
    world, account = ask.world, ask.session.account
    sent = TagsSent(account, stream, name, world.new_id(), world.clock(), _client_tags(ask.message))
    echo = [render.tag_message(sent, world, ask.session.caps)] if ask.session.has(capabilities.ECHO_MESSAGE) else []
    return [Broadcast(sent), Send(echo)]

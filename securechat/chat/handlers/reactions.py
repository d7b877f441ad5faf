"""Reactions: those TAGMSGs that are kept, with the message they are about. (IRCv3 draft/react)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Broadcast, Effect, Entry, ReadHistory
from securechat.chat.events import Reacted, Unreacted
from securechat.chat.handlers import talking
from securechat.chat.policy import may_react_again
from securechat.chat.ports import Reactions, ReactionsQuery
from securechat.chat.signals import TagsSent
from securechat.chat.streams import other_party

_KINDS: dict[str, type[Reacted | Unreacted]] = {"+draft/react": Reacted, "+draft/unreact": Unreacted}
_REPLIES = ("+reply", "+draft/reply")


class _Reaction(NamedTuple):
    kind: type[Reacted | Unreacted]
    text: str
    msgid: str


def tag(ask: Ask) -> Iterable[Effect]:
    """Send tags without a text to whoever listens now; a reaction is kept beside. (IRCv3 message-tags, TAGMSG; react)"""
    effects = list(talking.tag(ask))
    sent = _sent(effects)
    reaction = None if sent is None else _read(sent.tags)
    if sent is None or reaction is None:
        return effects
    if len(reaction.text.encode()) > limits.REACTION_LENGTH:
        raise ask.refuse_by_fail("REACTION_TOO_LONG", str(limits.REACTION_LENGTH), "That is too long for a reaction")
    return [ReadHistory(ReactionsQuery(sent.account, sent.stream, reaction.msgid), partial(_judge, reaction))]


def _sent(effects: Iterable[Effect]) -> TagsSent | None:
    for effect in effects:
        if isinstance(effect, Broadcast) and isinstance(effect.signal, TagsSent):
            return effect.signal
    return None


def _read(tags: Mapping[str, str]) -> _Reaction | None:
    """Return the reaction in tags: one of the two, about one message; anything else is the clients' own affair."""
    said = [(kind, tags[name]) for name, kind in _KINDS.items() if tags.get(name)]
    about = {tags[name] for name in _REPLIES if tags.get(name)}
    if len(said) != 1 or len(about) != 1:
        return None
    return _Reaction(*said[0], about.pop())


def _judge(reaction: _Reaction, ask: Ask, reactions: Reactions | None, _reference: str) -> Iterable[Effect]:
    """Keep a reaction that changes something; others, and those to what cannot be read, go the way of any tags.

    reactions: the asker's to the message, None where it is none that the asker may read.
    """
    effects = list(talking.tag(ask))
    sent = _sent(effects)
    is_new = reaction.kind is Reacted
    if sent is None or reactions is None or is_new == (reaction.text in reactions.standing):
        return effects
    if is_new and not may_react_again(reactions):
        text = "There can be no more of yours to this message"
        raise ask.refuse_by_fail("TOO_MANY_REACTIONS", str(limits.REACTIONS_PER_MESSAGE), text)
    world, account = ask.world, ask.account
    if sent.stream[0] == "c":
        place = (sent.stream, world.directory.channels[sent.stream[2:]].epoch)
    else:
        place = epoch_of(world.account(other_party(sent.stream, account.id)))
    event = reaction.kind(account.id, reaction.msgid, reaction.text, sent.tags)
    return [Append((Entry(sent.stream, event),), expects=(place, epoch_of(account)))]

"""Lines of the server after sign-in as events: what each means, without remembering anything.

A hostile server can send any line: whatever lacks what it needs is no event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from securechat.client.events import (
    AwayChanged,
    Departed,
    Event,
    Failed,
    Invited,
    Joined,
    Left,
    MessageSeen,
    ModeChanged,
    Noticed,
    Renamed,
    TopicSet,
)
from securechat.wire.message import Message
from securechat.wire.names import fold, split_userhost
from securechat.wire.numerics import (
    ERR_INVALIDMODEPARAM,
    ERR_NOMOTD,
    RPL_AWAY,
    RPL_CHANNELMODEIS,
    RPL_CREATIONTIME,
    RPL_INVITING,
    RPL_NOTOPIC,
    RPL_TOPIC,
)
from securechat.wire.times import parse_time

REPLY_TAG: Final = "+draft/reply"
"""Names the message that a message answers. (IRCv3 draft/reply)"""
MAX_MSGID: Final = 255
"""Characters of a msgid that is worth remembering; a longer one counts as none."""

PREFIXES: Final = "~&@%+"
"""What can stand before a nick in a list of names."""


_FAILURES: Final = frozenset({ERR_INVALIDMODEPARAM, "902", "904", "905", "906", "907"})
"""Numerics above 599 that say no: a mode's parameter, SASL; those from 400 to 599 do, but for a missing MOTD."""


def is_sayable(name: str) -> bool:
    """Tell whether a name can stand as one parameter of a command, so that its conversation can be asked about."""
    return bool(name) and name[0] != ":" and not any(character in " ,\0\r\n" for character in name)


def is_channel(name: str) -> bool:
    """Tell whether a target is a channel rather than a person."""
    return name.startswith("#")


def read_message(line: Message, nick: str, now: int, *, replayed: bool) -> MessageSeen | None:
    """Read a PRIVMSG or NOTICE; None when it is neither complete nor from anybody.

    nick: our own.
    now: taken when the line has no time of its own, in milliseconds since 1970.
    """
    if line.command not in ("PRIVMSG", "NOTICE") or len(line.params) < 2 or not line.params[0] or not line.source:
        return None
    target, text = line.params[:2]
    sender = split_userhost(line.source)[0]
    own = fold(sender) == fold(nick)
    conversation = target if own or is_channel(target) else sender
    if not is_sayable(conversation):
        return None
    return MessageSeen(
        conversation=conversation,
        target=target,
        sender=sender,
        text=text,
        msgid=read_msgid(line),
        time=_read_time(line, now),
        command=line.command,
        own=own,
        replayed=replayed,
        reply_to=read_msgid(line, REPLY_TAG),
    )


def read_msgid(line: Message, tag: str = "msgid") -> str:
    """Return the line's msgid, or "" when it has none that a request for history could name."""
    msgid = line.tags.get(tag, "")
    nameable = len(msgid) <= MAX_MSGID and msgid.isascii() and msgid.isprintable() and " " not in msgid
    return msgid if nameable else ""


def read_members(words: str) -> list[tuple[str, str]]:
    """Read the last parameter of a 353: each member as (prefixes, nick)."""
    members = []
    for word in words.split():
        nick = word.lstrip(PREFIXES)
        if nick:
            members.append((word[: len(word) - len(nick)], split_userhost(nick)[0]))
    return members


def read_target(line: Message) -> tuple[str, int] | None:
    """Read a line of a TARGETS batch: conversation and time of its latest message. (IRCv3 chathistory)"""
    if line.command != "CHATHISTORY" or len(line.params) < 3 or line.params[0] != "TARGETS":
        return None
    if not is_sayable(line.params[1]):
        return None
    try:
        return line.params[1], parse_time(line.params[2])
    except ValueError:
        return None


def to_event(line: Message, nick: str, now: int) -> Event | None:
    """Return what a line means to somebody signed in as `nick`, or None."""
    if line.command in ("PRIVMSG", "NOTICE"):
        if line.command == "NOTICE" and "!" not in line.source:
            return Noticed("", line.params[-1]) if line.params else None
        return read_message(line, nick, now, replayed=False)
    read = _READERS.get(line.command)
    if read is not None:
        needed, reader = read
        return reader(line, nick) if len(line.params) >= needed else None
    if len(line.command) == 3 and line.command.isdigit():
        return _read_numeric(line)
    return None


def _read_time(line: Message, now: int) -> int:
    try:
        return parse_time(line.tags.get("time", ""))
    except ValueError:
        return now


def _who(line: Message) -> str:
    return split_userhost(line.source)[0]


def _is_own(line: Message, nick: str) -> bool:
    return fold(_who(line)) == fold(nick)


def _join(line: Message, nick: str) -> Event | None:
    if not is_sayable(line.params[0]) or not is_sayable(_who(line)):
        return None
    return Joined(line.params[0], _who(line), _is_own(line, nick))


def _part(line: Message, nick: str) -> Event:
    return Left(line.params[0], _who(line), _is_own(line, nick), line.param(1))


def _kick(line: Message, nick: str) -> Event:
    channel, victim = line.params[:2]
    return Left(channel, victim, fold(victim) == fold(nick), line.param(2), _who(line))


def _quit(line: Message, nick: str) -> Event:
    return Departed(_who(line), line.param(0))


def _nick(line: Message, nick: str) -> Event | None:
    if not is_sayable(line.params[0]):
        return None
    return Renamed(_who(line), line.params[0], _is_own(line, nick))


def _topic(line: Message, nick: str) -> Event:
    return TopicSet(line.params[0], line.params[1], _who(line))


def _topic_is(line: Message, nick: str) -> Event:
    return TopicSet(line.params[1], line.params[2])


def _no_topic(line: Message, nick: str) -> Event:
    return TopicSet(line.params[1], "")


def _away(line: Message, nick: str) -> Event:
    return AwayChanged(_who(line), line.params[0] if line.params and line.params[0] else None)


def _mode(line: Message, nick: str) -> Event:
    return ModeChanged(line.params[0], _who(line), line.params[1:])


def _mode_is(line: Message, nick: str) -> Event:
    return ModeChanged(line.params[1], "", line.params[2:])


def _invite(line: Message, nick: str) -> Event:
    return Invited(line.params[1], line.params[0], _who(line))


def _inviting(line: Message, nick: str) -> Event:
    return Invited(line.params[2], line.params[1], nick)


def _away_is(line: Message, nick: str) -> Event:
    return AwayChanged(line.params[1], line.params[-1])


def _nothing(line: Message, nick: str) -> None:
    return None


def _fail(line: Message, nick: str) -> Event:
    reason = line.params[-1] if len(line.params) > 2 else ""
    return Failed(line.params[0], line.params[1], reason, " ".join(line.params[2:-1]))


def _remark(line: Message, nick: str) -> Event:
    # What stands before the words can be all that matters: a new token, for one.
    context = " ".join(line.params[2:-1])
    return Noticed(line.command, f"{context} - {line.params[-1]}" if context else line.params[-1])


_Reader = Callable[[Message, str], Event | None]

_READERS: Final[dict[str, tuple[int, _Reader]]] = {
    "JOIN": (1, _join),
    "PART": (1, _part),
    "KICK": (2, _kick),
    "QUIT": (0, _quit),
    "NICK": (1, _nick),
    "TOPIC": (2, _topic),
    RPL_TOPIC: (3, _topic_is),
    RPL_NOTOPIC: (2, _no_topic),
    "AWAY": (0, _away),
    RPL_AWAY: (3, _away_is),
    "MODE": (2, _mode),
    RPL_CHANNELMODEIS: (3, _mode_is),
    RPL_CREATIONTIME: (0, _nothing),
    "INVITE": (2, _invite),
    RPL_INVITING: (3, _inviting),
    "FAIL": (2, _fail),
    "WARN": (2, _remark),
    "NOTE": (2, _remark),
}
"""Each command with the number of parameters it needs and what reads it."""


def _read_numeric(line: Message) -> Event | None:
    # The first parameter is our own nick.
    words = " ".join(line.params[1:])
    if not words:
        return None
    if line.command in _FAILURES or ("400" <= line.command <= "599" and line.command != ERR_NOMOTD):
        return Failed(line.param(1) if len(line.params) > 2 else "", line.command, line.params[-1])
    return Noticed(line.command, words)

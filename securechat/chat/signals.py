"""What is told to others and kept by nobody: it may be late or lost."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from securechat.chat.streams import StreamId


class AwaySet(NamedTuple):
    """A session says that it is away, or (None) back."""

    account: str
    session: str
    text: str | None


class TagsSent(NamedTuple):
    """An account sent tags without a text into a conversation. (IRCv3 message-tags, TAGMSG)

    target: what the conversation is called on the wire. msgid and time (ms since 1970) are as a record has them.
    """

    account: str
    stream: StreamId
    target: str
    msgid: str
    time: int
    tags: dict[str, str]


class Alarm(NamedTuple):
    """An administrator, `account`, says something to all of them. (RFC 2812, 4.7, WALLOPS)"""

    account: str
    text: str


class BotMarked(NamedTuple):
    """An account says that it is a bot, or no longer. (IRCv3 bot-mode)"""

    account: str
    on: bool


class MarkSet(NamedTuple):
    """Somebody has read a conversation up to a time (ms since 1970). (IRCv3 read-marker)"""

    account: str
    stream: StreamId
    time: int


class PingAnswered(NamedTuple):
    """A client has had everything before a PING of ours, which had this number."""

    number: int


class Watched(NamedTuple):
    """A session put these nicks (folded) into its list of those it watches, or took them out. (IRCv3 monitor)"""

    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


Signal: TypeAlias = AwaySet | TagsSent | Alarm | BotMarked | MarkSet | PingAnswered | Watched

"""What is told to others and kept by nobody: it may be late or lost."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from securechat.chat.events import StreamId


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


Signal: TypeAlias = AwaySet | TagsSent

"""What a device was not sent yet, and notes of how far it has got and how far its owner has read.

Notes are kept beside the history: they are only ever moved on, and nobody but their account is concerned.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from securechat.chat.events import Record
from securechat.chat.guesses import Guess, Place
from securechat.chat.streams import StreamId


class Position(NamedTuple):
    """Up to which record a device was certainly sent a conversation.

    device: what the client calls itself, or the id of its token, or "". In the stream of its account: when it last
    came (ms since 1970).
    """

    account: str
    device: str
    stream: StreamId
    seq: int


class ReadMark(NamedTuple):
    """Up to when (ms since 1970) the person behind an account has read a conversation. (IRCv3 read-marker)"""

    account: str
    stream: StreamId
    time: int


Note: TypeAlias = Position | ReadMark | Guess | Place
"""What is kept beside the history: only ever moved on, and a second late on disk at most."""

DEVICES_REMEMBERED = 100
"""Devices of an account whose positions are kept, the latest to come."""


class ArrearsQuery(msgspec.Struct, frozen=True):
    """What a device was not sent of an account's conversations.

    first: messages of each conversation for a device that never came before; most: for one that did.
    counted: up to how many more of them are counted.
    """

    account: str
    device: str
    first: int
    most: int
    counted: int = 100_000


class Arrear(NamedTuple):
    """A conversation whose messages behind `after` a device was not sent, `more` older ones left out.

    through: the seq of its newest record; the same as `after` when nothing is missing.
    """

    stream: StreamId
    after: int
    through: int
    more: int = 0


class Arrears(NamedTuple):
    """All of an account's conversations as one device has them; `known`: it came before."""

    known: bool
    conversations: list[Arrear]


class MissedQuery(msgspec.Struct, frozen=True):
    """The first `limit` messages of a conversation behind a seq that the account may read."""

    account: str
    stream: StreamId
    after: int
    limit: int


class Missed(NamedTuple):
    """Messages in order; `through`: nothing else is missing up to this seq. is_full: there may be more behind it."""

    records: tuple[Record, ...]
    through: int
    is_full: bool

"""What a client knows of the chat: its channels, who is in them, and how far each conversation has been seen.

Everything is bounded, for it grows with what a server sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from securechat.client.events import (
    AwayChanged,
    Departed,
    Event,
    Joined,
    Left,
    MessageSeen,
    NamesListed,
    Renamed,
    SignedIn,
    TopicSet,
)
from securechat.wire.names import fold
from securechat.wire.times import format_time

MAX_CHANNELS: Final = 1000
MAX_MEMBERS: Final = 50_000
MAX_AWAY: Final = 10_000
MAX_POSITIONS: Final = 5000
MAX_SEEN: Final = 16_384
LATEST_TIME: Final = 253_402_300_799_999
"""The last millisecond that can be written as a time with four digits for the year."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a conversation has been seen: a message, or (msgid "") a time in milliseconds since 1970."""

    name: str
    time: int
    msgid: str = ""

    @property
    def bound(self) -> str:
        """The position as CHATHISTORY takes it."""
        return f"msgid={self.msgid}" if self.msgid else f"timestamp={format_time(self.time)}"


@dataclass(slots=True)
class Channel:
    """A channel we are in; members by folded nick, each as (role prefixes, nick)."""

    name: str
    topic: str = ""
    members: dict[str, tuple[str, str]] = field(default_factory=dict)


class State:
    """Follows events; `apply` also tells whether a message is news."""

    def __init__(self) -> None:
        self.nick = ""
        self.channels: dict[str, Channel] = {}
        self.away: set[str] = set()
        self.latest_time: int | None = None
        self._positions: dict[str, Position] = {}
        self._seen: dict[str, None] = {}
        self._repeated = ("", 0)

    def apply(self, event: Event) -> bool:
        """Take an event in; False when it is a message that was seen before."""
        match event:
            case MessageSeen():
                return self._see(event)
            case SignedIn():
                self.nick = event.nick
                self.channels.clear()
                self.away.clear()
            case Joined():
                self._join(event)
            case Left():
                self._leave(event)
            case NamesListed():
                self._list_names(event)
            case TopicSet():
                channel = self.find_channel(event.channel)
                if channel is not None:
                    channel.topic = event.topic
            case Departed() | Renamed() | AwayChanged():
                self._change_person(event)
            case _:
                pass
        return True

    def find_channel(self, name: str) -> Channel | None:
        """Return the channel with this name, if we are in it."""
        return self.channels.get(fold(name))

    def has_seen(self, msgid: str) -> bool:
        """Tell whether a message was taken in before, as far as is remembered."""
        return msgid in self._seen

    def position(self, conversation: str) -> Position | None:
        """Return how far a conversation has been seen, or None when nothing is known of it."""
        return self._positions.get(fold(conversation))

    def note_position(self, conversation: str, time: int, msgid: str = "") -> None:
        """Move a conversation's position on; never back, for an echo of an old message is no step back."""
        known = self.position(conversation)
        self.note_time(time)
        if known is not None and time < known.time:
            return
        self._positions.pop(fold(conversation), None)
        self._positions[fold(conversation)] = Position(conversation, time, msgid)
        _drop_oldest(self._positions, MAX_POSITIONS)

    def note_time(self, time: int) -> None:
        """Note that the server's history has come to this time, in milliseconds since 1970."""
        if 0 <= time <= LATEST_TIME:
            self.latest_time = max(time, self.latest_time or 0)

    def _see(self, message: MessageSeen) -> bool:
        place = fold(message.conversation), message.time
        if not message.msgid:
            return self._see_more(message, place)
        if message.msgid in self._seen:
            self._repeated = place
            return False
        self._repeated = ("", 0)
        self._seen[message.msgid] = None
        _drop_oldest(self._seen, MAX_SEEN)
        self.note_position(message.conversation, message.time, message.msgid)
        return True

    def _see_more(self, message: MessageSeen, place: tuple[str, int]) -> bool:
        """Take in a line without a msgid, as all but the first of a message of several lines are. (IRCv3 multiline, Fallback)

        They have the time of the first: when that was seen before, so were they, and its msgid stays where we are.
        """
        if place == self._repeated:
            return False
        known = self.position(message.conversation)
        if known is None or known.time != message.time:
            self.note_position(message.conversation, message.time)
        return True

    def _join(self, event: Joined) -> None:
        if event.own and len(self.channels) < MAX_CHANNELS:
            self.channels.setdefault(fold(event.channel), Channel(event.channel))
        channel = self.find_channel(event.channel)
        if channel is not None and self._count_members() < MAX_MEMBERS:
            channel.members.setdefault(fold(event.nick), ("", event.nick))

    def _leave(self, event: Left) -> None:
        if event.own:
            self.channels.pop(fold(event.channel), None)
            return
        channel = self.find_channel(event.channel)
        if channel is not None:
            channel.members.pop(fold(event.nick), None)

    def _list_names(self, event: NamesListed) -> None:
        channel = self.find_channel(event.channel)
        if channel is None or not event.members:
            return
        channel.members = {}
        room = MAX_MEMBERS - self._count_members()
        channel.members = {fold(nick): (prefix, nick) for prefix, nick in event.members[:room]}

    def _change_person(self, event: Departed | Renamed | AwayChanged) -> None:
        key = fold(event.nick)
        if isinstance(event, AwayChanged):
            if event.message is None:
                self.away.discard(key)
            elif len(self.away) < MAX_AWAY:
                self.away.add(key)
            return
        new_nick = event.new_nick if isinstance(event, Renamed) else ""
        if isinstance(event, Renamed) and event.own:
            self.nick = event.new_nick
        self.away.discard(key)
        for channel in self.channels.values():
            member = channel.members.pop(key, None)
            if member is not None and new_nick:
                channel.members[fold(new_nick)] = (member[0], new_nick)

    def _count_members(self) -> int:
        return sum(len(channel.members) for channel in self.channels.values())


def _drop_oldest(entries: dict[str, Position] | dict[str, None], limit: int) -> None:
    while len(entries) > limit:
        del entries[next(iter(entries))]

"""The lists of a channel, b, e and I: shown, and changed by MODE."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.bans import Mask, UnusableMask, parse_kept, read_mask, show_mask
from securechat.chat.channel import masks_of
from securechat.chat.event import Event
from securechat.chat.events import BanLifted, BanSet
from securechat.chat.ports import ChannelState
from securechat.wire import numerics
from securechat.wire.message import Message


class List(NamedTuple):
    """How a list is answered. (Modern IRC, MODE; 367 and 368, 348 and 349, 346 and 347)"""

    entry: str
    end: str
    name: str


LISTS = {
    "b": List(numerics.RPL_BANLIST, numerics.RPL_ENDOFBANLIST, "ban"),
    "e": List(numerics.RPL_EXCEPTLIST, numerics.RPL_ENDOFEXCEPTLIST, "exception"),
    "I": List(numerics.RPL_INVEXLIST, numerics.RPL_ENDOFINVEXLIST, "invite exception"),
}


def list_lines(ask: Ask, channel: ChannelState, letter: str) -> Iterator[Message]:
    """Yield a list to members; to others its end alone, since servers may restrict it. (Modern IRC, MODE)"""
    directory, (entry, end, name) = ask.world.directory, LISTS[letter]
    if ask.session.account in channel.members:
        for ban in list(masks_of(channel, letter).values()):
            setter = directory.name_of(ban.by) if ban.by else ask.world.server_name
            yield ask.reply(entry, channel.name, show_mask(ban.mask, directory), setter, str(ban.time // 1000))
    yield ask.reply(end, channel.name, f"End of channel {name} list")


class PendingMasks:
    """What one MODE command changes in the lists: of each mask the last word counts."""

    def __init__(self, ask: Ask, channel: ChannelState) -> None:
        self._ask = ask
        self._channel = channel
        self._known = {(letter, parse_kept(text).key): text for letter in LISTS for text in masks_of(channel, letter)}
        self._pending: dict[tuple[str, str], tuple[Event, ...]] = {}

    def judge(self, adds: bool, letter: str, typed: str) -> None:
        """Note that a mask is to be put into a list, or taken out of it, as far as it is not so already.

        A mask that holds for a time can be lifted without naming the time, and set again with another.

        Raises: Refusal.
        """
        try:
            mask = read_mask(typed, self._ask.world.directory, letter)
        except UnusableMask as error:
            where = (self._channel.name, letter, typed)
            raise self._ask.refuse(numerics.ERR_INVALIDMODEPARAM, *where, str(error)) from None
        known = self._known.get((letter, mask.key))
        self._pending.pop((letter, mask.key), None)
        if not adds:
            if known is not None:
                self._pending[letter, mask.key] = (BanLifted(self._ask.session.account, known, letter),)
        elif known is None or mask.minutes or parse_kept(known).minutes:
            self._pending[letter, mask.key] = tuple(self._set(letter, mask, known))

    def events(self) -> list[Event]:
        """Return what happens."""
        return [event for events in self._pending.values() for event in events]

    def _set(self, letter: str, mask: Mask, known: str | None) -> Iterator[Event]:
        ask, text = self._ask, mask.write()
        if known is None:
            new = sum(1 for each, key in self._pending if each == letter and (each, key) not in self._known)
            if len(masks_of(self._channel, letter)) + new >= limits.BANS_PER_CHANNEL:
                words = (self._channel.name, letter, f"Channel {LISTS[letter].name} list is full")
                raise ask.refuse(numerics.ERR_BANLISTFULL, *words)
        elif known != text:
            yield BanLifted(ask.session.account, known, letter)
        until = ask.world.clock() + mask.minutes * 60_000 if mask.minutes else 0
        yield BanSet(ask.session.account, text, letter, until)

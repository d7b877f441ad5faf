"""Masks of the lists b, e and I: what is typed, what is kept, what is shown, and whom they match.

| typed | kept | matches |
|---|---|---|
| `bob`, `b?b!*@*` | completed to `nick!user@host` | the name of the moment; the host is the same for everybody |
| `~a:bob`, `~account:bob` | `~a:` and the account's id | the account, whatever it is called by then |
| `~q:MASK`, `~quiet:MASK` | `~q:` and the rest | as the rest, but silences alone: who it matches may join (bans only) |
| `~t:MINUTES:MASK`, `~time:…` | `~t:MINUTES:` and the rest | as the rest, until the server lifts it |

Time comes before quiet, quiet before who. (IRCv3 account-extban; Modern IRC, EXTBAN)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from securechat.chat import world as limits
from securechat.chat.directory import Directory
from securechat.chat.effects import Append, Entry
from securechat.chat.events import BanLifted, BanSet
from securechat.chat.ports import AccountState, BanState, ChannelState
from securechat.chat.streams import channel_stream
from securechat.chat.world import World
from securechat.errors import SecurechatError
from securechat.wire.mask import match_mask
from securechat.wire.names import fold

EXTBANS = "aqt"
ACCOUNT_NAMES = ("a", "account")
MASK_LENGTH = 150
"""Bytes."""
MOST_MINUTES = 525_600
"""A year."""
_MINUTES = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


class UnusableMask(SecurechatError):
    """What was typed is no mask; the text says why."""


class Mask(NamedTuple):
    """A mask's parts.

    minutes: how long it holds, 0: for good. mutes: it silences alone. account: the id of whom alone it matches.
    pattern: `nick!user@host`, where there is no account.
    """

    minutes: int = 0
    mutes: bool = False
    account: str = ""
    pattern: str = ""

    @property
    def key(self) -> str:
        """What two masks that say the same of the same people have in common, however long they hold."""
        return f"{'~q:' * self.mutes}{'~a:' + self.account if self.account else fold(self.pattern)}"

    def write(self, name_of: Callable[[str], str] = str) -> str:
        """Return the mask in one word; `name_of` names its account, by its id unless told otherwise."""
        who = f"~a:{name_of(self.account)}" if self.account else self.pattern
        return f"{f'~t:{self.minutes}:' if self.minutes else ''}{'~q:' * self.mutes}{who}"

    def matches(self, account: AccountState) -> bool:
        """Tell whether the mask means an account."""
        return account.id == self.account if self.account else mask_matches(self.pattern, account.name)


@lru_cache(maxsize=4096)
def parse_kept(text: str) -> Mask:
    """Return the mask that was kept as this text."""
    minutes, mutes = 0, False
    if text.startswith("~t:"):
        number, _, text = text[3:].partition(":")
        minutes = int(number)
    if text.startswith("~q:"):
        mutes, text = True, text[3:]
    if text.startswith("~a:"):
        return Mask(minutes, mutes, text[3:])
    return Mask(minutes, mutes, "", text)


def read_mask(text: str, directory: Directory, kind: str = "b") -> Mask:
    """Return the mask that somebody typed for a list (`b`, `e` or `I`).

    Raises: UnusableMask.
    """
    if len(text.encode()) > MASK_LENGTH or text[:1] in ("", ":") or any(letter.isspace() for letter in text):
        raise UnusableMask("Not a usable mask")
    minutes, rest = _take_minutes(text)
    mutes, rest = _take(rest, ("q", "quiet"))
    if mutes and kind != "b":
        raise UnusableMask("Only bans can be limited to silence")
    by_account, rest = _take(rest, ACCOUNT_NAMES)
    if by_account:
        person = directory.anyone_named(rest)
        if person is None:
            raise UnusableMask("There is no account of that name")
        return Mask(minutes, mutes, person.id)
    if rest.startswith("~") or not rest:
        raise UnusableMask("There are ~a:account, ~q:mask and ~t:minutes:mask")
    return Mask(minutes, mutes, "", complete_mask(rest))


def _take_minutes(text: str) -> tuple[int, str]:
    timed, rest = _take(text, ("t", "time"))
    if not timed:
        return 0, text
    number, _, rest = rest.partition(":")
    if not _MINUTES.fullmatch(number) or int(number) > MOST_MINUTES:
        raise UnusableMask(f"A time is a number of minutes from 1 to {MOST_MINUTES}")
    return int(number), rest


def _take(text: str, names: tuple[str, ...]) -> tuple[bool, str]:
    """Take one of the names of an extended ban off the beginning; tell whether it was there."""
    name, colon, rest = text.partition(":")
    is_there = bool(colon) and name.startswith("~") and name[1:] in names
    return is_there, rest if is_there else text


def show_mask(text: str, directory: Directory) -> str:
    """Return a kept mask as people see it: its account by name."""
    return parse_kept(text).write(directory.name_of) if text.startswith("~") else text


def is_banned(channel: ChannelState, account: AccountState) -> bool:
    """Tell whether an account may not join: a ban that does more than silence, and no exception, matches it."""
    return _any_matches(channel.bans, account, mutes=False) and not _any_matches(channel.exceptions, account)


def is_silenced(channel: ChannelState, account: AccountState) -> bool:
    """Tell whether an account, as a plain member, may not post: a ban of any kind, and no exception, matches it."""
    if not channel.bans:
        return False
    return _any_matches(channel.bans, account) and not _any_matches(channel.exceptions, account)


def needs_no_invitation(channel: ChannelState, account: AccountState) -> bool:
    """Tell whether an invite-only channel lets an account in without an invitation."""
    return _any_matches(channel.invitations, account)


def _any_matches(masks: dict[str, BanState], account: AccountState, *, mutes: bool = True) -> bool:
    return any(mask.matches(account) for mask in map(parse_kept, masks) if mutes or not mask.mutes)


@lru_cache(maxsize=16_384)
def mask_matches(mask: str, name: str) -> bool:
    """Match `nick!user@host` against an account: nick and user are its name, the host is constant.

    Remembered, for every message asks it of every mask of its channel.
    """
    return match_mask(mask, f"{name}!{name}@securechat")


def complete_mask(text: str) -> str:
    """Return a ban mask with its missing parts as wildcards (`bob` becomes `bob!*@*`). (Modern IRC, MODE)"""
    nick, bang, rest = text.partition("!")
    if not bang and "@" in text:
        nick, rest = "*", text
    user, _, host = rest.partition("@")
    return f"{nick or '*'}!{user or '*'}@{host or '*'}"


def follow_rename(channel: ChannelState, account: AccountState, new_name: str) -> Iterator[BanSet | BanLifted]:
    """Yield what keeps an account in the lists that its name put it into, once it is called something else.

    A list that is full loses the mask of the old name for that of the new.
    """
    renamed = msgspec.structs.replace(account, name=new_name)
    for kind, masks in _lists(channel):
        for ban in masks.values():
            mask = parse_kept(ban.mask)
            kept = mask._replace(pattern=complete_mask(new_name)).write()
            if mask.matches(renamed) or not mask.matches(account) or kept in masks:
                continue
            if len(masks) >= limits.BANS_PER_CHANNEL:
                yield BanLifted("", ban.mask, kind)
            yield BanSet("", kept, kind, ban.until)


def _lists(channel: ChannelState) -> tuple[tuple[str, dict[str, BanState]], ...]:
    return ("b", channel.bans), ("e", channel.exceptions), ("I", channel.invitations)


class Expiry(NamedTuple):
    """When (ms since 1970) a mask of a list is to be taken out."""

    until: int
    kind: str
    mask: str


def expiries(channel: ChannelState) -> list[Expiry]:
    """Return the masks of a channel that hold for a time only, the soonest to end first."""
    return sorted(
        Expiry(ban.until, kind, ban.mask) for kind, masks in _lists(channel) for ban in masks.values() if ban.until
    )


def lift_expired(world: World, channel_id: str) -> Append | None:
    """Take the masks out whose time is over; None when there are none, or the channel is gone."""
    channel = world.directory.channels.get(channel_id)
    if channel is None:
        return None
    stream, now = channel_stream(channel_id), world.clock()
    due = [Entry(stream, BanLifted("", each.mask, each.kind)) for each in expiries(channel) if each.until <= now]
    return Append(tuple(due), expects=((stream, channel.epoch),)) if due else None

"""MODE: roles q o v, flags i m n s t, key, limit, slow mode, and the lists b e I."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from securechat.chat import policy
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.channel import role_of
from securechat.chat.effects import Effect, Refusal, Send
from securechat.chat.event import Event
from securechat.chat.events import OWNER, PLAIN, ROLE_RANK, ModeSet, RoleSet
from securechat.chat.handlers.masks import LISTS, PendingMasks, list_lines
from securechat.chat.handlers.membership import append_to_channel
from securechat.chat.handlers.usermodes import user_mode
from securechat.chat.ports import ChannelState
from securechat.wire import numerics
from securechat.wire.message import Message

FLAGS = "imnst"
ROLES = "qov"
VARIABLE = "beIklWqov"
"""Modes of the types A, B and C: ISUPPORT's MODES counts them. (Modern IRC, MODES)"""
SLOWEST = 86_400
"""Seconds."""
_TAKES_ARGUMENT = {True: VARIABLE, False: "beIqov"}

_NUMBER = re.compile(r"0{0,20}[1-9][0-9]{0,5}", re.ASCII)


class Change(NamedTuple):
    """One letter of a MODE command: set or unset, and its argument where it takes one."""

    adds: bool
    letter: str
    argument: str = ""


def mode(ask: Ask) -> Iterable[Effect]:
    """Show or change modes of a channel, or show one's own. (Modern IRC, MODE)"""
    if not ask.param(0).startswith("#"):
        return user_mode(ask)
    channel = ask.channel(ask.param(0))
    changes = parse_changes(ask.param(1), ask.message.params[2:])
    if not changes:
        return [Send(_mode_lines(ask, channel))]
    asked_for = list(dict.fromkeys(each.letter for each in changes if each.letter in LISTS and not each.argument))
    lists = [Send(list_lines(ask, channel, letter)) for letter in asked_for]
    changes = [each for each in changes if each.letter not in LISTS or each.argument]
    return [*lists, *_change(ask, channel, changes)] if changes else lists


def parse_changes(letters: str, arguments: Iterable[str]) -> list[Change]:
    """Split `+ob-l` and its arguments into changes; a missing argument is "". (Modern IRC, MODE)"""
    changes, rest, adds = [], iter(arguments), True
    for letter in letters:
        if letter in "+-":
            adds = letter == "+"
        elif letter in _TAKES_ARGUMENT[adds]:
            changes.append(Change(adds, letter, next(rest, "")))
        else:
            if letter == "k":
                next(rest, "")
            changes.append(Change(adds, letter))
    return changes


def _mode_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    is_member = ask.account.id in channel.members
    letters, arguments = "+" + channel.modes, []
    if channel.key:
        letters += "k"
        arguments.append(channel.key if is_member else "*")
    if channel.limit:
        letters += "l"
        arguments.append(str(channel.limit))
    if channel.slow:
        letters += "W"
        arguments.append(str(channel.slow))
    yield ask.reply(numerics.RPL_CHANNELMODEIS, channel.name, letters, *arguments)
    yield ask.reply(numerics.RPL_CREATIONTIME, channel.name, str(channel.created // 1000))


def _change(ask: Ask, channel: ChannelState, changes: list[Change]) -> Iterable[Effect]:
    if ask.account.id not in channel.members:
        raise ask.refuse(numerics.ERR_NOTONCHANNEL, channel.name, "You're not on that channel")
    if not policy.may_set_modes(channel, ask.account.id):
        raise ask.refuse(numerics.ERR_CHANOPRIVSNEEDED, channel.name, "You're not a channel operator")
    events, complaints = _Judgement(ask, channel).judge(changes)
    effects: list[Effect] = [Send(complaints)] if complaints else []
    if events:
        effects.append(append_to_channel(ask, channel, *events))
    return effects


def require_turn(ask: Ask, channel: ChannelState) -> None:
    """Have who posts into a slow channel wait, unless it is an operator, an owner or has voice.

    Raises: Refusal (404), with the seconds to wait.
    """
    left = policy.milliseconds_to_wait(channel, ask.session.account, ask.world.clock())
    if left:
        text = f"Slow mode: one message every {channel.slow} s; wait {-(-left // 1000)} s"
        raise ask.refuse(numerics.ERR_CANNOTSENDTOCHAN, channel.name, text)


class _Judgement:
    """Turns changes into events: at most one ModeSet, and none for what is so already."""

    def __init__(self, ask: Ask, channel: ChannelState) -> None:
        self.ask = ask
        self.channel = channel
        self.flags: dict[str, bool] = {}
        self.key: str | None = None
        self.limit: int | None = None
        self.slow: int | None = None
        self.roles: dict[str, RoleSet] = {}
        self.masks = PendingMasks(ask, channel)
        self._variable = 0

    def judge(self, changes: list[Change]) -> tuple[list[Event], list[Message]]:
        """Return the events, and what is to be said of changes that cannot be made."""
        complaints: list[Message] = []
        for change in changes:
            try:
                self._judge_one(change)
            except Refusal as refusal:
                complaints.extend(refusal.replies)
        return [*self._mode_set(), *self.roles.values(), *self.masks.events()], complaints

    def _judge_one(self, change: Change) -> None:
        self._variable += change.letter in VARIABLE
        if self._variable > limits.MODES_PER_COMMAND and change.letter in VARIABLE:
            raise self._invalid(change, f"At most {limits.MODES_PER_COMMAND} modes with a parameter in one command")
        if change.letter in FLAGS:
            self.flags[change.letter] = change.adds
        elif change.letter in ROLES:
            self._judge_role(change)
        elif change.letter in LISTS:
            self.masks.judge(change.adds, change.letter, change.argument)
        elif change.letter == "k":
            self._judge_key(change)
        elif change.letter == "l":
            self.limit = self._number(change, 999_999, "A limit is a number from 1 to 999999")
        elif change.letter == "W":
            self.slow = self._number(change, SLOWEST, f"Slow mode is a number of seconds from 1 to {SLOWEST}")
        else:
            raise self.ask.refuse(numerics.ERR_UNKNOWNMODE, change.letter, "is unknown mode char to me")

    def _judge_role(self, change: Change) -> None:
        ask, channel = self.ask, self.channel
        if not change.argument:
            raise self._invalid(change, "A nick is needed")
        person = ask.someone(change.argument)
        earlier = self.roles.get(person.id)
        was = role_of(channel, person.id)
        if was is None:
            raise ask.refuse(numerics.ERR_USERNOTINCHANNEL, person.name, channel.name, "They aren't on that channel")
        held = earlier.role if earlier else was
        if change.adds:
            role = change.letter if ROLE_RANK[change.letter] > ROLE_RANK[held] else held
        else:
            role = PLAIN if held == change.letter else held
        if not policy.may_set_role(channel, ask.account.id, role, was):
            raise ask.refuse(numerics.ERR_CHANOPRIVSNEEDED, channel.name, "Your role is not high enough for that")
        if held == OWNER and role != OWNER and not self._another_owner(person.id):
            raise ask.refuse(
                numerics.ERR_CHANOPRIVSNEEDED, channel.name, "A channel needs an owner: name another first"
            )
        if role != was:
            self.roles[person.id] = RoleSet(person.id, role=role, was=was, by=ask.account.id)
        else:
            self.roles.pop(person.id, None)

    def _another_owner(self, account_id: str) -> bool:
        roles = {account: member.role for account, member in self.channel.members.items()}
        roles |= {account: event.role for account, event in self.roles.items()}
        return any(role == OWNER for account, role in roles.items() if account != account_id)

    def _judge_key(self, change: Change) -> None:
        if not change.adds:
            self.key = ""
            return
        key = change.argument
        if not key or len(key.encode()) > limits.KEY_LENGTH or set(key) & set(" ,:") or not key.isprintable():
            raise self._invalid(change, "Key is not well-formed")
        self.key = key

    def _number(self, change: Change, most: int, text: str) -> int:
        if not change.adds:
            return 0
        if not _NUMBER.fullmatch(change.argument) or int(change.argument) > most:
            raise self._invalid(change, text)
        return int(change.argument)

    def _mode_set(self) -> Iterator[ModeSet]:
        channel = self.channel
        on = "".join(flag for flag, value in self.flags.items() if value and flag not in channel.modes)
        off = "".join(flag for flag, value in self.flags.items() if not value and flag in channel.modes)
        key = None if self.key == channel.key else self.key
        limit = None if self.limit == channel.limit else self.limit
        slow = None if self.slow == channel.slow else self.slow
        if on or off or any(each is not None for each in (key, limit, slow)):
            yield ModeSet(self.ask.account.id, on, off, key, limit, slow)

    def _invalid(self, change: Change, text: str) -> Refusal:
        where = (self.channel.name, change.letter, change.argument)
        return self.ask.refuse(numerics.ERR_INVALIDMODEPARAM, *where, text)

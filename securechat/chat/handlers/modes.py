"""MODE: roles q o v, flags i m n s t, key, limit, bans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from securechat.chat import policy
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.channel import complete_mask, role_of
from securechat.chat.effects import Effect, Refusal, Send
from securechat.chat.events import OWNER, PLAIN, ROLE_RANK, BanLifted, BanSet, Event, ModeSet, RoleSet
from securechat.chat.handlers.membership import append_to_channel
from securechat.chat.ports import ChannelState
from securechat.wire import numerics
from securechat.wire.message import Message

FLAGS = "imnst"
USUAL_USER_MODES = "+-iw"
"""What clients set on themselves without being asked: it changes nothing here, and is no error."""
ROLES = "qov"
_TAKES_ARGUMENT = {True: "qovbkl", False: "qovb"}


_LIMIT = re.compile(r"0{0,20}[1-9][0-9]{0,5}", re.ASCII)


class Change(NamedTuple):
    """One letter of a MODE command: set or unset, and its argument where it takes one."""

    adds: bool
    letter: str
    argument: str = ""


def mode(ask: Ask) -> Iterable[Effect]:
    """Show or change modes of a channel, or show one's own. (Modern IRC, MODE)"""
    if not ask.param(0).startswith("#"):
        return _user_mode(ask)
    channel = ask.channel(ask.param(0))
    changes = parse_changes(ask.param(1), ask.message.params[2:])
    if not changes:
        return [Send(_mode_lines(ask, channel))]
    if all(change.letter == "b" and not change.argument for change in changes):
        return [Send(_ban_lines(ask, channel))]
    return _change(ask, channel, changes[: limits.MODES_PER_COMMAND])


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


def _user_mode(ask: Ask) -> Iterable[Effect]:
    person = ask.someone(ask.param(0))
    if person.id != ask.account.id:
        raise ask.refuse(numerics.ERR_USERSDONTMATCH, "Cannot show or change modes of other people")
    if ask.param(1).strip(USUAL_USER_MODES):
        raise ask.refuse(numerics.ERR_UMODEUNKNOWNFLAG, "There are no user modes here")
    return [Send([ask.reply(numerics.RPL_UMODEIS, "+")])]


def _mode_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    is_member = ask.account.id in channel.members
    letters, arguments = "+" + channel.modes, []
    if channel.key:
        letters += "k"
        arguments.append(channel.key if is_member else "*")
    if channel.limit:
        letters += "l"
        arguments.append(str(channel.limit))
    yield ask.reply(numerics.RPL_CHANNELMODEIS, channel.name, letters, *arguments)
    yield ask.reply(numerics.RPL_CREATIONTIME, channel.name, str(channel.created // 1000))


def _ban_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    if ask.account.id in channel.members:
        for ban in list(channel.bans.values()):
            setter = ask.world.directory.name_of(ban.by)
            yield ask.reply(numerics.RPL_BANLIST, channel.name, ban.mask, setter, str(ban.time // 1000))
    yield ask.reply(numerics.RPL_ENDOFBANLIST, channel.name, "End of channel ban list")


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


class _Judgement:
    """Turns changes into events: at most one ModeSet, and none for what is so already."""

    def __init__(self, ask: Ask, channel: ChannelState) -> None:
        self.ask = ask
        self.channel = channel
        self.flags: dict[str, bool] = {}
        self.key: str | None = None
        self.limit: int | None = None
        self.roles: dict[str, RoleSet] = {}
        self.bans: dict[str, BanSet | BanLifted] = {}

    def judge(self, changes: list[Change]) -> tuple[list[Event], list[Message]]:
        """Return the events, and what is to be said of changes that cannot be made."""
        complaints: list[Message] = []
        for change in changes:
            try:
                self._judge_one(change)
            except Refusal as refusal:
                complaints.extend(refusal.replies)
        return [*self._mode_set(), *self.roles.values(), *self.bans.values()], complaints

    def _judge_one(self, change: Change) -> None:
        if change.letter in FLAGS:
            self.flags[change.letter] = change.adds
        elif change.letter in ROLES:
            self._judge_role(change)
        elif change.letter == "b":
            self._judge_ban(change)
        elif change.letter == "k":
            self._judge_key(change)
        elif change.letter == "l":
            self._judge_limit(change)
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

    def _judge_ban(self, change: Change) -> None:
        if not change.argument:
            return
        ask, channel = self.ask, self.channel
        mask = complete_mask(change.argument)
        if len(mask.encode()) > 150 or mask[0] == ":" or any(letter.isspace() for letter in mask):
            raise self._invalid(change, "Not a usable mask")
        known = {ban.lower(): ban for ban in channel.bans}.get(mask.lower())
        if change.adds == (known is not None):
            self.bans.pop(mask.lower(), None)
        elif known is None:
            if len(channel.bans) + len(self.bans) >= limits.BANS_PER_CHANNEL:
                raise ask.refuse(numerics.ERR_BANLISTFULL, channel.name, mask, "Channel ban list is full")
            self.bans[mask.lower()] = BanSet(ask.account.id, mask)
        else:
            self.bans[mask.lower()] = BanLifted(ask.account.id, known)

    def _judge_key(self, change: Change) -> None:
        if not change.adds:
            self.key = ""
            return
        key = change.argument
        if not key or len(key.encode()) > limits.KEY_LENGTH or set(key) & set(" ,:") or not key.isprintable():
            raise self.ask.refuse(numerics.ERR_INVALIDKEY, self.channel.name, "Key is not well-formed")
        self.key = key

    def _judge_limit(self, change: Change) -> None:
        if not change.adds:
            self.limit = 0
        elif _LIMIT.fullmatch(change.argument):
            self.limit = int(change.argument)
        else:
            raise self._invalid(change, "A limit is a number from 1 to 999999")

    def _mode_set(self) -> Iterator[ModeSet]:
        channel = self.channel
        on = "".join(flag for flag, value in self.flags.items() if value and flag not in channel.modes)
        off = "".join(flag for flag, value in self.flags.items() if not value and flag in channel.modes)
        key = None if self.key == channel.key else self.key
        limit = None if self.limit == channel.limit else self.limit
        if on or off or key is not None or limit is not None:
            yield ModeSet(self.ask.account.id, on, off, key, limit)

    def _invalid(self, change: Change, text: str) -> Refusal:
        where = (self.channel.name, change.letter, change.argument)
        return self.ask.refuse(numerics.ERR_INVALIDMODEPARAM, *where, text)

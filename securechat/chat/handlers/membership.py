"""Channels and who is in them: JOIN, PART, KICK, INVITE, NAMES, TOPIC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from securechat.chat import policy
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.channel import consequences_of_going, count_owned, role_of, role_on_joining
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Effect, Entry, Refusal, Send
from securechat.chat.event import Event
from securechat.chat.events import (
    OWNER,
    PLAIN,
    Created,
    Invited,
    Joined,
    Kicked,
    Left,
    TopicSet,
)
from securechat.chat.ports import ChannelState
from securechat.chat.replies import names_lines, topic_lines
from securechat.chat.streams import StreamId, channel_stream
from securechat.wire import capabilities, numerics
from securechat.wire.message import Message
from securechat.wire.names import is_channel_name

_OBSTACLES = {
    numerics.ERR_BANNEDFROMCHAN: "Cannot join channel: you are banned",
    numerics.ERR_INVITEONLYCHAN: "Cannot join channel: it is invite-only",
    numerics.ERR_BADCHANNELKEY: "Cannot join channel: wrong key",
    numerics.ERR_CHANNELISFULL: "Cannot join channel: it is full",
}


def append_to_channel(ask: Ask, channel: ChannelState, *events: Event, answer: Iterable[Message] = ()) -> Append:
    """Return an append of events to a channel's stream, judged on the channel and the asker as they are now."""
    stream = channel_stream(channel.id)
    entries = tuple(Entry(stream, event) for event in events)
    return Append(entries, expects=(_epoch(channel), epoch_of(ask.account)), answer=tuple(answer))


def _epoch(channel: ChannelState) -> tuple[StreamId, int]:
    return channel_stream(channel.id), channel.epoch


def join(ask: Ask) -> Iterable[Effect]:
    """Become a member of a channel, which is made if there is none. (Modern IRC, JOIN)"""
    name, key = ask.param(0), ask.param(1)
    account = ask.account
    channel = ask.world.directory.channel_named(name)
    if channel is None:
        refuse_former_name(ask, name)
    if channel is not None and account.id in channel.members:
        return ()
    if len(ask.world.directory.channels_of(account.id)) >= limits.CHANNELS_PER_ACCOUNT:
        raise ask.refuse(numerics.ERR_TOOMANYCHANNELS, name, "You have joined too many channels")
    if channel is None:
        return [_create(ask, name)]
    obstacle = policy.obstacle_to_joining(channel, account, key)
    if obstacle is not None:
        raise _shut_out(ask, channel, name, obstacle)
    return [append_to_channel(ask, channel, Joined(account.id, role_on_joining(channel, account.id)))]


def refuse_former_name(ask: Ask, name: str) -> None:
    """Keep a name that a renamed channel was called by from being taken by another one. (IRCv3 channel-rename)

    Raises: Refusal: who may know of the channel is told its name; nobody is forwarded.
    """
    channel = ask.world.directory.channel_once_named(name)
    if channel is None:
        return
    if ask.world.visible_channel(channel.name, ask.session.account) is None:
        raise ask.refuse(numerics.ERR_NOSUCHCHANNEL, name, "No such channel", reason="a secret channel's former name")
    text = f"The channel has been renamed: it is {channel.name} now"
    if ask.session.has(capabilities.CHANNEL_RENAME):
        raise ask.refuse_by_fail("CHANNEL_RENAMED", name, channel.name, text)
    raise ask.refuse(numerics.ERR_LINKCHANNEL, name, channel.name, text)


def _create(ask: Ask, name: str) -> Append:
    if not is_channel_name(name):
        raise ask.refuse(numerics.ERR_NOSUCHCHANNEL, name or "*", "Invalid channel name")
    if not policy.may_create_channel(ask.world.config.chat, ask.account):
        raise ask.refuse(numerics.ERR_NOSUCHCHANNEL, name, "No such channel")
    if count_owned(ask.world.directory.channels.values(), ask.account.id) >= ask.world.config.limits.owned_channels:
        raise ask.refuse(numerics.ERR_TOOMANYCHANNELS, name, "You own too many channels to make another")
    stream = channel_stream(ask.world.new_id())
    account = ask.account
    events = (Created(name, account.id), Joined(account.id, OWNER))
    return Append(tuple(Entry(stream, event) for event in events), expects=(epoch_of(account),))


def _shut_out(ask: Ask, channel: ChannelState, name: str, obstacle: str) -> Refusal:
    # A secret channel does not exist for who may not come in, so the reply must not name the obstacle.
    if "s" in channel.modes:
        return ask.refuse(numerics.ERR_NOSUCHCHANNEL, name, "No such channel", reason=f"secret: {obstacle}")
    return ask.refuse(obstacle, channel.name, _OBSTACLES[obstacle])


def part(ask: Ask) -> Iterable[Effect]:
    """Leave a channel; the role is kept for the return. (Modern IRC, PART)"""
    channel = ask.member_channel(ask.param(0))
    reason = ask.fits(ask.param(1), limits.REASON_LENGTH)
    role = role_of(channel, ask.account.id) or ""
    left = Left(ask.account.id, reason, role)
    return [append_to_channel(ask, channel, left, *consequences_of_going(channel, ask.account.id))]


def kick(ask: Ask) -> Iterable[Effect]:
    """Remove a member, who loses its role. (Modern IRC, KICK)"""
    channel = ask.member_channel(ask.param(0))
    victim = ask.someone(ask.param(1))
    reason = ask.fits(ask.param(2), limits.REASON_LENGTH)
    if victim.id not in channel.members:
        raise ask.refuse(numerics.ERR_USERNOTINCHANNEL, victim.name, channel.name, "They aren't on that channel")
    if not policy.may_kick(channel, ask.account.id, victim.id):
        raise ask.refuse(numerics.ERR_CHANOPRIVSNEEDED, channel.name, "You're not a channel operator")
    kicked = Kicked(victim.id, ask.account.id, reason, role_of(channel, victim.id) or PLAIN)
    return [append_to_channel(ask, channel, kicked, *consequences_of_going(channel, victim.id))]


def invite(ask: Ask) -> Iterable[Effect]:
    """Let somebody join an invite-only channel, and tell them; alone: show one's own invitations. (Modern IRC, INVITE)"""
    if not ask.message.params:
        return [Send(_invitation_lines(ask))]
    if len(ask.message.params) < 2:
        raise ask.refuse(numerics.ERR_NEEDMOREPARAMS, "INVITE", "Not enough parameters")
    invitee = ask.someone(ask.param(0))
    channel = ask.member_channel(ask.param(1))
    if invitee.id in channel.members:
        raise ask.refuse(numerics.ERR_USERONCHANNEL, invitee.name, channel.name, "is already on channel")
    if not policy.may_invite(channel, ask.account.id):
        raise ask.refuse(numerics.ERR_CHANOPRIVSNEEDED, channel.name, "You're not a channel operator")
    if len(channel.invited) >= limits.INVITED_PER_CHANNEL and invitee.id not in channel.invited:
        text = "Too many are invited who have not come yet"
        raise ask.refuse_by_fail("TOO_MANY_INVITED", channel.name, str(limits.INVITED_PER_CHANNEL), text)
    inviting = ask.reply(numerics.RPL_INVITING, invitee.name, channel.name)
    away = ask.world.presence.away(invitee.id)
    answer = [inviting] if away is None else [inviting, ask.reply(numerics.RPL_AWAY, invitee.name, away)]
    return [append_to_channel(ask, channel, Invited(invitee.id, ask.account.id), answer=answer)]


def _invitation_lines(ask: Ask) -> Iterator[Message]:
    for channel in list(ask.world.directory.channels.values()):
        if ask.session.account in channel.invited:
            yield ask.reply(numerics.RPL_INVITELIST, channel.name)
    yield ask.reply(numerics.RPL_ENDOFINVITELIST, "End of /INVITE list")


def names(ask: Ask) -> Iterable[Effect]:
    """List a channel's members; an outsider sees those of open channels only. (Modern IRC, NAMES)"""
    name = ask.param(0)
    channel = ask.world.visible_channel(name, ask.session.account)
    if channel is None or not policy.may_look_into(channel, ask.session.account):
        return [Send([ask.reply(numerics.RPL_ENDOFNAMES, name or "*", "End of /NAMES list")])]
    return [Send(names_lines(ask, channel))]


def topic(ask: Ask) -> Iterable[Effect]:
    """Show or set a channel's topic. (Modern IRC, TOPIC)"""
    if len(ask.message.params) < 2:
        return _show_topic(ask)
    channel = ask.member_channel(ask.param(0))
    text = ask.fits(ask.param(1), limits.TOPIC_LENGTH)
    if not policy.may_set_topic(channel, ask.account.id):
        raise ask.refuse(numerics.ERR_CHANOPRIVSNEEDED, channel.name, "You're not a channel operator")
    return [append_to_channel(ask, channel, TopicSet(ask.account.id, text))]


def _show_topic(ask: Ask) -> Iterable[Effect]:
    channel = ask.channel(ask.param(0))
    if not policy.may_look_into(channel, ask.session.account):
        raise ask.refuse(numerics.ERR_NOTONCHANNEL, channel.name, "You're not on that channel")
    if not channel.topic:
        return [Send([ask.reply(numerics.RPL_NOTOPIC, channel.name, "No topic is set")])]
    return [Send(topic_lines(ask, channel))]

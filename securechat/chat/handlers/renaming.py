"""RENAME: a channel gets another name, and keeps everything else. (IRCv3 channel-rename)"""

from __future__ import annotations

from collections.abc import Iterable

from securechat.chat import policy
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, Refusal
from securechat.chat.events import ChannelRenamed
from securechat.chat.handlers.membership import append_to_channel
from securechat.chat.ports import ChannelState
from securechat.wire import numerics
from securechat.wire.names import fold, is_channel_name

PAUSE_SECONDS = 60
"""Between two names: each is told to some as leaving and coming back, with all the names of who is there."""


def rename(ask: Ask) -> Iterable[Effect]:
    """Give a channel another name; history, members, roles, modes and lists stay, and nobody else gets the old one."""
    channel, name = ask.member_channel(ask.param(0)), ask.param(1)
    reason = ask.fits(ask.param(2), limits.REASON_LENGTH)
    if not policy.may_rename_channel(channel, ask.account.id):
        raise ask.refuse(numerics.ERR_CHANOPRIVSNEEDED, channel.name, "You're not a channel operator")
    _require_free(ask, channel, name)
    if fold(name) != fold(channel.name) and ask.world.clock() < channel.renamed + PAUSE_SECONDS * 1000:
        raise _refuse(ask, channel, name, "CANNOT_RENAME", "This channel has been renamed recently")
    return [append_to_channel(ask, channel, ChannelRenamed(name, channel.name, ask.account.id, reason))]


def _require_free(ask: Ask, channel: ChannelState, name: str) -> None:
    if not is_channel_name(name):
        raise _refuse(ask, channel, name, "CANNOT_RENAME", "That is no name for a channel")
    if name == channel.name:
        raise _refuse(ask, channel, name, "CANNOT_RENAME", "The channel is called that already")
    other = ask.world.directory.channel_claiming(name)
    if other is None or other is channel:
        return
    # Of a channel that does not exist for the asker this says no more than JOIN would.
    if ask.world.visible_channel(other.name, ask.session.account) is None:
        raise _refuse(ask, channel, name, "CANNOT_RENAME", "The channel cannot be called that")
    raise _refuse(ask, channel, name, "CHANNEL_NAME_IN_USE", "The channel name is already taken")


def _refuse(ask: Ask, channel: ChannelState, name: str, code: str, text: str) -> Refusal:
    return ask.refuse_by_fail(code, channel.name, name, text)

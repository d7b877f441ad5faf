"""Looking around: WHO, WHOIS, MOTD, LUSERS, VERSION, ISUPPORT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from securechat.chat import policy
from securechat.chat.ask import Ask
from securechat.chat.channel import PREFIX_OF_ROLE, role_of
from securechat.chat.effects import Effect, Send
from securechat.chat.ports import AccountState, ChannelState
from securechat.chat.replies import LINE_BUDGET, count_lines, isupport_lines, motd_lines
from securechat.chat.roster import fill_lines
from securechat.wire import numerics
from securechat.wire.mask import match_mask
from securechat.wire.message import Message

WHO_LIMIT = 500
"""People one WHO with a mask shows."""


def who(ask: Ask) -> Iterable[Effect]:
    """Show a channel's members, one person, or the acquaintances whose nick a mask matches. (Modern IRC, WHO)"""
    return [Send(_who_lines(ask, ask.param(0)))]


def _who_lines(ask: Ask, mask: str) -> Iterator[Message]:
    if mask.startswith("#"):
        yield from _channel_lines(ask, mask)
    elif (person := ask.world.directory.account_named(mask)) is not None:
        yield _who_reply(ask, person, None)
    elif "*" in mask or "?" in mask:
        yield from _mask_lines(ask, mask)
    yield ask.reply(numerics.RPL_ENDOFWHO, mask or "*", "End of WHO list")


def _channel_lines(ask: Ask, name: str) -> Iterator[Message]:
    channel = ask.world.visible_channel(name, ask.session.account)
    if channel is None:
        return
    if ask.session.account not in channel.members and not policy.is_open(channel.modes, channel.key):
        return
    for account_id in list(channel.members):
        if account_id in channel.members:
            yield _who_reply(ask, ask.world.account(account_id), channel)


def _mask_lines(ask: Ask, mask: str) -> Iterator[Message]:
    found = 0
    for account_id in [ask.account.id, *ask.world.directory.acquaintances(ask.account.id)]:
        person = ask.world.account(account_id)
        if match_mask(mask, person.name):
            found += 1
            yield _who_reply(ask, person, None)
        if found >= WHO_LIMIT:
            return


def _who_reply(ask: Ask, person: AccountState, channel: ChannelState | None) -> Message:
    flags = "H" if ask.world.presence.away(person.id) is None else "G"
    where = "*"
    if channel is not None:
        where = channel.name
        flags += PREFIX_OF_ROLE[role_of(channel, person.id) or ""]
    name = person.name
    return ask.reply(numerics.RPL_WHOREPLY, where, name, "securechat", ask.world.server_name, name, flags, f"0 {name}")


def whois(ask: Ask) -> Iterable[Effect]:
    """Show what is known of somebody. (Modern IRC, WHOIS)"""
    if not ask.param(0):
        raise ask.refuse(numerics.ERR_NONICKNAMEGIVEN, "No nickname given")
    nick = ask.message.params[-1]
    person = ask.world.directory.account_named(nick)
    if person is None:
        return [
            Send(
                [
                    ask.reply(numerics.ERR_NOSUCHNICK, nick or "*", "No such nick"),
                    ask.reply(numerics.RPL_ENDOFWHOIS, nick or "*", "End of /WHOIS list"),
                ]
            )
        ]
    return [Send(_whois_lines(ask, person))]


def _whois_lines(ask: Ask, person: AccountState) -> Iterator[Message]:
    world, name = ask.world, person.name
    yield ask.reply(numerics.RPL_WHOISUSER, name, name, "securechat", "*", name)
    words = [
        PREFIX_OF_ROLE[channel.members[person.id].role] + channel.name
        for channel in world.directory.channels_of(person.id)
        if ask.session.account in channel.members or policy.is_open(channel.modes, channel.key)
    ]
    for line in fill_lines(words, LINE_BUDGET):
        yield ask.reply(numerics.RPL_WHOISCHANNELS, name, line)
    yield ask.reply(numerics.RPL_WHOISSERVER, name, world.server_name, world.config.chat.network)
    away = world.presence.away(person.id)
    if away is not None:
        yield ask.reply(numerics.RPL_AWAY, name, away)
    if person.role == "admin":
        yield ask.reply(numerics.RPL_WHOISOPERATOR, name, "is an administrator")
    yield ask.reply(numerics.RPL_WHOISACCOUNT, name, name, "is logged in as")
    # Everybody's connection is; saying it only of who has one would tell who has just gone.
    yield ask.reply(numerics.RPL_WHOISSECURE, name, "is using a secure connection")
    yield ask.reply(numerics.RPL_ENDOFWHOIS, name, "End of /WHOIS list")


def motd(ask: Ask) -> Iterable[Effect]:
    """Show the message of the day."""
    return [Send(motd_lines(ask))]


def lusers(ask: Ask) -> Iterable[Effect]:
    """Show how many are here."""
    return [Send(count_lines(ask))]


def isupport(ask: Ask) -> Iterable[Effect]:
    """Show the server's limits and features again."""
    return [Send(isupport_lines(ask))]


def version(ask: Ask) -> Iterable[Effect]:
    """Show what runs here. (Modern IRC, VERSION)"""
    world = ask.world
    line = ask.reply(numerics.RPL_VERSION, f"securechat-{world.version}", world.server_name, "IRCv3 over TLS")
    return [Send([line, *isupport_lines(ask)])]

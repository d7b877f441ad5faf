"""Answers that several commands give: what a channel looks like, who is in it, and the welcome."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.ports import ChannelState
from securechat.chat.roster import draw_names
from securechat.wire import numerics
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message
from securechat.wire.names import CHANNEL_LENGTH, NICK_LENGTH

LINE_BUDGET = 300
"""Bytes of a list in one line: leaves room for the longest server, nick and channel names within 512."""
TOKENS_PER_LINE = 12
MOTD_WIDTH = 80
"""Characters, of up to four bytes each, of the message of the day in one line."""


def topic_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    """Yield a channel's topic, its setter and time; nothing when there is none."""
    if channel.topic:
        setter = ask.world.directory.name_of(channel.topic_by)
        yield ask.reply(numerics.RPL_TOPIC, channel.name, channel.topic)
        yield ask.reply(numerics.RPL_TOPICWHOTIME, channel.name, setter, str(channel.topic_time // 1000))


def names_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    """Yield who is in a channel, as many names in a line as it holds for whoever asks."""
    kind = "@" if "s" in channel.modes else "="
    head = f":{ask.world.server_name} {numerics.RPL_NAMREPLY} {'n' * NICK_LENGTH} {kind} {channel.name} :"
    for names in draw_names(ask.world.directory, channel, MAX_REST - len(f"{head}\r\n".encode())):
        yield ask.reply(numerics.RPL_NAMREPLY, kind, channel.name, names)
    yield ask.reply(numerics.RPL_ENDOFNAMES, channel.name, "End of /NAMES list")


def entry_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    """Yield what a client is told after the JOIN of a channel it came into."""
    yield from topic_lines(ask, channel)
    yield from names_lines(ask, channel)


def welcome_lines(ask: Ask) -> Iterator[Message]:
    """Yield 001 to 005, the counts and the message of the day. (Modern IRC, Connection Registration)"""
    world = ask.world
    network = world.config.chat.network
    yield ask.reply(numerics.RPL_WELCOME, f"Welcome to {network}, {ask.nick}")
    yield ask.reply(numerics.RPL_YOURHOST, f"Your host is {world.server_name}, running securechat {world.version}")
    yield ask.reply(numerics.RPL_CREATED, f"This server was started {world.created}")
    yield ask.reply(numerics.RPL_MYINFO, world.server_name, f"securechat-{world.version}", "", "biklmnoqstv", "bkloqv")
    yield from isupport_lines(ask)
    yield from count_lines(ask)
    yield from motd_lines(ask)


def isupport_tokens(network: str) -> list[str]:
    """Return the ISUPPORT tokens; every limit in them is the one enforced."""
    return [
        "AWAYLEN=" + str(limits.REASON_LENGTH),
        "CASEMAPPING=ascii",
        f"CHANLIMIT=#:{limits.CHANNELS_PER_ACCOUNT}",
        "CHANMODES=b,k,l,imnst",
        f"CHANNELLEN={CHANNEL_LENGTH}",
        "CHANTYPES=#",
        f"CHATHISTORY={limits.HISTORY_PAGE}",
        "draft/ACCOUNTREQUIRED",
        f"KEYLEN={limits.KEY_LENGTH}",
        f"KICKLEN={limits.REASON_LENGTH}",
        f"MAXLIST=b:{limits.BANS_PER_CHANNEL}",
        f"MODES={limits.MODES_PER_COMMAND}",
        "MSGREFTYPES=msgid,timestamp",
        f"NETWORK={network}",
        f"NICKLEN={NICK_LENGTH}",
        "PREFIX=(qov)~@+",
        "STATUSMSG=",
        f"TARGMAX=JOIN:,KICK:1,NAMES:1,NOTICE:{limits.TARGETS_PER_COMMAND}"
        f",PART:{limits.TARGETS_PER_COMMAND},PRIVMSG:{limits.TARGETS_PER_COMMAND},TAGMSG:{limits.TARGETS_PER_COMMAND},WHOIS:1",
        f"TOPICLEN={limits.TOPIC_LENGTH}",
        f"USERLEN={NICK_LENGTH}",
        "UTF8ONLY",
    ]


def isupport_lines(ask: Ask) -> Iterator[Message]:
    """Yield the 005 lines."""
    tokens = isupport_tokens(ask.world.config.chat.network)
    for start in range(0, len(tokens), TOKENS_PER_LINE):
        words = tokens[start : start + TOKENS_PER_LINE]
        yield ask.reply(numerics.RPL_ISUPPORT, *words, "are supported by this server")


def count_lines(ask: Ask) -> Iterator[Message]:
    """Yield the LUSERS counts."""
    here = len(ask.world.presence)
    visible = sum(1 for channel in ask.world.directory.channels.values() if "s" not in channel.modes)
    yield ask.reply(numerics.RPL_LUSERCLIENT, f"There are {here} users and 0 invisible on 1 servers")
    yield ask.reply(numerics.RPL_LUSEROP, "0", "operator(s) online")
    yield ask.reply(numerics.RPL_LUSERCHANNELS, str(visible), "channels formed")
    yield ask.reply(numerics.RPL_LUSERME, f"I have {here} clients and 0 servers")
    accounts = ask.world.directory.population
    yield ask.reply(numerics.RPL_LOCALUSERS, str(here), str(accounts), f"Current users {here}, accounts {accounts}")
    yield ask.reply(numerics.RPL_GLOBALUSERS, str(here), str(accounts), f"Current users {here}, accounts {accounts}")


def motd_lines(ask: Ask) -> Iterator[Message]:
    """Yield the message of the day, or 422."""
    text = ask.world.config.chat.motd
    if not text:
        yield ask.reply(numerics.ERR_NOMOTD, "There is no message of the day")
        return
    yield ask.reply(numerics.RPL_MOTDSTART, f"- {ask.world.server_name} Message of the day -")
    for line in text.splitlines():
        for part in textwrap.wrap(line, MOTD_WIDTH, drop_whitespace=False) or [""]:
            yield ask.reply(numerics.RPL_MOTD, f"- {part}")
    yield ask.reply(numerics.RPL_ENDOFMOTD, "End of /MOTD command")

"""Answers that several commands give: what a channel looks like, who is in it, and the welcome."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from securechat.chat import profile
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.bans import ACCOUNT_NAMES, EXTBANS
from securechat.chat.marks import mark_line
from securechat.chat.ports import ChannelState
from securechat.chat.roster import draw_names
from securechat.chat.streams import channel_stream
from securechat.wire import numerics
from securechat.wire.batch import close_batch, open_batch
from securechat.wire.capabilities import BATCH, EXTENDED_ISUPPORT, NO_IMPLICIT_NAMES, READ_MARKER, USERHOST_IN_NAMES
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message
from securechat.wire.names import CHANNEL_LENGTH, NICK_LENGTH

LINE_BUDGET = 300
"""Bytes of a list in one line: leaves room for the longest server, nick and channel names within 512."""
TOKENS_PER_LINE = 12
BOT_MODE = "B"
"""The user mode and WHO flag of bots. (IRCv3 bot-mode)"""
USER_MODES = "Biw"
"""What MODE takes for oneself; i and w change nothing here."""
ISUPPORT_BATCH = "isupport"
"""Names the one such batch that a connection may have open: answers are drawn one after the other."""
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
    full = ask.session.has(USERHOST_IN_NAMES)
    for names in draw_names(ask.world.directory, channel, MAX_REST - len(f"{head}\r\n".encode()), full=full):
        yield ask.reply(numerics.RPL_NAMREPLY, kind, channel.name, names)
    yield ask.reply(numerics.RPL_ENDOFNAMES, channel.name, "End of /NAMES list")


def entry_lines(ask: Ask, channel: ChannelState) -> Iterator[Message]:
    """Yield what a client is told after the JOIN of a channel it came into. (IRCv3 no-implicit-names)"""
    if ask.session.has(READ_MARKER):
        account, stream = ask.session.account, channel_stream(channel.id)
        yield mark_line(ask.world, account, stream, ask.world.marks.get(account, stream))
    yield from topic_lines(ask, channel)
    if not ask.session.has(NO_IMPLICIT_NAMES):
        yield from names_lines(ask, channel)
    yield from profile.entry_lines(ask, channel)


def welcome_lines(ask: Ask) -> Iterator[Message]:
    """Yield 001 to 005, the counts and the message of the day. (Modern IRC, Connection Registration)"""
    world = ask.world
    network = world.config.chat.network
    yield ask.reply(numerics.RPL_WELCOME, f"Welcome to {network}, {ask.nick}")
    yield ask.reply(numerics.RPL_YOURHOST, f"Your host is {world.server_name}, running securechat {world.version}")
    yield ask.reply(numerics.RPL_CREATED, f"This server was started {world.created}")
    yield ask.reply(
        numerics.RPL_MYINFO, world.server_name, f"securechat-{world.version}", USER_MODES, "IWbeiklmnoqstv", "IWbekloqv"
    )
    yield from isupport_lines(ask)
    yield from count_lines(ask)
    if world.is_bot(ask.account):
        yield ask.reply(numerics.RPL_UMODEIS, f"+{BOT_MODE}")
    yield from profile.own_lines(ask)
    yield from motd_lines(ask)


def isupport_tokens(network: str) -> list[str]:
    """Return the ISUPPORT tokens; every limit in them is the one enforced."""
    return [
        f"ACCOUNTEXTBAN={','.join(ACCOUNT_NAMES)}",
        "AWAYLEN=" + str(limits.REASON_LENGTH),
        f"BOT={BOT_MODE}",
        "CASEMAPPING=ascii",
        f"CHANLIMIT=#:{limits.CHANNELS_PER_ACCOUNT}",
        "CHANMODES=beI,k,lW,imnst",
        f"CHANNELLEN={CHANNEL_LENGTH}",
        "CHANTYPES=#",
        f"CHATHISTORY={limits.HISTORY_PAGE}",
        "draft/ACCOUNTREQUIRED",
        "ELIST=CMNTU",
        "EXCEPTS=e",
        f"EXTBAN=~,{EXTBANS}",
        "INVEX=I",
        f"KEYLEN={limits.KEY_LENGTH}",
        f"KICKLEN={limits.REASON_LENGTH}",
        f"MAXLIST=b:{limits.BANS_PER_CHANNEL},e:{limits.BANS_PER_CHANNEL},I:{limits.BANS_PER_CHANNEL}",
        f"MODES={limits.MODES_PER_COMMAND}",
        f"MONITOR={limits.MONITORED_PER_SESSION}",
        "MSGREFTYPES=msgid,timestamp",
        f"NAMELEN={profile.NAME_LENGTH}",
        f"NETWORK={network}",
        f"NICKLEN={NICK_LENGTH}",
        "PREFIX=(qov)~@+",
        "SAFELIST",
        "SAFERATE",
        "STATUSMSG=",
        f"TARGMAX=JOIN:,KICK:{limits.TARGETS_PER_COMMAND},LIST:,NAMES:{limits.TARGETS_PER_COMMAND}"
        f",NOTICE:{limits.TARGETS_PER_COMMAND}"
        f",PART:{limits.TARGETS_PER_COMMAND},PRIVMSG:{limits.TARGETS_PER_COMMAND},TAGMSG:{limits.TARGETS_PER_COMMAND},WHOIS:1",
        f"TOPICLEN={limits.TOPIC_LENGTH}",
        f"USERLEN={NICK_LENGTH}",
        "UTF8ONLY",
        "WHOX",
    ]


def isupport_lines(ask: Ask) -> Iterator[Message]:
    """Yield the 005 lines, in a batch for clients that negotiated one. (IRCv3 extended-isupport)"""
    if not (ask.session.has(EXTENDED_ISUPPORT) and ask.session.has(BATCH)):
        yield from _isupport_lines(ask)
        return
    source = ask.world.server_name
    yield open_batch(ISUPPORT_BATCH, "draft/isupport", source=source)
    for line in _isupport_lines(ask):
        line.tags["batch"] = ISUPPORT_BATCH
        yield line
    yield close_batch(ISUPPORT_BATCH, source)


def _isupport_lines(ask: Ask) -> Iterator[Message]:
    tokens = isupport_tokens(ask.world.config.chat.network)
    for start in range(0, len(tokens), TOKENS_PER_LINE):
        words = tokens[start : start + TOKENS_PER_LINE]
        yield ask.reply(numerics.RPL_ISUPPORT, *words, "are supported by this server")


def count_lines(ask: Ask) -> Iterator[Message]:
    """Yield the LUSERS counts."""
    presence = ask.world.presence
    here, most = len(presence), presence.most
    admins = sum(map(presence.is_connected, ask.world.directory.admins))
    visible = sum(1 for channel in ask.world.directory.channels.values() if "s" not in channel.modes)
    yield ask.reply(numerics.RPL_LUSERCLIENT, f"There are {here} users and 0 invisible on 1 servers")
    # Only where there are any. (RFC 2812, 5.1)
    if admins:
        yield ask.reply(numerics.RPL_LUSEROP, str(admins), "operator(s) online")
    if visible:
        yield ask.reply(numerics.RPL_LUSERCHANNELS, str(visible), "channels formed")
    yield ask.reply(numerics.RPL_LUSERME, f"I have {here} clients and 0 servers")
    yield ask.reply(numerics.RPL_LOCALUSERS, str(here), str(most), f"Current local users {here}, max {most}")
    yield ask.reply(numerics.RPL_GLOBALUSERS, str(here), str(most), f"Current global users {here}, max {most}")


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

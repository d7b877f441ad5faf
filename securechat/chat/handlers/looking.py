"""Asking about people: WHO with WHOX, WHOIS, WHOWAS, ISON, USERHOST. Nothing here tells where anybody is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from securechat.chat import policy
from securechat.chat.ask import Ask
from securechat.chat.channel import PREFIX_OF_ROLE, role_of
from securechat.chat.effects import Effect, Send
from securechat.chat.handlers.serving import require_this_server
from securechat.chat.ports import AccountState, ChannelState
from securechat.chat.replies import BOT_MODE, LINE_BUDGET
from securechat.chat.roster import fill_lines
from securechat.wire import numerics
from securechat.wire.mask import compile_mask
from securechat.wire.message import Message
from securechat.wire.names import fold

WHO_LIMIT = 500
"""People one WHO with a mask shows."""
HOST = "securechat"
NICKS_PER_USERHOST = 5
"""(Modern IRC, USERHOST)"""
_Word = Callable[[AccountState, ChannelState | None], Message]


def who(ask: Ask) -> Iterable[Effect]:
    """Show a channel's members, one person, or the acquaintances whose nick a mask matches. (Modern IRC, WHO; WHOX)"""
    flags, percent, request = ask.param(1).partition("%")
    word = _who_reply(ask)
    if percent:
        fields, _, token = request.partition(",")
        word = _whox_reply(ask, fields, token)
    return [Send(_who_lines(ask, ask.param(0), word, admins_only="o" in flags))]


def _who_lines(ask: Ask, mask: str, word: _Word, *, admins_only: bool) -> Iterator[Message]:
    channel: ChannelState | None = None
    if mask.startswith("#"):
        channel = _channel_shown(ask, mask)
        people = _members(ask, channel)
    elif (person := ask.world.directory.account_named(mask)) is not None:
        people = iter([person])
    else:
        people = _matching(ask, mask)
    for each in people:
        if not admins_only or each.role == "admin":
            yield word(each, channel)
    yield ask.reply(numerics.RPL_ENDOFWHO, mask or "*", "End of WHO list")


def _channel_shown(ask: Ask, name: str) -> ChannelState | None:
    channel = ask.world.visible_channel(name, ask.session.account)
    return channel if channel is not None and policy.may_look_into(channel, ask.session.account) else None


def _members(ask: Ask, channel: ChannelState | None) -> Iterator[AccountState]:
    # Drawn slowly it leaves out who has gone meanwhile.
    for account_id in [] if channel is None else list(channel.members):
        if channel is not None and account_id in channel.members:
            yield ask.world.account(account_id)


def _matching(ask: Ask, mask: str) -> Iterator[AccountState]:
    pattern = compile_mask(mask) if "*" in mask or "?" in mask else None
    if pattern is None:
        return
    found = 0
    for account_id in [ask.account.id, *ask.world.directory.acquaintances(ask.account.id)]:
        person = ask.world.account(account_id)
        if pattern.fullmatch(fold(person.name)) is not None:
            found += 1
            yield person
        if found >= WHO_LIMIT:
            return


def _who_reply(ask: Ask) -> _Word:
    def word(person: AccountState, channel: ChannelState | None) -> Message:
        where = "*" if channel is None else channel.name
        name, server, flags = person.name, ask.world.server_name, _flags(ask, person, channel)
        real_name = ask.world.real_name(person, ask.session.account)
        return ask.reply(numerics.RPL_WHOREPLY, where, name, HOST, server, name, flags, f"0 {real_name}")

    return word


def _flags(ask: Ask, person: AccountState, channel: ChannelState | None) -> str:
    """Return here or gone, administrator, role in the channel, bot. (Modern IRC, RPL_WHOREPLY; IRCv3 bot-mode)"""
    flags = "H" if ask.world.presence.away(person.id) is None else "G"
    flags += "*" if person.role == "admin" else ""
    if channel is not None:
        flags += PREFIX_OF_ROLE[role_of(channel, person.id) or ""]
    return flags + (BOT_MODE if ask.world.is_bot(person) else "")


_FIELDS = "tcuihsnfdlaor"
"""In the order in which they are answered: WHOX's own, and hops (d) and operator level (o), for which clients ask."""


def _whox_reply(ask: Ask, fields: str, token: str) -> _Word:
    wanted = [letter for letter in _FIELDS if letter in fields]
    given = token if token.isascii() and token.isdigit() and len(token) <= 3 else "0"

    def word(person: AccountState, channel: ChannelState | None) -> Message:
        facts = {
            "t": given,
            "c": "*" if channel is None else channel.name,
            "u": person.name,
            "i": "255.255.255.255",
            "h": HOST,
            "s": ask.world.server_name,
            "n": person.name,
            "f": _flags(ask, person, channel),
            "d": "0",
            "l": str(_idle_seconds(ask, person)),
            "a": person.name,
            "o": "n/a",
            "r": ask.world.real_name(person, ask.session.account),
        }
        return ask.reply(numerics.RPL_WHOSPCRPL, *(facts[letter] for letter in wanted))

    return word


def _idle_seconds(ask: Ask, person: AccountState) -> int:
    now = ask.world.clock()
    idleness = ask.world.attendance.idleness(person.id, now)
    return 0 if idleness is None else max(0, now - idleness.spoke) // 1000


def whois(ask: Ask) -> Iterable[Effect]:
    """Show what is known of somebody. (Modern IRC, WHOIS)"""
    nick = ask.message.params[-1] if ask.message.params else ""
    if not nick:
        raise ask.refuse(numerics.ERR_NONICKNAMEGIVEN, "No nickname given")
    person = ask.world.directory.account_named(nick)
    if person is None:
        absent = ask.reply(numerics.ERR_NOSUCHNICK, nick, "No such nick")
        return [Send([absent, ask.reply(numerics.RPL_ENDOFWHOIS, nick, "End of /WHOIS list")])]
    if len(ask.message.params) > 1:
        require_this_server(ask, ask.param(0))
    return [Send(_whois_lines(ask, person, nick))]


def _whois_lines(ask: Ask, person: AccountState, asked_for: str) -> Iterator[Message]:
    world, name = ask.world, person.name
    yield ask.reply(numerics.RPL_WHOISUSER, name, name, HOST, "*", world.real_name(person, ask.session.account))
    words = [
        PREFIX_OF_ROLE[channel.members[person.id].role] + channel.name
        for channel in world.directory.channels_of(person.id)
        if policy.may_look_into(channel, ask.session.account)
    ]
    for line in fill_lines(words, LINE_BUDGET):
        yield ask.reply(numerics.RPL_WHOISCHANNELS, name, line)
    yield ask.reply(numerics.RPL_WHOISSERVER, name, world.server_name, world.config.chat.network)
    away = world.presence.away(person.id)
    if away is not None:
        yield ask.reply(numerics.RPL_AWAY, name, away)
    if person.role == "admin":
        yield ask.reply(numerics.RPL_WHOISOPERATOR, name, "is an administrator")
    if world.is_bot(person):
        yield ask.reply(numerics.RPL_WHOISBOT, name, f"is a bot on {world.config.chat.network}")
    now = world.clock()
    idleness = world.attendance.idleness(person.id, now)
    if idleness is not None:
        idle, since = str(max(0, now - idleness.spoke) // 1000), str(idleness.since // 1000)
        yield ask.reply(numerics.RPL_WHOISIDLE, name, idle, since, "seconds idle, signon time")
    yield ask.reply(numerics.RPL_WHOISACCOUNT, name, name, "is logged in as")
    # Everybody's connection is; saying it only of who has one would tell who has just gone.
    yield ask.reply(numerics.RPL_WHOISSECURE, name, "is using a secure connection")
    # "exactly the <nick> parameter sent by the client". (Modern IRC, RPL_ENDOFWHOIS)
    yield ask.reply(numerics.RPL_ENDOFWHOIS, asked_for, "End of /WHOIS list")


def whowas(ask: Ask) -> Iterable[Effect]:
    """Show whose name this is or once was; no times, which would tell when somebody went. (Modern IRC, WHOWAS)"""
    nick = ask.param(0)
    if not nick:
        raise ask.refuse(numerics.ERR_NONICKNAMEGIVEN, "No nickname given")
    end = ask.reply(numerics.RPL_ENDOFWHOWAS, nick, "End of WHOWAS")
    person = ask.world.directory.account_once_named(nick)
    if person is None:
        return [Send([ask.reply(numerics.ERR_WASNOSUCHNICK, nick, "There was no such nickname"), end])]
    # Whoever is deleted is not to be found behind what it wrote by its name.
    real_name = "A deleted account" if person.deleted else ask.world.real_name(person, ask.session.account)
    known_as = nick if person.deleted else person.name
    server, network = ask.world.server_name, ask.world.config.chat.network
    entry = [
        ask.reply(numerics.RPL_WHOWASUSER, nick, known_as, HOST, "*", real_name),
        ask.reply(numerics.RPL_WHOISSERVER, nick, server, network),
    ]
    return [Send([*entry, end])]


def ison(ask: Ask) -> Iterable[Effect]:
    """Show which of some people are here. (RFC 2812, 4.9)"""
    nicks = [nick for text in ask.message.params for nick in text.split()]
    here = dict.fromkeys(person.name for nick in nicks if (person := _somebody_here(ask, nick)) is not None)
    # As many as can be asked for in one line can be answered in two, if all the names are short.
    lines = list(fill_lines(here, LINE_BUDGET)) or [""]
    return [Send([ask.reply(numerics.RPL_ISON, line) for line in lines])]


def _somebody_here(ask: Ask, nick: str) -> AccountState | None:
    person = ask.world.directory.account_named(nick)
    return person if person is not None and ask.world.presence.is_online(person.id) else None


def userhost(ask: Ask) -> Iterable[Effect]:
    """Show up to five people's user and host, and whether they are away. (Modern IRC, USERHOST)"""
    asked_for = [ask.world.directory.account_named(nick) for nick in ask.message.params[:NICKS_PER_USERHOST]]
    words = [_userhost_word(ask, person) for person in asked_for if person is not None]
    return [Send([ask.reply(numerics.RPL_USERHOST, " ".join(words))])]


def _userhost_word(ask: Ask, person: AccountState) -> str:
    admin = "*" if person.role == "admin" else ""
    sign = "+" if ask.world.presence.away(person.id) is None else "-"
    return f"{person.name}{admin}={sign}{person.name}@{HOST}"

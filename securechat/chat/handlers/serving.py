"""Asking about the server: MOTD, LUSERS, VERSION, ISUPPORT, INFO, ADMIN, TIME, LINKS, STATS, HELP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, Send
from securechat.chat.replies import LINE_BUDGET, count_lines, isupport_lines, motd_lines
from securechat.chat.roster import fill_lines
from securechat.wire import numerics
from securechat.wire.capabilities import EXTENDED_ISUPPORT
from securechat.wire.mask import compile_mask
from securechat.wire.message import Message
from securechat.wire.names import fold


class Explained(Protocol):
    """A command as HELP shows it."""

    @property
    def syntax(self) -> str:
        """Its parameters, "" for none."""

    @property
    def help(self) -> str:
        """What it does, in one line."""


def require_this_server(ask: Ask, name: str) -> None:
    """Refuse a request that is meant for another server; there is one, which is everybody's. (Modern IRC, MOTD)"""
    pattern = compile_mask(name)
    is_ours = pattern is not None and pattern.fullmatch(fold(ask.world.server_name)) is not None
    if name and not is_ours and ask.world.directory.account_named(name) is None:
        raise ask.refuse(numerics.ERR_NOSUCHSERVER, name, "No such server")


def motd(ask: Ask) -> Iterable[Effect]:
    """Show the message of the day. (Modern IRC, MOTD)"""
    require_this_server(ask, ask.param(0))
    return [Send(motd_lines(ask))]


def lusers(ask: Ask) -> Iterable[Effect]:
    """Show how many are here. (RFC 2812, 3.4.2)"""
    require_this_server(ask, ask.param(1))
    return [Send(count_lines(ask))]


def isupport(ask: Ask) -> Iterable[Effect]:
    """Show the server's limits and features, before signing in too for who negotiated that. (IRCv3 extended-isupport)"""
    if not (ask.session.is_ready or ask.session.has(EXTENDED_ISUPPORT)):
        raise ask.refuse(numerics.ERR_NOTREGISTERED, "Sign in first")
    return [Send(isupport_lines(ask))]


def version(ask: Ask) -> Iterable[Effect]:
    """Show what runs here. (Modern IRC, VERSION)"""
    require_this_server(ask, ask.param(0))
    return [Send(_version_lines(ask))]


def _version_lines(ask: Ask) -> Iterator[Message]:
    world = ask.world
    yield ask.reply(numerics.RPL_VERSION, f"securechat-{world.version}", world.server_name, "IRCv3 over TLS")
    yield from isupport_lines(ask)


def info(ask: Ask) -> Iterable[Effect]:
    """Show what this server is. (Modern IRC, INFO)"""
    require_this_server(ask, ask.param(0))
    world = ask.world
    lines = [
        f"securechat {world.version}: a group chat that people run themselves",
        "IRCv3 over TLS; nobody without an account; what was said is kept, once and in one order",
        f"This is {world.config.chat.network} on {world.server_name}, started {world.created}",
    ]
    told = [ask.reply(numerics.RPL_INFO, line) for line in lines]
    return [Send([*told, ask.reply(numerics.RPL_ENDOFINFO, "End of INFO list")])]


def admin(ask: Ask) -> Iterable[Effect]:
    """Show whom to ask for help. (Modern IRC, ADMIN)"""
    require_this_server(ask, ask.param(0))
    return [Send(_admin_lines(ask))]


def _admin_lines(ask: Ask) -> Iterator[Message]:
    world = ask.world
    admins = sorted(world.account(each).name for each in world.directory.admins)
    first, *_ = [*fill_lines(admins, LINE_BUDGET), "nobody"]
    yield ask.reply(numerics.RPL_ADMINME, world.server_name, "Administrative info")
    yield ask.reply(numerics.RPL_ADMINLOC1, f"Network: {world.config.chat.network}")
    yield ask.reply(numerics.RPL_ADMINLOC2, f"Administrators: {first}")
    yield ask.reply(numerics.RPL_ADMINEMAIL, world.config.chat.contact or "Ask one of them by PRIVMSG")


def time(ask: Ask) -> Iterable[Effect]:
    """Show what time it is here. (Modern IRC, TIME)"""
    require_this_server(ask, ask.param(0))
    now = ask.world.clock() // 1000
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return [Send([ask.reply(numerics.RPL_TIME, ask.world.server_name, str(now), "0", shown)])]


def links(ask: Ask) -> Iterable[Effect]:
    """Show the one server there is. (Modern IRC, LINKS)"""
    name, network = ask.world.server_name, ask.world.config.chat.network
    return [
        Send(
            [
                ask.reply(numerics.RPL_LINKS, "*", name, f"0 {network}"),
                ask.reply(numerics.RPL_ENDOFLINKS, "*", "End of /LINKS list"),
            ]
        )
    ]


def stats(ask: Ask) -> Iterable[Effect]:
    """Show since when the server runs (u); nothing of anything else. (Modern IRC, STATS)"""
    require_this_server(ask, ask.param(1))
    letter = ask.param(0)[:1] or "*"
    lines = []
    if letter == "u":
        seconds = max(0, ask.world.clock() - ask.world.attendance.start) // 1000
        days, rest = divmod(seconds, 86_400)
        up = f"{days} days {rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
        lines.append(ask.reply(numerics.RPL_STATSUPTIME, f"Server Up {up}"))
    return [Send([*lines, ask.reply(numerics.RPL_ENDOFSTATS, letter, "End of /STATS report")])]


def explain(ask: Ask, commands: Mapping[str, Explained]) -> Iterable[Effect]:
    """Show what commands there are, or how one is used. (Modern IRC, HELP)"""
    subject = ask.param(0).upper()
    if not subject:
        names = fill_lines(sorted(commands), LINE_BUDGET)
        return [Send(_help_lines(ask, "*", "Commands", [*names, "HELP <command> tells how one is used"]))]
    command = commands.get(subject)
    if command is None:
        raise ask.refuse(numerics.ERR_HELPNOTFOUND, ask.param(0), "There is no help on this; HELP lists the commands")
    syntax = f"{subject} {command.syntax}".rstrip()
    return [Send(_help_lines(ask, subject, f"The command {subject}", [syntax, command.help]))]


def _help_lines(ask: Ask, subject: str, title: str, lines: list[str]) -> Iterator[Message]:
    *others, last = lines
    yield ask.reply(numerics.RPL_HELPSTART, subject, title)
    for line in ["", *others]:
        yield ask.reply(numerics.RPL_HELPTXT, subject, line)
    yield ask.reply(numerics.RPL_ENDOFHELP, subject, last)

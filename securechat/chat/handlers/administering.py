"""What administrators may do from any client, by their account's role: KILL and WALLOPS. Nobody becomes one by OPER."""

from __future__ import annotations

from collections.abc import Iterable

from securechat.chat import policy
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Append, Broadcast, Effect, Entry
from securechat.chat.server_events import KILL, Administered
from securechat.chat.signals import Alarm
from securechat.chat.streams import SERVER
from securechat.wire import numerics


def oper(ask: Ask) -> Iterable[Effect]:
    """Refuse: rights over the server come from the account's role, and from nothing else. (Modern IRC, OPER)"""
    raise ask.refuse(numerics.ERR_NOOPERHOST, "There is no OPER here: an account's role decides")


def kill(ask: Ask) -> Iterable[Effect]:
    """Put on record that every connection of somebody closes, which then happens; they may come again. (Modern IRC, KILL)"""
    _require_admin(ask)
    person = ask.someone(ask.param(0))
    reason = ask.fits(ask.param(1), limits.REASON_LENGTH)
    return [Append((Entry(SERVER, Administered(KILL, person.name, by=ask.account.id, detail=reason)),))]


def wallops(ask: Ask) -> Iterable[Effect]:
    """Say something to all administrators who are here, oneself too. (RFC 2812, 4.7)"""
    _require_admin(ask)
    if not ask.param(0):
        raise ask.refuse(numerics.ERR_NEEDMOREPARAMS, "WALLOPS", "Not enough parameters")
    return [Broadcast(Alarm(ask.account.id, ask.fits(ask.param(0), limits.REASON_LENGTH)))]


def _require_admin(ask: Ask) -> None:
    if not policy.may_administer(ask.account):
        raise ask.refuse(numerics.ERR_NOPRIVILEGES, "Permission denied: you are no administrator")

"""Who is here: MONITOR, and AWAY, by which people say so themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from securechat.chat import world as limits
from securechat.chat.ask import MAX_MIDDLE, Ask
from securechat.chat.effects import Broadcast, Effect, Send
from securechat.chat.replies import LINE_BUDGET
from securechat.chat.roster import fill_lines
from securechat.chat.signals import AwaySet, Watched
from securechat.wire import numerics
from securechat.wire.capabilities import PRE_AWAY
from securechat.wire.message import Message
from securechat.wire.names import fold, is_account_name


def away(ask: Ask) -> Iterable[Effect]:
    """Say that one is away, or back; before signing in too, with pre-away. (Modern IRC, AWAY; IRCv3 pre-away)"""
    session = ask.session
    if not session.is_ready and not session.has(PRE_AWAY):
        raise ask.refuse(numerics.ERR_NOTREGISTERED, "Sign in first")
    text = ask.fits(ask.param(0), limits.REASON_LENGTH) or None
    said = (
        ask.reply(numerics.RPL_UNAWAY, "You are no longer marked as being away")
        if text is None
        else ask.reply(numerics.RPL_NOWAWAY, "You have been marked as being away")
    )
    if not session.is_ready:
        session.away = text
        return [Send([said])]
    return [Broadcast(AwaySet(session.account, session.id, text)), Send([said])]


def monitor(ask: Ask) -> Iterable[Effect]:
    """Change or show the list of nicks whose coming and going the client is told. (IRCv3 monitor)"""
    act = _MODIFIERS.get(ask.param(0).upper())
    if act is None:
        raise ask.refuse_by_fail("INVALID_PARAMS", ask.param(0), "Use MONITOR +, -, C, L or S")
    return act(ask)


def _add(ask: Ask) -> Iterable[Effect]:
    monitored = ask.session.monitored
    added: dict[str, str] = {}
    refused: list[str] = []
    for nick in _nicks(ask):
        name = fold(nick)
        if name in monitored:
            continue
        if len(monitored) >= limits.MONITORED_PER_SESSION:
            refused.append(nick)
            continue
        monitored[name] = added[name] = nick
    return [Broadcast(Watched(added=tuple(added))), Send(_statuses(ask, added)), Send(_list_full(ask, refused))]


def _list_full(ask: Ask, refused: list[str]) -> Iterator[Message]:
    # What came in one line may not fit into one that says more.
    for nicks in _joined(refused, MAX_MIDDLE):
        yield ask.reply(numerics.ERR_MONLISTFULL, str(limits.MONITORED_PER_SESSION), nicks, "Monitor list is full.")


def _remove(ask: Ask) -> Iterable[Effect]:
    names = [name for name in map(fold, _nicks(ask)) if ask.session.monitored.pop(name, None) is not None]
    return [Broadcast(Watched(dropped=tuple(names)))]


def _clear(ask: Ask) -> Iterable[Effect]:
    names = tuple(ask.session.monitored)
    ask.session.monitored.clear()
    return [Broadcast(Watched(dropped=names))]


def _list(ask: Ask) -> Iterable[Effect]:
    lines = [ask.reply(numerics.RPL_MONLIST, each) for each in _joined(ask.session.monitored.values())]
    return [Send([*lines, ask.reply(numerics.RPL_ENDOFMONLIST, "End of MONITOR list")])]


def _show(ask: Ask) -> Iterable[Effect]:
    return [Send(_statuses(ask, dict(ask.session.monitored)))]


def _nicks(ask: Ask) -> list[str]:
    """Return the nicks of a list that can be anybody's here: nobody else ever comes. (IRCv3 monitor, MONITOR Command)"""
    return [nick for nick in dict.fromkeys(ask.param(1).split(",")) if is_account_name(nick)]


def _statuses(ask: Ask, nicks: dict[str, str]) -> Iterator[Message]:
    """Yield who is online of these (folded name to nick), then who is not: as it is when the lines are drawn."""
    here: list[str] = []
    gone: list[str] = []
    for nick in nicks.values():
        person = ask.world.directory.account_named(nick)
        if person is not None and ask.world.presence.is_online(person.id):
            here.append(ask.world.userhost(person.id))
        else:
            gone.append(nick if person is None else person.name)
    for line in _joined(here):
        yield ask.reply(numerics.RPL_MONONLINE, line)
    for line in _joined(gone):
        yield ask.reply(numerics.RPL_MONOFFLINE, line)


def _joined(words: Iterable[str], budget: int = LINE_BUDGET) -> list[str]:
    # Neither nicks nor what stands behind them has a space.
    return [line.replace(" ", ",") for line in fill_lines(words, budget)]


_MODIFIERS: dict[str, Callable[[Ask], Iterable[Effect]]] = {
    "+": _add,
    "-": _remove,
    "C": _clear,
    "L": _list,
    "S": _show,
}

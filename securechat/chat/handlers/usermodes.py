"""MODE for oneself: one is a bot, or says so. (IRCv3 bot-mode)"""

from __future__ import annotations

from collections.abc import Iterable

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.effects import Broadcast, Effect, Send
from securechat.chat.replies import BOT_MODE, USER_MODES
from securechat.chat.signals import BotMarked
from securechat.wire import numerics


def user_mode(ask: Ask) -> Iterable[Effect]:
    """Show or change one's own modes: B; clients set i and w unasked, which changes nothing. (Modern IRC, MODE)"""
    person = ask.someone(ask.param(0))
    if person.id != ask.account.id:
        raise ask.refuse(numerics.ERR_USERSDONTMATCH, "Cannot show or change modes of other people")
    is_bot = ask.world.is_bot(person)
    letters = ask.param(1)
    shown = ask.reply(numerics.RPL_UMODEIS, f"+{BOT_MODE}" if is_bot else "+")
    # A mode that is not known keeps none of the others from being set.
    unknown = (
        [ask.reply(numerics.ERR_UMODEUNKNOWNFLAG, "Unknown user mode")] if letters.strip("+-" + USER_MODES) else []
    )
    wanted = _wants_to_be_bot(letters)
    if wanted is None or wanted == is_bot or person.role == "bot":
        return [Send(unknown or [shown])]
    sign = "+" if wanted else "-"
    params = (person.name, f"{sign}{BOT_MODE}")
    told = render.person_message(ask.world, person.id, "MODE", params, ask.world.clock(), ask.session.caps)
    return [Broadcast(BotMarked(person.id, wanted)), Send([told, *unknown])]


def _wants_to_be_bot(letters: str) -> bool | None:
    """Return what `+B-i` says of B at last, None for nothing."""
    wanted, adds = None, True
    for letter in letters:
        if letter in "+-":
            adds = letter == "+"
        elif letter == BOT_MODE:
            wanted = adds
    return wanted

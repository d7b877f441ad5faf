"""REGISTER and VERIFY: an account for who was invited. (IRCv3 account-registration; docs/protocol.md)

REGISTER costs nothing and says nothing: no hash, no look-up of a name. All that is judged is judged when a code that is
valid has come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, Purpose, Refusal, Send, Verify
from securechat.chat.inviting import registration_is_open
from securechat.chat.session import Registration, State
from securechat.wire.names import fold, is_account_name, is_reserved

_DEVICE_TOKEN: Final = re.compile("sct_[a-z2-7]{52}")
"""A client may make the token of its device itself and keep it before it is used: 256 random bits."""


def register(ask: Ask) -> Iterable[Effect]:
    """Keep the name and the password, or token, that are wanted until a code comes. (IRCv3 account-registration)"""
    _require_opening(ask)
    name = _wanted_name(ask)
    if not is_account_name(name) or is_reserved(name):
        text = "A name is a letter, then up to 31 letters, digits, - or _; a few are reserved"
        raise ask.refuse_by_fail("BAD_ACCOUNT_NAME", name, text)
    secret = ask.param(2)
    if _DEVICE_TOKEN.fullmatch(secret) is None:
        _require_password(ask, name, secret)
    ask.session.registration = Registration(name, secret)
    text = "Now send VERIFY with this name and your invitation: the link, or what stands behind its #"
    return [Send([ask.say("REGISTER", "VERIFICATION_REQUIRED", name, text)])]


def verify(ask: Ask) -> Iterable[Effect]:
    """Redeem the invitation whose code this is. (IRCv3 account-registration)"""
    registration = ask.session.registration
    if registration is None:
        _require_opening(ask)
    name = ask.param(0)
    if registration is None or (name != "*" and fold(name) != fold(registration.name)):
        raise ask.refuse_by_fail("INVALID_CODE", name, "Send REGISTER with this name first")
    return [Verify(Purpose.INVITATION, registration.name, ask.param(1), new_secret=registration.secret)]


def _require_opening(ask: Ask) -> None:
    """Refuse whoever has an account or is signing in to one, and everybody while nobody is invited. Raises: Refusal."""
    if ask.session.account:
        text = "You have an account, and are signed in to it"
        raise ask.refuse_by_fail("ALREADY_AUTHENTICATED", ask.account.name, text)
    if not registration_is_open(ask.world):
        raise _closed(ask, "Accounts are made by this server's administrators; ask one of them")
    if ask.session.state is not State.NEW:
        raise _closed(ask, "You are signing in; abort that first, with AUTHENTICATE *")


def _closed(ask: Ask, text: str) -> Refusal:
    return ask.refuse_by_fail("TEMPORARILY_UNAVAILABLE", _wanted_name(ask), text)


def _wanted_name(ask: Ask) -> str:
    return ask.nick if ask.param(0) == "*" else ask.param(0)


def _require_password(ask: Ask, name: str, password: str) -> None:
    fault = ask.world.fault_of_password(password, name)
    if fault is not None:
        is_fit = password.isprintable() and not password.startswith("sct_")
        raise ask.refuse_by_fail("WEAK_PASSWORD" if is_fit else "UNACCEPTABLE_PASSWORD", name, fault)

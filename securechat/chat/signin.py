"""Signing in: when a client is let in, and what it is told when credentials were checked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import msgspec

from securechat.chat import administration, inviting
from securechat.chat.ask import Ask
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Close, Effect, Entry, Purpose, Send, Verify
from securechat.chat.events import KEEP_ALL_DEVICES, PasswordSet
from securechat.chat.inviting import Newcomer
from securechat.chat.replies import welcome_lines
from securechat.chat.session import State, Trigger
from securechat.chat.streams import account_stream
from securechat.wire import numerics
from securechat.wire.sasl import split_user

HOW_TO_REDEEM = (
    "If you were invited, make your account now; there are five minutes. Type:",
    "/quote REGISTER your-name * :a password of your own",
    "/quote VERIFY your-name the-invitation",
)
MAX_REJECTIONS = 3
"""Rejected credentials on one connection, after which it is closed."""


class Conclusion(NamedTuple):
    """What the check of credentials found.

    account: the account's id, "" when they were wrong.
    enabled: False when they were right and the account is disabled.
    device: the id of the device whose token it was, or the serial of the certificate.
    new_verifier: of the new password, for PASSWD.
    busy: nothing was found out, for too many are waiting to be checked.
    invitation: the SHA-256 (hex) of an invitation's token, "" where there is none such.
    label: what the certificate calls its device.
    digest: the SHA-256 (hex) of the token that a new account's first device is to have, "" for a password.
    """

    account: str
    enabled: bool = True
    device: str = ""
    new_verifier: str = ""
    busy: bool = False
    invitation: str = ""
    digest: str = ""
    label: str = ""


def register(ask: Ask) -> Iterable[Effect]:
    """Go on with the sign-in where it can: called after whatever may have been the last step missing."""
    session = ask.session
    if session.negotiating or not session.nick or not session.user:
        return ()
    if session.state is State.AUTHENTICATED:
        return welcome(ask)
    if session.state is not State.NEW:
        return ()
    name, colon, secret = session.password.partition(":")
    session.password = ""
    if colon and name and secret:
        account, device = split_user(name)
        session.move(Trigger.CREDENTIALS_GIVEN)
        return [Verify(Purpose.PASS, account, secret, device)]
    return turn_away(ask)


def turn_away(ask: Ask) -> Iterable[Effect]:
    """Refuse a client that has not said who it is. (IRCv3 account-required)

    While anybody is invited it may still make itself known, unless it has tried to sign in: then it has an account.
    """
    text = "An account is needed here: sign in by SASL PLAIN, or by PASS account:password"
    fail = ask.say("FAIL", "*", "ACCOUNT_REQUIRED", text)
    if ask.session.rejections or not inviting.registration_is_open(ask.world):
        return [Send([fail]), Close(text)]
    if ask.session.lingers:
        return ()
    ask.session.lingers = True
    return [Send([fail, *(ask.say("NOTICE", ask.nick, words) for words in HOW_TO_REDEEM)])]


def welcome(ask: Ask) -> Iterable[Effect]:
    """Let an authenticated client in, unless its account has too many connections."""
    most = ask.world.config.limits.connections_per_account
    if ask.world.presence.count(ask.session.account) >= most:
        text = f"Your account has {most} connections, as many as it may: close one of them first"
        return [Send([ask.say("FAIL", "*", "TOO_MANY_CONNECTIONS", text)]), Close(text)]
    ask.session.move(Trigger.WELCOMED)
    ask.session.password = ""
    ask.session.nick = ask.account.name
    return [Send(welcome_lines(ask))]


def conclude(ask: Ask, verify: Verify, conclusion: Conclusion) -> Iterable[Effect]:
    """Answer credentials that were checked."""
    if conclusion.busy:
        return _put_off(ask, verify.purpose)
    if verify.purpose is Purpose.INVITATION:
        return _redeem(ask, verify, conclusion)
    if verify.purpose is Purpose.PASSWD:
        return _change_password(ask, verify, conclusion)
    if verify.purpose is Purpose.DELETE:
        return _delete_account(ask, conclusion)
    if not conclusion.account or not conclusion.enabled:
        return _reject(ask, verify.purpose, disabled=not conclusion.enabled)
    session = ask.session
    session.move(Trigger.ACCEPTED)
    session.account = conclusion.account
    session.device = conclusion.device
    session.device_name = verify.device or conclusion.label
    lines = []
    if verify.purpose in (Purpose.SASL, Purpose.EXTERNAL):
        name = ask.account.name
        text = f"You are now logged in as {name}"
        userhost = ask.world.userhost(session.account)
        lines = [
            ask.reply(numerics.RPL_LOGGEDIN, userhost, name, text),
            ask.reply(numerics.RPL_SASLSUCCESS, "SASL authentication successful"),
        ]
    return [Send(lines), *register(ask)]


def _put_off(ask: Ask, purpose: Purpose) -> Iterable[Effect]:
    """Tell a client to try later: no fault of its own, and no word on its credentials."""
    text = "Too many people are signing in; try again in a minute"
    fail = ask.fail("TRY_AGAIN", text)
    if purpose in (Purpose.PASSWD, Purpose.DELETE, Purpose.INVITATION):
        return [Send([fail])]
    ask.session.move(Trigger.REJECTED)
    if purpose is Purpose.PASS:
        return [Send([fail]), Close(text)]
    return [Send([fail, ask.reply(numerics.ERR_SASLFAIL, text)])]


def _reject(ask: Ask, purpose: Purpose, *, disabled: bool) -> Iterable[Effect]:
    session = ask.session
    session.move(Trigger.REJECTED)
    session.rejections += 1
    if purpose is Purpose.PASS:
        text = "This account is disabled" if disabled else "Password incorrect"
        return [Send([ask.reply(numerics.ERR_PASSWDMISMATCH, text)]), Close(text)]
    # 902 is the numeric of an account that is made unavailable, so that a client need not read words. (IRCv3 sasl-3.1)
    answer = ask.reply(numerics.ERR_SASLFAIL, "SASL authentication failed")
    if disabled:
        answer = ask.reply(numerics.ERR_NICKLOCKED, "This account is disabled")
    effects: list[Effect] = [Send([answer])]
    if session.rejections >= MAX_REJECTIONS:
        effects.append(Close("Too many failed sign-ins"))
    return effects


def _change_password(ask: Ask, verify: Verify, conclusion: Conclusion) -> Iterable[Effect]:
    if not conclusion.account or not conclusion.new_verifier:
        return _reject_password(ask, "PASSWD", "The old password is wrong")
    kept = KEEP_ALL_DEVICES if verify.keep_devices else ask.session.device
    event = PasswordSet(verifier=conclusion.new_verifier, kept=kept)
    text = "Password changed" + ("" if verify.keep_devices else "; your other devices must sign in again")
    return [
        Append(
            (Entry(account_stream(ask.session.account), event),),
            expects=(epoch_of(ask.account),),
            answer=(ask.note("PASSWORD_CHANGED", "PASSWD", text),),
        )
    ]


def _delete_account(ask: Ask, conclusion: Conclusion) -> Iterable[Effect]:
    if not conclusion.account:
        return _reject_password(ask, "DELETE", "The password is wrong")
    if administration.is_last_admin(ask.world, ask.account):
        raise ask.refuse_by_fail("LAST_ADMIN", "DELETE", "You are the only administrator; make somebody else one first")
    append = administration.delete_account(ask.world, ask.account, erase=False)
    note = ask.note("DELETED", ask.account.name, "Your account is deleted; what you wrote is kept under another name")
    return [msgspec.structs.replace(append, answer=(note,))]


def _redeem(ask: Ask, verify: Verify, conclusion: Conclusion) -> Iterable[Effect]:
    invitation = inviting.find_invitation(ask.world, conclusion.invitation)
    if invitation is None:
        return _reject_code(ask, verify.name)
    obstacle = inviting.obstacle_to_redeeming(ask.world, invitation, verify.name)
    if obstacle is not None:
        raise ask.refuse_by_fail(*obstacle)
    append, newcomer = inviting.redeem_invitation(
        ask.world, invitation, verify.name, conclusion.new_verifier, conclusion.digest
    )
    return [msgspec.structs.replace(append, then=partial(_come_in, newcomer=newcomer))]


def _reject_code(ask: Ask, name: str) -> Iterable[Effect]:
    ask.session.rejections += 1
    text = "This invitation is none that can be used: it is mistyped, used up, too old or was taken back"
    fail = Send([ask.fail("INVALID_CODE", name, text)])
    return [fail] if ask.session.rejections < MAX_REJECTIONS else [fail, Close("Too many invitations that are none")]


def _come_in(ask: Ask, *, newcomer: Newcomer) -> Iterable[Effect]:
    """Sign in whose account was made, or got new secrets, a moment ago."""
    session = ask.session
    session.move(Trigger.CREDENTIALS_GIVEN)
    session.move(Trigger.ACCEPTED)
    session.account, session.device = newcomer.account, newcomer.device
    name, userhost = ask.account.name, ask.world.userhost(newcomer.account)
    lines = [
        ask.say("VERIFY", "SUCCESS", name, "The account is yours"),
        ask.reply(numerics.RPL_LOGGEDIN, userhost, name, f"You are now logged in as {name}"),
    ]
    return [Send(lines), *register(ask)]


def _reject_password(ask: Ask, subcommand: str, text: str) -> Iterable[Effect]:
    ask.session.rejections += 1
    if ask.session.rejections >= MAX_REJECTIONS:
        text = "Too many wrong passwords"
        return [Send([ask.fail("INVALID_CREDENTIALS", subcommand, text)]), Close(text)]
    raise ask.refuse_by_fail("INVALID_CREDENTIALS", subcommand, text)

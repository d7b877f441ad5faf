"""Coming and going: CAP, AUTHENTICATE, PASS, NICK, USER, PING, PONG, QUIT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from securechat.chat import signin
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Close, Effect, Purpose, Send, Verify
from securechat.chat.session import State, Trigger
from securechat.wire import capabilities, numerics
from securechat.wire.message import Message
from securechat.wire.sasl import PlainExchange, SaslError

CAP_BUDGET = 350
"""Bytes of capability names in one CAP line: leaves room for the longest server name and nick."""
REAL_VERSION = 302


def cap(ask: Ask) -> Iterable[Effect]:
    """Negotiate capabilities. (IRCv3 capability-negotiation)"""
    subcommand = ask.param(0).upper()
    act = {"LS": _cap_ls, "LIST": _cap_list, "REQ": _cap_req, "END": _cap_end}.get(subcommand)
    if act is None:
        raise ask.refuse(numerics.ERR_INVALIDCAPCMD, ask.param(0) or "*", "Invalid CAP command")
    return act(ask)


def _cap_ls(ask: Ask) -> Iterable[Effect]:
    session = ask.session
    version = int(ask.param(1)) if ask.param(1).isascii() and ask.param(1).isdigit() else 0
    session.cap_version = max(session.cap_version, min(version, REAL_VERSION))
    if session.cap_version >= REAL_VERSION:
        session.caps |= capabilities.CAP_NOTIFY
    session.negotiating = session.is_registering
    lines = capabilities.list_lines(session.cap_version, CAP_BUDGET)
    if session.cap_version < REAL_VERSION:
        lines = [" ".join(lines)]
    return [Send([_cap_line(ask, "LS", line, more=line is not lines[-1]) for line in lines])]


def _cap_list(ask: Ask) -> Iterable[Effect]:
    return [Send([_cap_line(ask, "LIST", " ".join(capabilities.names_of(ask.session.caps)))])]


def _cap_req(ask: Ask) -> Iterable[Effect]:
    session = ask.session
    session.negotiating = session.is_registering
    wanted = ask.param(1)
    if len(wanted.encode()) > CAP_BUDGET:
        # Its answer repeats it, and would be longer than a line.
        return [Send([_cap_line(ask, "NAK", "")])]
    caps = capabilities.request(session.caps, wanted)
    if caps is None or (session.cap_version >= REAL_VERSION and not caps & capabilities.CAP_NOTIFY):
        return [Send([_cap_line(ask, "NAK", wanted)])]
    session.caps = caps
    return [Send([_cap_line(ask, "ACK", wanted)])]


def _cap_end(ask: Ask) -> Iterable[Effect]:
    session = ask.session
    session.negotiating = False
    if session.state is not State.AUTHENTICATING:
        return signin.register(ask)
    # IRCv3 sasl-3.1: the exchange is aborted, and the sign-in goes on without it.
    _end_exchange(ask)
    aborted = ask.reply(numerics.ERR_SASLABORTED, "SASL authentication aborted")
    return [Send([aborted]), *signin.register(ask)]


def _cap_line(ask: Ask, subcommand: str, names: str, *, more: bool = False) -> Message:
    star = ("*",) if more else ()
    return ask.say("CAP", ask.nick, subcommand, *star, names)


def authenticate(ask: Ask) -> Iterable[Effect]:
    """Sign in by SASL PLAIN. (IRCv3 sasl-3.2; RFC 4616)"""
    session = ask.session
    if session.state in (State.AUTHENTICATED, State.READY):
        raise ask.refuse(numerics.ERR_SASLALREADY, "You have already authenticated using SASL")
    chunk = ask.param(0)
    if session.exchange is None:
        return _begin_exchange(ask, chunk)
    if chunk == "*":
        _end_exchange(ask)
        raise ask.refuse(numerics.ERR_SASLABORTED, "SASL authentication aborted")
    try:
        credentials = session.exchange.step(chunk)
    except SaslError as error:
        _end_exchange(ask)
        if error.too_long:
            raise ask.refuse(numerics.ERR_SASLTOOLONG, "SASL message too long") from None
        raise ask.refuse(numerics.ERR_SASLFAIL, "SASL authentication failed", reason=str(error)) from None
    if credentials is None:
        return ()
    session.exchange = None
    session.move(Trigger.CREDENTIALS_GIVEN)
    return [Verify(Purpose.SASL, credentials.account, credentials.secret, credentials.device)]


def _begin_exchange(ask: Ask, mechanism: str) -> Iterable[Effect]:
    if mechanism == "*":
        raise ask.refuse(numerics.ERR_SASLABORTED, "SASL authentication aborted")
    if mechanism.upper() != "PLAIN":
        mechanisms = ask.reply(numerics.RPL_SASLMECHS, "PLAIN", "are available SASL mechanisms")
        failed = ask.reply(numerics.ERR_SASLFAIL, "SASL authentication failed")
        return [Send([mechanisms, failed])]
    ask.session.exchange = PlainExchange()
    ask.session.move(Trigger.SASL_BEGUN)
    return [Send([ask.say("AUTHENTICATE", "+")])]


def _end_exchange(ask: Ask) -> None:
    ask.session.exchange = None
    ask.session.move(Trigger.SASL_ENDED)


def password(ask: Ask) -> Iterable[Effect]:
    """Keep `PASS account:password` for the moment NICK and USER are there: for clients without SASL."""
    session = ask.session
    if not session.is_registering:
        raise ask.refuse(numerics.ERR_ALREADYREGISTERED, "You may not register twice")
    session.password = ask.param(0)
    return ()


def nick(ask: Ask) -> Iterable[Effect]:
    """Take any nick at sign-in (the welcome tells the real one) and refuse another one afterwards."""
    session = ask.session
    wanted = ask.param(0)
    if not ask.message.params:
        raise ask.refuse(numerics.ERR_NONICKNAMEGIVEN, "No nickname given")
    if session.is_ready:
        if wanted == ask.account.name:
            return ()
        raise ask.refuse(numerics.ERR_CANTCHANGENICK, "Your nick is the name of your account")
    if not _is_speakable(wanted):
        raise ask.refuse(numerics.ERR_ERRONEUSNICKNAME, "*", "Erroneous nickname")
    session.nick = wanted
    return signin.register(ask)


def _is_speakable(nick: str) -> bool:
    return (
        0 < len(nick.encode()) <= 64 and nick.isprintable() and not set(nick) & set(" ,*?!@.:#") and nick[0] not in "$+"
    )


def user(ask: Ask) -> Iterable[Effect]:
    """Complete the sign-in; what it says is not used, since nobody's host or login name is anybody's business."""
    session = ask.session
    if not session.is_registering or session.user:
        raise ask.refuse(numerics.ERR_ALREADYREGISTERED, "You may not register twice")
    session.user = ask.param(0) or "*"
    return signin.register(ask)


def ping(ask: Ask) -> Iterator[Effect]:
    """Answer."""
    token = ask.fits(ask.param(0), limits.TOKEN_LENGTH)
    yield Send([ask.say("PONG", ask.world.server_name, token)])


def pong(_ask: Ask) -> Iterable[Effect]:
    """Take note; the connection has already seen that its client lives."""
    return ()


def quit_(ask: Ask) -> Iterable[Effect]:
    """End the connection; the membership lasts."""
    reason = ask.param(0)
    repeats = 0 < len(reason.encode()) <= limits.REASON_LENGTH
    return [Close(f"Quit: {reason}" if repeats else "Quit")]

"""Coming and going: CAP, AUTHENTICATE, PASS, NICK, USER, PING, PONG, QUIT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from securechat.chat import mechanisms, signin
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Broadcast, Close, Effect, Purpose, Send, Verify
from securechat.chat.replay import PING_PREFIX
from securechat.chat.session import State, Trigger
from securechat.chat.signals import PingAnswered
from securechat.wire import capabilities, numerics
from securechat.wire.capabilities import VERSION_WITH_VALUES, fill_lines
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message
from securechat.wire.offer import Revision
from securechat.wire.sasl import ExternalExchange, SaslError


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
    session.cap_version = max(session.cap_version, min(version, VERSION_WITH_VALUES))
    if session.cap_version >= VERSION_WITH_VALUES:
        session.caps |= capabilities.CAP_NOTIFY
    session.negotiating = session.is_registering
    own = mechanisms.own_values(ask)
    return _cap_lines(ask, "LS", ask.world.offer.lines(min(version, VERSION_WITH_VALUES), _room(ask), own))


def _cap_list(ask: Ask) -> Iterable[Effect]:
    lines = fill_lines(capabilities.names_of(ask.session.caps), _room(ask))
    # Only from 302 on do clients know that an answer may have several lines.
    return _cap_lines(ask, "LIST", lines if ask.session.cap_version >= VERSION_WITH_VALUES else lines[:1])


def _cap_lines(ask: Ask, subcommand: str, lines: list[str]) -> Iterable[Effect]:
    *others, last = lines
    return [Send([*(_cap_line(ask, subcommand, "*", line) for line in others), _cap_line(ask, subcommand, last)])]


def _cap_req(ask: Ask) -> Iterable[Effect]:
    session = ask.session
    session.negotiating = session.is_registering
    # One parameter by the text, several in its own example (IRCv3 extended-isupport).
    wanted = " ".join(ask.message.params[1:])
    caps = ask.world.offer.request(session.caps, wanted)
    if caps is None or (session.cap_version >= VERSION_WITH_VALUES and not caps & capabilities.CAP_NOTIFY):
        # What is no name at all, and too long to be repeated, is repeated in part.
        return [Send([_cap_line(ask, "NAK", line) for line in _repeat(ask, wanted)])]
    session.caps = caps
    return [Send([_cap_line(ask, "ACK", line) for line in _repeat(ask, wanted)])]


def _repeat(ask: Ask, wanted: str) -> list[str]:
    """Return what was requested as it was written or, where that would not fit into one line, in several."""
    room = _room(ask)
    if len(wanted.encode()) <= room:
        return [wanted]
    return fill_lines((word for word in wanted.split() if len(word.encode()) <= room), room)


def _room(ask: Ask) -> int:
    """Return the bytes of capability names that one CAP line holds."""
    return MAX_REST - len(f":{ask.world.server_name} CAP {ask.nick} LIST * :\r\n".encode())


def _cap_end(ask: Ask) -> Iterable[Effect]:
    session = ask.session
    session.negotiating = False
    if session.state is not State.AUTHENTICATING:
        return signin.register(ask)
    # IRCv3 sasl-3.1 has the exchange aborted and the sign-in go on without it; nobody gets in here without an account.
    _end_exchange(ask)
    aborted = ask.reply(numerics.ERR_SASLABORTED, "SASL authentication aborted")
    return [Send([aborted]), *signin.turn_away(ask)]


def _cap_line(ask: Ask, subcommand: str, *names: str) -> Message:
    return ask.say("CAP", ask.nick, subcommand, *names)


def revision_line(ask: Ask, revision: Revision) -> Message:
    """Word what a client is told of a capability that is new, has another value, or is gone. (CAP NEW, CAP DEL)"""
    value = mechanisms.own_values(ask).get(revision.name, revision.value)
    shows_value = value and ask.session.cap_version >= VERSION_WITH_VALUES
    word = f"{revision.name}={value}" if shows_value else revision.name
    return _cap_line(ask, revision.subcommand, word)


def authenticate(ask: Ask) -> Iterable[Effect]:
    """Sign in by SASL PLAIN, or by the certificate shown. (IRCv3 sasl-3.1 and sasl-3.2; RFC 4616; RFC 4422, A)"""
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
    is_external = isinstance(session.exchange, ExternalExchange)
    session.exchange = None
    session.move(Trigger.CREDENTIALS_GIVEN)
    account, device = credentials.account, credentials.device
    if is_external:
        return [Verify(Purpose.EXTERNAL, account, "", device, certificate=session.certificate)]
    return [Verify(Purpose.SASL, account, credentials.secret, device)]


def _begin_exchange(ask: Ask, mechanism: str) -> Iterable[Effect]:
    if mechanism == "*":
        raise ask.refuse(numerics.ERR_SASLABORTED, "SASL authentication aborted")
    exchange = mechanisms.open_exchange(ask, mechanism)
    if exchange is None:
        known = ask.reply(numerics.RPL_SASLMECHS, mechanisms.offered_to(ask) or "", "are available SASL mechanisms")
        failed = ask.reply(numerics.ERR_SASLFAIL, "SASL authentication failed")
        return [Send([known, failed])]
    ask.session.exchange = exchange
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
    if not wanted:
        raise ask.refuse(numerics.ERR_NONICKNAMEGIVEN, "No nickname given")
    if session.is_ready:
        if wanted == ask.account.name:
            return ()
        raise ask.refuse(numerics.ERR_CANTCHANGENICK, "Your nick is the name of your account")
    if not _is_speakable(wanted):
        raise ask.refuse(numerics.ERR_ERRONEUSNICKNAME, wanted, "Erroneous nickname")
    session.nick = wanted
    return signin.register(ask)


def _is_speakable(nick: str) -> bool:
    return len(nick.encode()) <= 64 and nick.isprintable() and not set(nick) & set(" ,*?!@.:#") and nick[0] not in "$+"


def user(ask: Ask) -> Iterable[Effect]:
    """Complete the sign-in; what it says is not used, since nobody's host or login name is anybody's business."""
    session = ask.session
    if not session.is_registering or session.user:
        raise ask.refuse(numerics.ERR_ALREADYREGISTERED, "You may not register twice")
    session.user = ask.param(0)
    return signin.register(ask)


def ping(ask: Ask) -> Iterator[Effect]:
    """Send the token back, which may be anything but empty. (Modern IRC, PING)"""
    token = ask.fits(ask.param(0), limits.TOKEN_LENGTH)
    if not token:
        raise ask.refuse(numerics.ERR_NOORIGIN, "No origin specified")
    yield Send([ask.say("PONG", ask.world.server_name, token)])


def pong(ask: Ask) -> Iterable[Effect]:
    """Take note: the client lives, and has had everything before a PING that asked for that."""
    token = ask.message.params[-1] if ask.message.params else ""
    number = token.removeprefix(PING_PREFIX)
    if token == number or not (number.isascii() and number.isdigit() and len(number) < 16):
        return ()
    return [Broadcast(PingAnswered(int(number)))]


def quit_(ask: Ask) -> Iterable[Effect]:
    """End the connection; the membership lasts."""
    reason = ask.param(0)
    repeats = 0 < len(reason.encode()) <= limits.REASON_LENGTH
    return [Close(f"Quit: {reason}" if repeats else "Quit")]

"""The command table and the one gate every command passes before its handler judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect
from securechat.chat.handlers import account, history, looking, membership, modes, registration, talking
from securechat.wire import numerics
from securechat.wire.message import Message

Handler = Callable[[Ask], Iterable[Effect]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the gate sees it.

    minimum: parameters it needs; with fewer the answer is 461.
    before_sign_in: it may be used by who has not signed in yet.
    pipelines: it only appends messages, so the next such command need not wait for its commit.
    targets: whether parameter 0 is a list separated by commas, each judged as a command of its own.
    paired: parameter 1 is a list that goes with it (the keys of JOIN).
    """

    handler: Handler
    minimum: int = 0
    before_sign_in: bool = False
    pipelines: bool = False
    targets: bool = False
    paired: bool = False


COMMANDS: dict[str, Command] = {
    "CAP": Command(registration.cap, 1, before_sign_in=True),
    "AUTHENTICATE": Command(registration.authenticate, 1, before_sign_in=True),
    "PASS": Command(registration.password, 1, before_sign_in=True),
    "NICK": Command(registration.nick, before_sign_in=True),
    "USER": Command(registration.user, 4, before_sign_in=True),
    "PING": Command(registration.ping, 1, before_sign_in=True),
    "PONG": Command(registration.pong, before_sign_in=True),
    "QUIT": Command(registration.quit_, before_sign_in=True),
    "JOIN": Command(membership.join, 1, targets=True, paired=True),
    "PART": Command(membership.part, 1, targets=True),
    "KICK": Command(membership.kick, 2),
    "INVITE": Command(membership.invite, 2),
    "NAMES": Command(membership.names),
    "LIST": Command(membership.list_),
    "TOPIC": Command(membership.topic, 1),
    "MODE": Command(modes.mode, 1),
    "PRIVMSG": Command(talking.post, pipelines=True, targets=True),
    "NOTICE": Command(talking.post, pipelines=True, targets=True),
    "TAGMSG": Command(talking.tag, 1, targets=True),
    "AWAY": Command(talking.away),
    "WHO": Command(looking.who),
    "WHOIS": Command(looking.whois),
    "MOTD": Command(looking.motd),
    "LUSERS": Command(looking.lusers),
    "VERSION": Command(looking.version),
    "ISUPPORT": Command(looking.isupport),
    "CHATHISTORY": Command(history.chathistory, 1),
    "ACCOUNT": Command(account.account, 1),
}


def dispatch(ask: Ask) -> list[Effect]:
    """Let a command through the gate and have its handler judge it.

    Raises: Refusal, with what to answer.
    """
    session = ask.session
    name = ask.message.command
    command = COMMANDS.get(name)
    if not session.is_ready and (command is None or not command.before_sign_in):
        raise ask.refuse(numerics.ERR_NOTREGISTERED, "Sign in first")
    if command is None:
        raise ask.refuse(numerics.ERR_UNKNOWNCOMMAND, _printable(name), "Unknown command")
    if len(ask.message.params) < command.minimum:
        raise ask.refuse(numerics.ERR_NEEDMOREPARAMS, name, "Not enough parameters")
    if command.targets and "," in ask.param(0):
        raise ask.refuse(numerics.ERR_TOOMANYTARGETS, ask.param(0), "Too many targets, or several for one id")
    return list(command.handler(ask))


def pipelines(message: Message) -> bool:
    """Tell whether a command may be judged while messages before it are still being committed."""
    command = COMMANDS.get(message.command)
    return command is not None and command.pipelines


def split_targets(message: Message) -> list[Message]:
    """Return one message a target, for commands that take several.

    A list that is too long, or shares one message id, comes back whole, and the gate refuses it.
    """
    command = COMMANDS.get(message.command)
    if command is None or not command.targets or not message.params or "," not in message.params[0]:
        return [message]
    if talking.ID_TAG in message.tags:
        return [message]
    names = message.params[0].split(",")
    parts = {name: () if command.paired else message.params[1:] for name in names if name}
    if command.paired:
        keys = message.param(1).split(",")
        parts |= {name: (key,) for name, key in zip(names, keys, strict=False) if name}
    # A line of JOIN holds as many as it holds: clients send all their channels in one when they start.
    if not parts or (len(parts) > limits.TARGETS_PER_COMMAND and not command.paired):
        return [message]
    return [Message(message.command, (name, *rest), "", message.tags) for name, rest in parts.items()]


def _printable(name: str) -> str:
    return name if len(name) <= 32 and name.isprintable() else "*"

"""The command table and the one gate every command passes before its handler judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, Refusal
from securechat.chat.handlers import (
    account,
    administering,
    composing,
    enrolling,
    history,
    listing,
    looking,
    marking,
    membership,
    metadata,
    modes,
    monitoring,
    naming,
    reactions,
    redaction,
    registration,
    renaming,
    searching,
    serving,
    talking,
)
from securechat.wire import numerics
from securechat.wire.message import Message
from securechat.wire.names import fold

Handler = Callable[[Ask], Iterable[Effect]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the gate sees it.

    minimum: parameters it needs; with fewer the answer is 461.
    syntax: its parameters, as HELP shows them. help: what it does, in one line.
    before_sign_in: it may be used by who has not signed in yet.
    pipelines: it only appends messages, so the next such command need not wait for its commit.
    targets: whether parameter 0 is a list separated by commas, each judged as a command of its own.
    paired: parameter 1 is a list that goes with it (the keys of JOIN).
    victims: parameter 1 is the list instead, and parameter 0 one channel, or as many (KICK).
    """

    handler: Handler
    minimum: int = 0
    syntax: str = ""
    help: str = ""
    before_sign_in: bool = False
    pipelines: bool = False
    targets: bool = False
    paired: bool = False
    victims: bool = False


def _help(ask: Ask) -> Iterable[Effect]:
    return serving.explain(ask, COMMANDS)


COMMANDS: dict[str, Command] = {
    "CAP": Command(
        registration.cap,
        1,
        "LS [302] | LIST | REQ :<capabilities> | END",
        "Negotiate what the client and the server both know.",
        before_sign_in=True,
    ),
    "AUTHENTICATE": Command(
        registration.authenticate, 1, "PLAIN | <base64> | *", "Sign in by SASL PLAIN.", before_sign_in=True
    ),
    "PASS": Command(
        registration.password,
        1,
        "<account>:<password>",
        "Sign in, for clients without SASL; before NICK and USER.",
        before_sign_in=True,
    ),
    "REGISTER": Command(
        enrolling.register,
        3,
        "<account> {<email> | *} <password>",
        "Ask for an account; needs an invitation.",
        before_sign_in=True,
    ),
    "VERIFY": Command(
        enrolling.verify, 2, "<account> <invitation>", "Get the account by an invitation.", before_sign_in=True
    ),
    "NICK": Command(
        registration.nick,
        0,
        "<nick>",
        "Say any nick at sign-in; your nick is the name of your account.",
        before_sign_in=True,
    ),
    "USER": Command(registration.user, 4, "<user> 0 * :<real name>", "Complete the sign-in.", before_sign_in=True),
    "PING": Command(
        registration.ping,
        1,
        "<token>",
        "Have the token sent back, after the answers to everything before.",
        before_sign_in=True,
    ),
    "PONG": Command(registration.pong, 0, "[<token>]", "Answer the server's PING.", before_sign_in=True),
    "QUIT": Command(
        registration.quit_,
        0,
        "[:<reason>]",
        "End the connection; you stay a member of your channels.",
        before_sign_in=True,
    ),
    "JOIN": Command(
        membership.join,
        1,
        "<channel>{,<channel>} [<key>{,<key>}]",
        "Become a member of a channel, or make it.",
        targets=True,
        paired=True,
    ),
    "PART": Command(
        membership.part,
        1,
        "<channel>{,<channel>} [:<reason>]",
        "Leave a channel for good; your role waits for you.",
        targets=True,
    ),
    "KICK": Command(
        membership.kick,
        2,
        "<channel> <nick>{,<nick>} [:<reason>]",
        "Remove somebody from a channel, role and all.",
        victims=True,
    ),
    "INVITE": Command(
        membership.invite, 0, "[<nick> <channel>]", "Let somebody into a channel, or show where you are invited."
    ),
    "NAMES": Command(membership.names, 0, "<channel>{,<channel>}", "Show who is in a channel.", targets=True),
    "LIST": Command(
        listing.list_,
        0,
        "[<channel or mask>|!<mask>|<n|>n|C<min|C>min|T<min|T>min]{,...}",
        "List channels by name, members, age in minutes.",
    ),
    "TOPIC": Command(membership.topic, 1, "<channel> [:<topic>]", "Show or set what a channel is about."),
    "RENAME": Command(renaming.rename, 2, "<channel> <new name> [:<reason>]", "Give a channel another name."),
    "MODE": Command(
        modes.mode,
        1,
        "<channel or your nick> [<modes> [<arguments>]]",
        "Show or change modes: of channels b e I k l W i m n s t q o v, yours B.",
    ),
    "PRIVMSG": Command(
        talking.post,
        0,
        "<target>{,<target>} :<text>",
        "Say something to a channel or a person.",
        pipelines=True,
        targets=True,
    ),
    "NOTICE": Command(
        talking.post,
        0,
        "<target>{,<target>} :<text>",
        "Say something that nobody is to answer automatically.",
        pipelines=True,
        targets=True,
    ),
    "BATCH": Command(
        composing.batch,
        1,
        "+<reference> draft/multiline <target> | -<reference>",
        "Begin or end a message of several lines.",
        pipelines=True,
    ),
    "TAGMSG": Command(
        reactions.tag, 1, "<target>{,<target>}", "Send tags without a text: typing, reactions.", targets=True
    ),
    "AWAY": Command(
        monitoring.away, 0, "[:<text>]", "Say that you are away or, without a text, back.", before_sign_in=True
    ),
    "SETNAME": Command(naming.setname, 1, ":<realname>", "Take another realname: the name shown beside your nick."),
    "MONITOR": Command(
        monitoring.monitor,
        1,
        "+|- <nick>{,<nick>} | C | L | S",
        "Be told when people come and go, or see whom you watch.",
    ),
    "METADATA": Command(
        metadata.metadata,
        0,
        "<nick, channel or *> GET|LIST|SET|CLEAR|SUB|UNSUB|SUBS|SYNC [<key>{ <key>}] [:<value>]",
        "Say something of yourself, or see what others say of themselves.",
    ),
    "WHO": Command(
        looking.who,
        0,
        "<channel, nick or mask> [o][%<fields>[,<token>]]",
        "Show who is in a channel, or people by their nicks.",
    ),
    "WHOIS": Command(looking.whois, 0, "[<server>] <nick>", "Show what is known of somebody."),
    "WHOWAS": Command(looking.whowas, 0, "<nick>", "Show whose name this is or once was."),
    "ISON": Command(looking.ison, 1, "<nick>{ <nick>}", "Show which of some people are here."),
    "USERHOST": Command(looking.userhost, 1, "<nick>{ <nick>}", "Show of up to five people whether they are away."),
    "MOTD": Command(serving.motd, 0, "", "Show the message of the day."),
    "LUSERS": Command(serving.lusers, 0, "", "Show how many are here."),
    "VERSION": Command(serving.version, 0, "", "Show what runs here, and its limits."),
    "ISUPPORT": Command(serving.isupport, 0, "", "Show this server's limits and features.", before_sign_in=True),
    "INFO": Command(serving.info, 0, "", "Show what this server is."),
    "ADMIN": Command(serving.admin, 0, "", "Show whom to ask for help."),
    "TIME": Command(serving.time, 0, "", "Show the server's time."),
    "LINKS": Command(serving.links, 0, "", "Show the servers there are: this one."),
    "STATS": Command(serving.stats, 1, "u", "Show since when the server runs."),
    "HELP": Command(_help, 0, "[<command>]", "Show what commands there are, or how one is used."),
    "CHATHISTORY": Command(
        history.chathistory,
        0,
        "BEFORE|AFTER|LATEST|AROUND|BETWEEN|TARGETS <parameters>",
        "Read what was said, page by page.",
    ),
    "SEARCH": Command(
        searching.search,
        1,
        "<attribute>=<value>{;<attribute>=<value>}",
        "Find messages: in, from, after, before, text, limit; or write to Search.",
    ),
    "REDACT": Command(
        redaction.redact, 2, "<target> <msgid> [:<reason>]", "Take a message back: its text is gone for good."
    ),
    "MARKREAD": Command(
        marking.markread, 0, "<target> [timestamp=<time>]", "Show or set up to where you have read a conversation."
    ),
    "ACCOUNT": Command(
        account.account,
        1,
        "PASSWD|DEVICES|DEVICE|IGNORE|UNIGNORE|IGNORED|EXPORT|DELETE",
        "Look after your own account.",
    ),
    "OPER": Command(administering.oper, 0, "<name> <password>", "Refused: rights come from the role of your account."),
    "KILL": Command(administering.kill, 2, "<nick> :<reason>", "Close somebody's connections; for administrators."),
    "WALLOPS": Command(administering.wallops, 1, ":<text>", "Say something to all administrators; for administrators."),
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
    try:
        if len(ask.message.params) < command.minimum:
            raise ask.refuse(numerics.ERR_NEEDMOREPARAMS, name, "Not enough parameters")
        if (command.targets and "," in ask.param(0)) or (command.victims and "," in ask.param(1)):
            raise ask.refuse(numerics.ERR_TOOMANYTARGETS, ask.param(0), "Too many targets, or several for one id")
        return list(command.handler(ask))
    except Refusal as refusal:
        # That a text was too long is told all the same: it would be lost without a word, and no robot answers a numeric.
        if talking.is_unanswerable(ask) and refusal.replies[0].command != numerics.ERR_INPUTTOOLONG:
            return []
        raise


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
        return _split_victims(message) if command is not None and command.victims else [message]
    if talking.ID_TAG in message.tags:
        return [message]
    names = message.params[0].split(",")
    # One target written twice, in whatever case, is one.
    parts = {fold(name): (name, *(() if command.paired else message.params[1:])) for name in names if name}
    if command.paired:
        keys = message.param(1).split(",")
        parts |= {fold(name): (name, key) for name, key in zip(names, keys, strict=False) if name}
    # A line of JOIN holds as many as it holds: clients send all their channels in one when they start.
    if not parts or (len(parts) > limits.TARGETS_PER_COMMAND and not command.paired):
        return [message]
    return [Message(message.command, params, "", message.tags) for params in parts.values()]


def _split_victims(message: Message) -> list[Message]:
    """Return one message for each to be kicked, from the one channel or each from its own. (Modern IRC, KICK)"""
    channels, victims = message.param(0).split(","), message.param(1).split(",")
    if len(channels) == 1:
        channels *= len(victims)
    pairs = dict.fromkeys((channel, nick) for channel, nick in zip(channels, victims, strict=False) if channel and nick)
    if len(channels) != len(victims) or not 0 < len(pairs) <= limits.TARGETS_PER_COMMAND:
        return [message]
    return [Message(message.command, (*pair, *message.params[2:]), "", message.tags) for pair in pairs]


def _printable(name: str) -> str:
    return name if len(name) <= 32 and name.isprintable() else "*"

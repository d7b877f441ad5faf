"""The commands of the line mode: one table, from which /help is written and Tab completes."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from securechat.client.errors import Unsendable
from securechat.errors import ProtocolError
from securechat.plain import leaving, lookback
from securechat.plain.arguments import WrongUsage, channel_first, checked, read_number, split, taken_back
from securechat.plain.settings import SETTINGS, change, list_settings
from securechat.plain.wording import word_action
from securechat.wire.message import parse

if TYPE_CHECKING:
    from securechat.client.events import MessageSeen
    from securechat.plain.line import Talk

HISTORY_LINES: Final = 50
MOST_HISTORY: Final = 999_999


@dataclass(frozen=True, slots=True)
class Command:
    """What can be typed after `/`; `run` gets the rest of the line."""

    usage: str
    summary: str
    run: Callable[[Talk, str], Coroutine[Any, Any, None] | None]


async def run_command(talk: Talk, line: str) -> None:
    """Do what a line says that begins with `/`.

    Raises:
        LineTooLong, Unsendable: nothing was sent.
    """
    name, _, rest = line[1:].partition(" ")
    command = COMMANDS.get(name.lower())
    if command is None:
        talk.tell(f"there is no /{name}; /help lists the commands")
        return
    try:
        asking = command.run(talk, rest.strip())
        if asking is not None:
            await asking
    except WrongUsage:
        talk.tell(f"use it so: {command.usage}")


# Talking


def _msg(talk: Talk, text: str) -> None:
    target, words = split(text, 1)
    if not words:
        raise WrongUsage
    talk.say(checked(target), words)


def _me(talk: Talk, text: str) -> None:
    if not text:
        raise WrongUsage
    talk.say(talk.current, word_action(text))


def _reply(talk: Talk, text: str) -> None:
    first, _, rest = text.partition(" ")
    message: MessageSeen | None
    if first.startswith("^"):
        message = talk.transcript.numbered(read_number(first[1:], MOST_HISTORY), talk.current)
    elif first.startswith("@"):
        message = talk.transcript.latest_of(first[1:], talk.current)
    else:
        message, rest = talk.transcript.latest_to_me(), text
    if not rest.strip():
        raise WrongUsage
    if message is None or not message.msgid:
        raise Unsendable("there is no such message to answer")
    talk.say(message.conversation, rest.strip(), reply_to=message.msgid)


def _switch(talk: Talk, text: str) -> None:
    target, rest = split(text, 1)
    if rest:
        raise WrongUsage
    talk.switch(checked(target))


def _history(talk: Talk, text: str) -> None:
    if not talk.current:
        raise WrongUsage
    words = text.split()
    more = words[:1] == ["more"]
    if len(words) > 1 + more:
        raise WrongUsage
    count = read_number(words[-1], MOST_HISTORY) if len(words) > more else HISTORY_LINES
    if count > lookback.MOST:
        talk.tell(f"{lookback.MOST} at once; /history more goes on, and securechat-client export prints everything")
    before = talk.transcript.before_what_is_seen(talk.current) if more else "*"
    talk.lookback.begin(talk.current, min(count, lookback.MOST), before)


# Channels


def _join(talk: Talk, text: str) -> None:
    channel, key = split(text, 1)
    known = talk.link.state.find_channel(channel)
    if known is not None:
        talk.switch(known.name)
        return
    talk.link.command("JOIN", checked(channel), *([key] if key else []))
    talk.transcript.expect(channel)


def _part(talk: Talk, text: str) -> None:
    if text and not text.startswith("#"):
        # A channel whose # was forgotten must not become the reason to leave this one.
        raise WrongUsage
    channel, reason = channel_first(talk.current, text)
    talk.link.command("PART", channel, *([reason] if reason else []))


def _names(talk: Talk, text: str) -> None:
    channel, rest = channel_first(talk.current, text)
    if rest:
        raise WrongUsage
    talk.link.command("NAMES", channel)
    talk.transcript.expect(channel)


def _topic(talk: Talk, text: str) -> None:
    channel, topic = channel_first(talk.current, text)
    talk.link.command("TOPIC", channel, *([topic] if topic else []))
    talk.transcript.expect(channel)


def _list(talk: Talk, text: str) -> None:
    talk.link.command("LIST", *([checked(text)] if text else []))


def _invite(talk: Talk, text: str) -> None:
    nick, rest = split(text, 1)
    channel, excess = channel_first(talk.current, rest)
    if excess:
        raise WrongUsage
    talk.link.command("INVITE", checked(nick), channel)


def _kick(talk: Talk, text: str) -> None:
    channel, rest = channel_first(talk.current, text)
    nick, reason = split(rest, 1)
    talk.link.command("KICK", channel, checked(nick), *([reason] if reason else []))


def _ban(talk: Talk, text: str) -> None:
    channel, nick = channel_first(talk.current, text)
    if not nick:
        talk.link.command("MODE", channel, "b")
        return
    lifted, nick = taken_back(nick)
    talk.link.command("MODE", channel, "-b" if lifted else "+b", nick)


def _mode(talk: Talk, text: str) -> None:
    channel, changes = channel_first(talk.current, text)
    talk.link.command("MODE", channel, *changes.split())


# People


def _who(talk: Talk, text: str) -> None:
    if not text and not talk.current:
        raise WrongUsage
    talk.link.command("WHO", checked(text or talk.current))


def _whois(talk: Talk, text: str) -> None:
    nick, rest = split(text, 1)
    if rest:
        raise WrongUsage
    talk.link.command("WHOIS", checked(nick))


def _ignore(talk: Talk, text: str) -> None:
    if not text:
        talk.link.command("ACCOUNT", "IGNORED")
        return
    undone, nick = taken_back(text)
    talk.link.command("ACCOUNT", "UNIGNORE" if undone else "IGNORE", nick)


# Oneself


def _away(talk: Talk, text: str) -> None:
    talk.link.command("AWAY", *([text] if text else []))


async def _passwd(talk: Talk, text: str) -> None:
    if text:
        # Whatever it is, it was typed in sight: it must not become a password.
        raise WrongUsage
    if not talk.link.is_online:
        raise Unsendable("no connection at the moment")
    words = []
    for question in ("Your password now: ", "The new password: ", "The new one again: "):
        word = await talk.ask_secret(question)
        if word is None:
            talk.tell("a password can be typed on a terminal only, where nobody sees it")
            return
        if not word:
            talk.tell("nothing is changed")
            return
        words.append(word)
    old, new, again = words
    if new != again:
        talk.tell("these are not the same; nothing is changed")
        return
    try:
        encoded = [b64encode(word.encode()).decode() for word in (old, new)]
    except UnicodeEncodeError:
        talk.tell("that is not UTF-8; nothing is changed")
        return
    talk.link.command("ACCOUNT", "PASSWD64", *encoded)
    talk.change_password(old, new)


def _devices(talk: Talk, text: str) -> None:
    if not text:
        talk.link.command("ACCOUNT", "DEVICES")
        return
    verb, device = split(text, 1)
    if verb.lower() != "del" or not device:
        raise WrongUsage
    talk.link.command("ACCOUNT", "DEVICE", "DEL", device)


def _export(talk: Talk, text: str) -> None:
    talk.export(Path(os.path.expanduser(text)) if text else None)  # noqa: PTH111


async def _delete(talk: Talk, text: str) -> None:
    if text:
        # Whatever it is, it was typed in sight: it must not be taken for a password.
        raise WrongUsage
    await leaving.delete_account(talk)


def _set(talk: Talk, text: str) -> None:
    name, _, value = text.partition(" ")
    if not value and name.lower() in ("", *SETTINGS):
        for line in list_settings(talk.settings):
            talk.tell(line)
        return
    try:
        talk.tell(change(talk.settings, name, value.strip()))
    except ValueError as error:
        talk.tell(str(error))
        return
    talk.save_settings()


def _quote(talk: Talk, text: str) -> None:
    try:
        line = parse(text.encode())
    except (ProtocolError, UnicodeEncodeError):
        raise WrongUsage from None
    talk.link.command(line.command, *line.params)


def _help(talk: Talk, text: str) -> None:
    for command in COMMANDS.values():
        talk.tell(f"{command.usage}: {command.summary}")
    talk.tell("anything else is said in the current conversation; a line that begins with // is said with one /")


def _quit(talk: Talk, text: str) -> None:
    talk.stop()


COMMANDS: Final[dict[str, Command]] = {
    "join": Command("/join #channel [key]", "come into a channel, or make it", _join),
    "part": Command("/part [#channel [reason]]", "leave a channel for good", _part),
    "switch": Command("/switch #channel|nick", "talk there from now on", _switch),
    "msg": Command("/msg nick|#channel text", "say something there, once", _msg),
    "me": Command("/me text", "say what you do", _me),
    "reply": Command(
        "/reply [^number|@nick] text",
        "answer the last message to you, the one so many back, or somebody's last",
        _reply,
    ),
    "names": Command("/names [#channel]", "list the members", _names),
    "topic": Command("/topic [#channel] [text]", "show or set the topic", _topic),
    "who": Command("/who [#channel|nick]", "show who is here and who is away", _who),
    "whois": Command("/whois nick", "show what is known of somebody", _whois),
    "list": Command("/list [#channel]", "list the channels", _list),
    "history": Command(
        "/history [more] [number]",
        f"show the last messages again ({HISTORY_LINES}), or more from before these",
        _history,
    ),
    "invite": Command("/invite nick [#channel]", "ask somebody in", _invite),
    "kick": Command("/kick [#channel] nick [reason]", "put somebody out", _kick),
    "ban": Command(
        "/ban [#channel] [[-]nick]", "keep somebody out, let in again with -, or list who is kept out", _ban
    ),
    "mode": Command("/mode [#channel] [changes]", "show or change a channel's modes", _mode),
    "away": Command("/away [text]", "say that you are away; without text: that you are back", _away),
    "ignore": Command(
        "/ignore [[-]nick]", "keep somebody's direct messages away, let them through with -, or list", _ignore
    ),
    "passwd": Command("/passwd", "change your password; it asks for both", _passwd),
    "devices": Command("/devices [del ID]", "list your devices, or revoke the token of one", _devices),
    "export": Command("/export [FILE]", "write your data and all you wrote into a file, as JSON lines", _export),
    "delete": Command("/delete", "delete your account for good; it asks for its name and password", _delete),
    "set": Command("/set [name value]", "show or choose bell, colour, time and width", _set),
    "quote": Command("/quote LINE", "send a line to the server as it is", _quote),
    "help": Command("/help", "show this list", _help),
    "quit": Command("/quit", "end", _quit),
}

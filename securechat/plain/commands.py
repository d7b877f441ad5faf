"""The commands of the line mode: one table, from which /help is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from securechat.client.errors import Unsendable
from securechat.errors import ConfigError, ProtocolError
from securechat.plain.access import check_target
from securechat.plain.wording import word_action
from securechat.wire.message import parse

if TYPE_CHECKING:
    from securechat.plain.line import Talk

HISTORY_LINES: Final = 50


@dataclass(frozen=True, slots=True)
class Command:
    """What can be typed after `/`; `run` gets the rest of the line."""

    usage: str
    summary: str
    run: Callable[[Talk, str], None]


class WrongUsage(Exception):
    """What was typed lacks something; the command's usage is the answer."""


def run_command(talk: Talk, line: str) -> None:
    """Do what a line says that begins with `/`."""
    name, _, rest = line[1:].partition(" ")
    command = COMMANDS.get(name.lower())
    if command is None:
        talk.tell(f"there is no /{name}; /help lists the commands")
        return
    try:
        command.run(talk, rest.strip())
    except WrongUsage:
        talk.tell(f"use it so: {command.usage}")


def _split(text: str, needed: int) -> list[str]:
    """Return the first `needed` words and the rest; the words must be there."""
    words = text.split(maxsplit=needed)
    if len(words) < needed:
        raise WrongUsage
    return [*words, ""][: needed + 1]


def _channel_first(talk: Talk, text: str) -> tuple[str, str]:
    """Return the channel meant, which may be left out, and the rest."""
    first, _, rest = text.partition(" ")
    if first.startswith("#"):
        return _checked(first), rest.strip()
    if not talk.current.startswith("#"):
        raise WrongUsage
    return talk.current, text


def _checked(target: str) -> str:
    try:
        return check_target(target)
    except ConfigError as error:
        raise Unsendable(str(error)) from error


def _join(talk: Talk, text: str) -> None:
    channel, key = _split(text, 1)
    talk.expect(_checked(channel))
    talk.link.command("JOIN", channel, *([key] if key else []))


def _part(talk: Talk, text: str) -> None:
    channel, reason = _channel_first(talk, text)
    talk.link.command("PART", channel, *([reason] if reason else []))


def _switch(talk: Talk, text: str) -> None:
    target, rest = _split(text, 1)
    if rest:
        raise WrongUsage
    talk.switch(_checked(target))


def _msg(talk: Talk, text: str) -> None:
    target, words = _split(text, 1)
    if not words:
        raise WrongUsage
    talk.say(_checked(target), words)


def _me(talk: Talk, text: str) -> None:
    if not text:
        raise WrongUsage
    talk.say(talk.current, word_action(text))


def _names(talk: Talk, text: str) -> None:
    channel, rest = _channel_first(talk, text)
    if rest:
        raise WrongUsage
    talk.ask_names(channel)


def _topic(talk: Talk, text: str) -> None:
    channel, topic = _channel_first(talk, text)
    talk.expect(channel)
    talk.link.command("TOPIC", channel, *([topic] if topic else []))


def _invite(talk: Talk, text: str) -> None:
    nick, rest = _split(text, 1)
    channel, _ = _channel_first(talk, rest)
    talk.link.command("INVITE", _checked(nick), channel)


def _kick(talk: Talk, text: str) -> None:
    channel, rest = _channel_first(talk, text)
    nick, reason = _split(rest, 1)
    talk.link.command("KICK", channel, _checked(nick), *([reason] if reason else []))


def _away(talk: Talk, text: str) -> None:
    talk.link.command("AWAY", *([text] if text else []))


def _history(talk: Talk, text: str) -> None:
    if not talk.current or (text and not (text.isascii() and text.isdigit() and int(text[:6]) > 0)):
        raise WrongUsage
    talk.link.ask_history(talk.current, int(text[:6]) if text else HISTORY_LINES)


def _quote(talk: Talk, text: str) -> None:
    try:
        line = parse(text.encode())
    except (ProtocolError, UnicodeEncodeError):
        raise WrongUsage from None
    talk.link.command(line.command, *line.params)


def _help(talk: Talk, text: str) -> None:
    width = max(len(command.usage) for command in COMMANDS.values())
    for command in COMMANDS.values():
        talk.tell(f"{command.usage:<{width}}  {command.summary}")
    talk.tell("anything else is said in the current conversation; a line that begins with // is said with one /")


def _quit(talk: Talk, text: str) -> None:
    talk.stop()


COMMANDS: Final[dict[str, Command]] = {
    "join": Command("/join #channel [key]", "come into a channel, or make it", _join),
    "part": Command("/part [#channel] [reason]", "leave a channel for good", _part),
    "switch": Command("/switch #channel|nick", "talk there from now on", _switch),
    "msg": Command("/msg nick|#channel text", "say something there, once", _msg),
    "me": Command("/me text", "say what you do", _me),
    "names": Command("/names [#channel]", "list the members", _names),
    "topic": Command("/topic [#channel] [text]", "show or set the topic", _topic),
    "invite": Command("/invite nick [#channel]", "ask somebody in", _invite),
    "kick": Command("/kick [#channel] nick [reason]", "put somebody out", _kick),
    "away": Command("/away [text]", "say that you are away; without text: that you are back", _away),
    "history": Command("/history [number]", f"show the last messages again ({HISTORY_LINES})", _history),
    "quote": Command("/quote LINE", "send a line to the server as it is", _quote),
    "help": Command("/help", "show this list", _help),
    "quit": Command("/quit", "end", _quit),
}

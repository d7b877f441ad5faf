"""`*playback`: what a bouncer's clients ask for what they missed. (znc.in/playback, https://wiki.znc.in/Playback)"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from securechat.chat.ask import Ask
from securechat.chat.effects import Effect, ReadHistory, Send
from securechat.chat.ports import ConversationsQuery, ConversationTime, PlaybackQuery
from securechat.wire.message import Message
from securechat.wire.names import fold

NAME = "*playback"
FOREVER = 1 << 53
"""A time (ms) that never comes."""
MAX_LISTED = 1000
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_USAGE = "PLAY <conversations> [from] [to], LIST [conversations]: names or masks, commas between; times in seconds since 1970"


def is_asked(ask: Ask) -> bool:
    """Tell whether a message is for *playback."""
    return ask.message.command == "PRIVMSG" and fold(ask.param(0)) == NAME and bool(ask.param(1).strip())


def obey(ask: Ask) -> Iterable[Effect]:
    """Carry out what is said to *playback; it is no correspondent, so none of it is kept."""
    command, *words = ask.param(1).split()
    match command.lower():
        case "play" if 1 <= len(words) <= 3:
            return _play(ask, *words)
        case "list" if len(words) <= 1:
            return _list(ask, words[0] if words else "*")
        case "clear" if words:
            return [Send([_say(ask, "Nothing to clear: what was said stays in the history of each conversation")])]
    return [Send([_say(ask, _USAGE)])]


def matches(patterns: str, name: str) -> bool:
    """Tell whether a conversation is one of those asked for: names and masks (`*`, `?`), commas between."""
    folded = fold(name)
    return any(fnmatchcase(folded, fold(each).replace("[", "[[]")) for each in patterns.split(","))


def _play(ask: Ask, patterns: str, start: str = "0", end: str = "") -> Iterable[Effect]:
    if not _SECONDS.fullmatch(start) or (end and not _SECONDS.fullmatch(end)):
        return [Send([_say(ask, _USAGE)])]
    since, until = _milliseconds(start), _milliseconds(end) + 1 if end else FOREVER
    if until <= since:
        return [Send([_say(ask, _USAGE)])]
    return [ReadHistory(PlaybackQuery(ask.session.account, patterns, since, until))]


def _list(ask: Ask, patterns: str) -> Iterable[Effect]:
    def answer(ask: Ask, found: Sequence[ConversationTime], _reference: str) -> Iterable[Effect]:
        named = [(ask.world.conversation_name(stream, ask.session.account), time) for stream, time in found]
        return [Send([_say(ask, f"{name} {time / 1000:.3f}") for name, time in named if matches(patterns, name)])]

    return [ReadHistory(ConversationsQuery(ask.session.account, 0, FOREVER, MAX_LISTED), answer)]


def _milliseconds(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1000 + int(fraction[:3].ljust(3, "0"))


def _say(ask: Ask, text: str) -> Message:
    return Message("NOTICE", (ask.nick, text), f"{NAME}!{NAME}@{ask.world.server_name}")

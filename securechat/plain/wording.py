"""Events as lines for people. Every field of every event goes through `show`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeAlias

from securechat.client.errors import LineTooLong
from securechat.client.events import (
    AwayChanged,
    Departed,
    Disconnected,
    Event,
    ExportEnded,
    ExportRow,
    Failed,
    GapSuspected,
    HistoryFailed,
    HistoryRequest,
    Invited,
    Joined,
    Left,
    MessageSeen,
    ModeChanged,
    NamesListed,
    Noticed,
    PasswordChanged,
    Renamed,
    TopicSet,
)
from securechat.client.outbox import Outgoing
from securechat.plain.visible import show

SHOWN_NAMES: Final = 100

Piece: TypeAlias = tuple[str, str]
"""A part of a line: what it is (`time`, `place`, `nick`, `mention`, `text`, or "" for the rest) and its words."""

QUOTED: Final = 30
"""Characters of a message shown where it is answered."""
_ACTION: Final = "\x01ACTION "


def word_event(event: Event) -> str | None:
    """Return the line that says what happened, or None when nobody needs to be told."""
    write = _WORDINGS.get(type(event))
    return None if write is None else write(event)


def word_message(message: MessageSeen) -> str:
    """Return a message as `HH:MM #channel <nick> text`, in local time."""
    return "".join(words for _, words in compose_message(message))


def compose_message(
    message: MessageSeen, clock: str = "%H:%M", *, is_mention: bool = False, answered: MessageSeen | None = None
) -> list[Piece]:
    """Return a message in pieces: `HH:MM #channel <nick> text`, in local time.

    clock: the form of the time, as strftime has it.
    answered: the message that it answers, where that is known.
    """
    when = local_time(message.time)
    pieces = [("time", when.strftime(clock) if when else "--:--"), ("", " "), ("place", show(message.conversation))]
    pieces.append(("mention", " >> ") if is_mention else ("", " "))
    sender = show(message.sender)
    is_action, text = read_action(message.text)
    if is_action:
        pieces.append(("nick", f"* {sender}"))
    else:
        pieces.append(("nick", f"-{sender}-" if message.command == "NOTICE" else f"<{sender}>"))
    pieces.append(("", " "))
    if message.reply_to:
        pieces += [("place", _word_answered(answered)), ("", " ")]
    return [*pieces, ("text", show(text))]


def _word_answered(answered: MessageSeen | None) -> str:
    if answered is None:
        return "(an answer)"
    _, text = read_action(answered.text)
    words = text if len(text) <= QUOTED else f"{text[: QUOTED - 2]}.."
    return f"(to {show(answered.sender)}: {show(words)})"


def word_unconfirmed(message: Outgoing, nick: str, remark: str) -> str:
    """Return a message of ours of which nothing is known yet."""
    return f"?     {show(message.target)} {_word_own(message, nick)} -- {remark}"


def word_refused(message: Outgoing, nick: str) -> str:
    """Return a message of ours that the server refused."""
    reason = show(message.reason or message.code)
    return f"!     {show(message.target)} {_word_own(message, nick)} -- not sent: {reason}"


def word_action(text: str) -> str:
    """Return the text of a message that says what its sender does. (CTCP ACTION)"""
    return f"{_ACTION}{text}\x01"


def split_message(text: str, room: int) -> list[str]:
    """Cut a message into parts of at most `room` bytes, each of them an action where the whole is one.

    Raises:
        LineTooLong: there is no room for any text.
    """
    is_action, bare = read_action(text)
    if not is_action:
        return split_text(text, room)
    return [word_action(part) for part in split_text(bare, room - len(word_action("")))]


def split_text(text: str, room: int) -> list[str]:
    """Cut a text into parts of at most `room` bytes of UTF-8: between words, or else between characters.

    Raises:
        LineTooLong: there is no room for any text.
    """
    if room < 4:
        raise LineTooLong(4 - room)
    parts = []
    while len(text.encode(errors="replace")) > room:
        head = text.encode(errors="replace")[: room + 1].decode(errors="ignore")
        cut = head.rfind(" ")
        if cut <= 0:
            cut = len(text.encode(errors="replace")[:room].decode(errors="ignore"))
        parts.append(text[:cut])
        text = text[cut:].removeprefix(" ")
    return [*parts, text] if text else parts


def read_action(text: str) -> tuple[bool, str]:
    """Tell whether a text says what its sender does, and return it bare. (CTCP ACTION)"""
    if not text.startswith(_ACTION):
        return False, text
    return True, text.removeprefix(_ACTION).removesuffix("\x01")


def word_lost_connection(event: Disconnected, *, had_one: bool = True) -> str:
    """Return what to say when the connection is gone, or (without `had_one`) when an attempt to make one has failed."""
    what = "connection lost" if had_one else "not connected"
    return f"-- {what}: {show(event.reason)}; trying again in {event.delay:.1f} s"


def local_time(ms: int) -> datetime | None:
    """Return a time in milliseconds since 1970 as the local one, or None when there is no such time."""
    try:
        return datetime.fromtimestamp(ms / 1000).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _word_own(message: Outgoing, nick: str) -> str:
    is_action, text = read_action(message.text)
    return f"* {show(nick)} {show(text)}" if is_action else f"<{show(nick)}> {show(text)}"


def _because(reason: str) -> str:
    return f" ({show(reason)})" if reason else ""


def _joined(event: Joined) -> str:
    who = "you are" if event.own else f"{show(event.nick)} is"
    return f"-- {show(event.channel)}: {who} in"


def _left(event: Left) -> str:
    who = "you" if event.own else show(event.nick)
    if event.by:
        return f"-- {show(event.channel)}: {show(event.by)} put {who} out{_because(event.reason)}"
    return f"-- {show(event.channel)}: {who} left{_because(event.reason)}"


def _departed(event: Departed) -> str:
    return f"-- {show(event.nick)} is offline{_because(event.reason)}"


def _renamed(event: Renamed) -> str:
    return f"-- {show(event.nick)} is now called {show(event.new_nick)}"


def _topic(event: TopicSet) -> str:
    if not event.by:
        return f"-- {show(event.channel)}: " + (f"topic: {show(event.topic)}" if event.topic else "no topic")
    what = f"topic: {show(event.topic)}" if event.topic else "no topic any more"
    return f"-- {show(event.channel)}: {what} (by {show(event.by)})"


def _names(event: NamesListed) -> str:
    if not event.members:
        return f"-- {show(event.channel)}: no such channel, or nobody in it whom you may see"
    names = " ".join(show(prefix + nick) for prefix, nick in event.members[:SHOWN_NAMES])
    more = len(event.members) - SHOWN_NAMES
    count = "1 member" if len(event.members) == 1 else f"{len(event.members)} members"
    return f"-- {show(event.channel)}: {count}: {names}" + (f" and {more} more" if more > 0 else "")


def _away(event: AwayChanged) -> str:
    return (
        f"-- {show(event.nick)} is back"
        if event.message is None
        else f"-- {show(event.nick)} is away: {show(event.message)}"
    )


def _mode(event: ModeChanged) -> str:
    by = f" (by {show(event.by)})" if event.by else ""
    return f"-- {show(event.target)}: mode {show(' '.join(event.changes))}{by}"


def _invited(event: Invited) -> str:
    return f"-- {show(event.by)} invites {show(event.nick)} to {show(event.channel)}"


def _failed(event: Failed) -> str:
    words = [show(word) for word in (event.command, event.context) if word]
    where = f"{' '.join(words)}: " if words else ""
    return f"-- not done: {where}{show(event.reason)} ({show(event.code)})"


def _history_failed(event: HistoryFailed) -> str:
    where = show(event.request.target) if isinstance(event.request, HistoryRequest) else "history"
    return f"-- {where}: {show(event.reason)} ({show(event.code)})"


def _gap(event: GapSuspected) -> str:
    where = "" if event.conversation == "*" else f"{show(event.conversation)}: "
    return f"-- {where}messages may be missing here ({show(event.reason)})"


def _password_changed(event: PasswordChanged) -> str:
    return "-- your password is changed; your other devices must sign in anew"


def _export_row(event: ExportRow) -> str:
    return f"-- {show(event.text)}"


def _export_ended(event: ExportEnded) -> str:
    return "-- that is all that is kept of you"


def _noticed(event: Noticed) -> str:
    return f"-- {show(event.text)}"


_WORDINGS: Final[dict[type, Callable[[Any], str | None]]] = {
    MessageSeen: word_message,
    Joined: _joined,
    Left: _left,
    Departed: _departed,
    Renamed: _renamed,
    TopicSet: _topic,
    NamesListed: _names,
    AwayChanged: _away,
    ModeChanged: _mode,
    Invited: _invited,
    Failed: _failed,
    HistoryFailed: _history_failed,
    GapSuspected: _gap,
    Noticed: _noticed,
    PasswordChanged: _password_changed,
    ExportRow: _export_row,
    ExportEnded: _export_ended,
}

"""What of all that happens is printed, and how: greetings of channels, where the new begins, mentions, days, answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from securechat.client.events import (
    Event,
    Following,
    Joined,
    Left,
    Listing,
    MessageSeen,
    NamesListed,
    TopicSet,
)
from securechat.client.notebook import Notebook
from securechat.client.state import State
from securechat.client.translate import is_channel
from securechat.plain.listed import word_listing
from securechat.plain.lookback import Found
from securechat.plain.paper import Paper
from securechat.plain.settings import Settings
from securechat.plain.visible import show
from securechat.plain.wording import Piece, compose_message, local_time, word_event
from securechat.wire.names import fold

REMEMBERED: Final = 2000
"""Messages that can be answered by number or name, and quoted where somebody answers them."""
MAX_KNOWN: Final = 2000
"""Names of channels that were listed, for Tab; conversations of which it is known where what is in sight begins."""


class Transcript:
    """Prints events, and remembers of them what commands and Tab ask for.

    notebook: where it is noted how far one has read, or None.
    noted: called whenever something was noted.
    """

    def __init__(
        self,
        state: State,
        paper: Paper,
        settings: Settings,
        notebook: Notebook | None = None,
        noted: Callable[[], None] = lambda: None,
    ) -> None:
        self._state = state
        self._paper = paper
        self._settings = settings
        self._notebook = notebook
        self._noted = noted
        self._unread: dict[str, int] = {}
        self._known: list[str] = []
        if notebook is not None:
            self._known = notebook.conversations
            for name, (time, _) in notebook.positions.items():
                self._unread[fold(name)] = max(time, notebook.left)
        self._introduced: set[str] = set()
        self._expected: set[str] = set()
        # What was said today needs no date.
        self._day = _word_day(datetime.now().astimezone())
        self._messages: dict[str, MessageSeen] = {}
        self._listed: dict[str, str] = {}
        self._earliest: dict[str, str] = {}

    # Printing

    def tell(self, text: str) -> None:
        """Print a remark of our own."""
        self._line(f"-- {show(text)}")

    def expect(self, channel: str) -> None:
        """Print the next topic and list of names of a channel: they were asked for."""
        self._expected.add(fold(channel))
        self._introduced.discard(fold(channel))

    def expects(self, channel: str) -> bool:
        """Tell whether something of a channel was asked for and has not come yet."""
        return fold(channel) in self._expected

    def show_event(self, event: Event) -> None:
        """Print what an event tells, if anything."""
        match event:
            case MessageSeen():
                self._show_message(event)
            case Following():
                self._follow(event.conversation)
            case Listing():
                for line in word_listing(event):
                    self._line(line)
                if event.kind == "channels":
                    self._listed = {fold(row[0]): row[0] for row in event.rows[:MAX_KNOWN]}
            case _:
                news = word_event(event) if self._is_news(event) else None
                if news is not None:
                    self._line(news)

    def show_found(self, found: Found) -> None:
        """Print what somebody has looked back for."""
        for message in found.messages:
            self._print_message(message, is_mention=False)
        where = show(found.conversation)
        if found.messages:
            self._earliest[fold(found.conversation)] = found.messages[0].msgid
        if found.is_all:
            self._line(f"-- {where}: there is nothing earlier")
        elif found.messages:
            self._line(f"-- {where}: /history more shows what was before this")

    def before_what_is_seen(self, conversation: str) -> str:
        """Return the place where what is in sight of a conversation begins, as `Link.ask_history` takes it."""
        msgid = self._earliest.get(fold(conversation))
        return f"msgid={msgid}" if msgid else "*"

    def introduce(self, name: str) -> None:
        """Print the topic and the members of a channel, as far as known."""
        channel = self._state.find_channel(name)
        if channel is None:
            return
        if channel.topic:
            self._line(word_event(TopicSet(channel.name, channel.topic)) or "")
        if channel.members:
            self._line(word_event(NamesListed(channel.name, tuple(channel.members.values()))) or "")

    def _show_message(self, message: MessageSeen) -> None:
        since = self._unread.pop(fold(message.conversation), None)
        # What comes as it is said needs no line before it.
        if since is not None and message.replayed:
            self._paper.rule(f"{show(message.conversation)}: new since {self._word_moment(since)}")
        is_mention = self._is_for_me(message) and is_channel(message.conversation)
        self._print_message(message, is_mention=is_mention)
        self._remember(message)
        self._note(message.conversation, message.time, message.msgid)
        if self._settings.bell and not message.replayed and self._is_for_me(message):
            self._paper.ring()

    def _print_message(self, message: MessageSeen, *, is_mention: bool) -> None:
        when = local_time(message.time)
        day = _word_day(when) if when else self._day
        if day != self._day:
            self._day = day
            self._paper.turn_day(day)
        answered = self._messages.get(message.reply_to)
        clock = self._settings.time
        self._paper.print(compose_message(message, clock, is_mention=is_mention, answered=answered))

    def _word_moment(self, ms: int) -> str:
        when, now = local_time(ms), local_time(self._state.latest_time or ms)
        if when is None or now is None:
            return "last time"
        clock = when.strftime(self._settings.time)
        return clock if when.date() == now.date() else f"{when:%d %b} {clock}"

    def _is_for_me(self, message: MessageSeen) -> bool:
        if message.own:
            return False
        answered = self._messages.get(message.reply_to)
        if not is_channel(message.conversation) or (answered is not None and answered.own):
            return True
        return mentions(message.text, self._state.nick)

    def _is_news(self, event: Event) -> bool:
        """Tell whether a channel's state was asked for or is new; after a reconnect it is the same old story."""
        if isinstance(event, TopicSet) and event.by:
            return True
        if isinstance(event, TopicSet | NamesListed) or (isinstance(event, Joined) and event.own):
            news = fold(event.channel) not in self._introduced
            if isinstance(event, NamesListed):
                self._introduced.add(fold(event.channel))
                self._expected.discard(fold(event.channel))
            return news
        if isinstance(event, Left) and event.own:
            self._introduced.discard(fold(event.channel))
        return True

    def _line(self, text: str) -> None:
        piece: Piece = ("talk", text)
        self._paper.print([piece])

    # Remembering

    def _follow(self, conversation: str) -> None:
        self._unread.pop(fold(conversation), None)
        position = self._state.position(conversation)
        if position is not None:
            # Also of a conversation without a message: what comes while we are away is then known to be new.
            self._note(conversation, position.time, position.msgid)

    def _note(self, conversation: str, time: int, msgid: str) -> None:
        if self._notebook is not None and self._notebook.note(conversation, time, msgid):
            self._noted()

    def _remember(self, message: MessageSeen) -> None:
        if message.msgid:
            if len(self._earliest) < MAX_KNOWN:
                self._earliest.setdefault(fold(message.conversation), message.msgid)
            self._messages.pop(message.msgid, None)
            self._messages[message.msgid] = message
            while len(self._messages) > REMEMBERED:
                del self._messages[next(iter(self._messages))]

    # What commands and Tab ask for

    def latest_to_me(self) -> MessageSeen | None:
        """Return the last message that somebody wrote to us: directly, by name, or in answer."""
        return next((message for message in self._backwards() if self._is_for_me(message)), None)

    def latest_of(self, nick: str, conversation: str) -> MessageSeen | None:
        """Return the last message of somebody in a conversation, or else anywhere."""
        theirs = [message for message in self._backwards() if fold(message.sender) == fold(nick)]
        here = [message for message in theirs if fold(message.conversation) == fold(conversation)]
        return next(iter([*here, *theirs]), None)

    def numbered(self, number: int, conversation: str) -> MessageSeen | None:
        """Return the message that is so many back in a conversation, 1 for the last; those of others only."""
        heard = [
            message
            for message in self._backwards()
            if not message.own and fold(message.conversation) == fold(conversation)
        ]
        return heard[number - 1] if 0 < number <= len(heard) else None

    def nicks(self, conversation: str) -> list[str]:
        """Return whom one may want to name: who spoke there lately first, then who is there, then the others."""
        here = [
            message.sender
            for message in self._backwards()
            if not message.own and fold(message.conversation) == fold(conversation)
        ]
        channel = self._state.find_channel(conversation)
        members = sorted((nick for _, nick in channel.members.values()), key=fold) if channel else []
        elsewhere = [message.sender for message in self._backwards() if not message.own]
        named = {fold(self._state.nick): self._state.nick}
        for nick in [*here, *members, *elsewhere]:
            named.setdefault(fold(nick), nick)
        # A name that would not be shown as it is cannot be meant either.
        return [nick for nick in list(named.values())[1:] if show(nick) == nick]

    def channels(self) -> list[str]:
        """Return the channels one may want to name: those one is in, then those that were listed."""
        names = {**{fold(name): name for name in self.channels_of_mine()}, **self._listed}
        return [name for name in names.values() if show(name) == name]

    def channels_of_mine(self) -> list[str]:
        """Return the channels one is in; before there was a connection, those of last time."""
        last_time = [name for name in self._known if is_channel(name)]
        return [channel.name for channel in self._state.channels.values()] or last_time

    def known(self) -> list[str]:
        """Return the conversations of last time, until there was a connection; what was said last comes first."""
        return self._known

    def forget_last_time(self) -> None:
        """Go by what the server says from now on."""
        self._known = []

    def _backwards(self) -> list[MessageSeen]:
        return list(reversed(self._messages.values()))


def _word_day(when: datetime) -> str:
    return f"{when:%A, %d %B %Y}"


def mentions(text: str, nick: str) -> bool:
    """Tell whether a text names somebody, as a word of its own."""
    return bool(nick) and re.search(rf"(?<![\w-]){re.escape(nick)}(?![\w-])", text, re.IGNORECASE) is not None

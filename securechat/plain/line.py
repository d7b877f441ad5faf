"""The line mode: what happens is printed line by line, what is typed is said or done."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Final

from securechat.client.errors import LineTooLong, Unsendable
from securechat.client.events import (
    Acknowledged,
    Disconnected,
    Event,
    HistoryPage,
    Joined,
    Left,
    NamesListed,
    Refused,
    SignedIn,
    TopicSet,
)
from securechat.client.link import Link
from securechat.client.outbox import Delivery, Outgoing
from securechat.client.translate import is_channel
from securechat.plain.access import Access
from securechat.plain.commands import run_command
from securechat.plain.printed import print_line, warn
from securechat.plain.typed import find_stdin, prompt_lines, read_lines
from securechat.plain.visible import show
from securechat.plain.wording import (
    word_event,
    word_lost_connection,
    word_message,
    word_refused,
    word_unconfirmed,
)
from securechat.wire.names import fold

BACKLOG: Final = 50
"""Earlier messages of each conversation to begin with."""
FAREWELL: Final = 10.0
"""Seconds that quitting waits for what has no echo yet."""


class Talk:
    """One person's line mode over one link."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.current = ""
        self._stopped = False
        self._introduced: set[str] = set()
        self._expected: set[str] = set()
        self._unconfirmed: dict[str, Outgoing] = {}
        self._doubted: set[str] = set()

    async def run(self, lines: AsyncIterator[bytes]) -> int:
        """Print and read until the lines end or /quit; returns the exit code.

        Raises:
            SecurechatError: the link ended for good.
        """
        watching = asyncio.create_task(self._watch())
        reading = asyncio.create_task(self._read(lines))
        try:
            await asyncio.wait({watching, reading}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
            code = await reading
            # What was echoed before the goodbye is still to be printed.
            await self.link.close()
            await watching
            return code
        finally:
            for task in (watching, reading):
                task.cancel()
            await asyncio.gather(watching, reading, return_exceptions=True)

    # What commands do

    def tell(self, text: str) -> None:
        """Print a remark of our own."""
        print_line(f"-- {show(text)}")

    def say(self, target: str, text: str) -> None:
        """Send a text, in several messages when it is too long for one."""
        if not target:
            raise Unsendable("you are in no channel: /join #channel, or /switch nick")
        for part in split_text(text, self.link.room_for(target)):
            message = self.link.post(target, part)
            self._unconfirmed[message.id] = message
            if not self.link.is_online:
                print_line(word_unconfirmed(message, self.link.state.nick, "will be sent when the connection is back"))

    def switch(self, target: str) -> None:
        """Make a conversation the one that is talked in."""
        if is_channel(target) and self.link.state.find_channel(target) is None:
            raise Unsendable(f"you are not in {target}: /join {target}")
        self.current = target
        self.tell(f"you talk in {target} now")

    def expect(self, channel: str) -> None:
        """Print the next topic and list of names of a channel: they were asked for."""
        self._expected.add(fold(channel))
        self._introduced.discard(fold(channel))

    def ask_names(self, channel: str) -> None:
        """Print who is in a channel."""
        self.expect(channel)
        self.link.command("NAMES", channel)

    def stop(self) -> None:
        """End the talk after this line."""
        self._stopped = True

    # Reading

    async def _read(self, lines: AsyncIterator[bytes]) -> int:
        async for line in lines:
            try:
                self._take_line(line.decode())
            except UnicodeDecodeError:
                self.tell("that line is not UTF-8 and was not sent")
            except (LineTooLong, Unsendable) as error:
                self.tell(f"not sent: {error}")
            if self._stopped:
                break
        return await self._say_goodbye()

    def _take_line(self, line: str) -> None:
        if not line.strip():
            return
        if line.startswith("/") and not line.startswith("//"):
            run_command(self, line)
        else:
            self.say(self.current, line.removeprefix("/") if line.startswith("//") else line)

    async def _say_goodbye(self) -> int:
        waiting = [asyncio.ensure_future(self.link.confirm(message, FAREWELL)) for message in self.link.outbox.waiting]
        await asyncio.gather(*waiting, return_exceptions=True)
        for message in self.link.outbox.waiting:
            print_line(word_unconfirmed(message, self.link.state.nick, "not confirmed; it may have been sent"))
        return 1 if len(self.link.outbox) else 0

    # Printing

    async def _watch(self) -> None:
        async for event in self.link:
            self._take_event(event)

    def _take_event(self, event: Event) -> None:
        match event:
            case Disconnected():
                warn(word_lost_connection(event))
                self._doubt_unconfirmed()
            case SignedIn():
                warn(f"-- connected to {self.link.address} as {show(event.nick)}")
            case Acknowledged():
                self._unconfirmed.pop(event.id, None)
                self._doubted.discard(event.id)
            case Refused():
                self._doubted.discard(event.id)
                refused = self._unconfirmed.pop(event.id, None)
                if refused is not None:
                    print_line(word_refused(refused, self.link.state.nick))
            case HistoryPage():
                for seen in event.messages:
                    print_line(word_message(seen))
            case _:
                self._follow_channels(event)
                line = word_event(event) if self._is_news(event) else None
                if line is not None:
                    print_line(line)

    def _doubt_unconfirmed(self) -> None:
        """Say once of each message that was on its way when the connection went that nothing is known of it."""
        for message in self.link.outbox.waiting:
            if message.delivery is Delivery.UNKNOWN and message.id not in self._doubted:
                self._doubted.add(message.id)
                remark = "not confirmed; will be sent again, and stored once"
                print_line(word_unconfirmed(message, self.link.state.nick, remark))

    def _follow_channels(self, event: Event) -> None:
        if isinstance(event, Joined) and event.own:
            asked = fold(event.channel) in self._expected
            if asked or not self.current:
                self.current = event.channel
        if isinstance(event, Left) and event.own:
            self._introduced.discard(fold(event.channel))
            if fold(event.channel) == fold(self.current):
                others = iter(self.link.state.channels.values())
                self.current = next((channel.name for channel in others), "")

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
        return True


async def talk(access: Access) -> int:
    """Run the line mode until it is left; returns the exit code."""
    async with access.open_link(backlog=BACKLOG) as link:
        conversation = Talk(link)
        stdin = find_stdin()
        dumb = os.environ.get("TERM", "dumb") == "dumb"
        if os.isatty(stdin) and sys.stdout is not None and sys.stdout.isatty() and not dumb:
            return await conversation.run(prompt_lines(lambda: f"[{show(conversation.current)}] "))
        return await conversation.run(read_lines(stdin))


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

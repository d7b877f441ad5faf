"""The line mode: what happens is printed line by line, what is typed is said or done."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from securechat.client.errors import LineTooLong, Unsendable
from securechat.client.events import (
    Acknowledged,
    Disconnected,
    Event,
    Joined,
    Left,
    PasswordChanged,
    Refused,
    SignedIn,
)
from securechat.client.link import Link
from securechat.client.outbox import Delivery, Outgoing
from securechat.client.translate import is_channel
from securechat.plain.access import Access
from securechat.plain.belongings import Belongings, unpack
from securechat.plain.commands import run_command
from securechat.plain.paper import Paper, Roll
from securechat.plain.settings import Settings
from securechat.plain.transcript import Transcript
from securechat.plain.typed import find_stdin, read_lines
from securechat.plain.visible import show
from securechat.plain.wording import read_action, word_lost_connection, word_refused, word_unconfirmed
from securechat.wire.names import fold

BACKLOG: Final = 50
"""Earlier messages of each conversation to begin with."""
FAREWELL: Final = 10.0
"""Seconds that quitting waits for what has no echo yet."""
SAVING: Final = 1.0
"""Seconds between two times that it is written down how far one has read."""


class Talk:
    """One person's line mode over one link.

    paper: where it is printed. belongings: what is kept beyond its end.
    """

    def __init__(self, link: Link, paper: Paper | None = None, belongings: Belongings | None = None) -> None:
        self.link = link
        self.current = ""
        self._paper = paper or Roll()
        self._belongings = belongings or Belongings()
        self.transcript = Transcript(link.state, self._paper, self.settings, self._belongings.notebook, self._save_soon)
        self._stopped = False
        self._unconfirmed = {message.id: message for message in link.outbox.waiting}
        self._doubted: set[str] = set(self._unconfirmed)
        self._saving: asyncio.TimerHandle | None = None
        self._passwords: tuple[str, str] | None = None
        self._outage = ""

    async def run(self, lines: AsyncGenerator[str | bytes, None]) -> int:
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
            if self._saving is not None:
                self._saving.cancel()

    # What commands do

    @property
    def settings(self) -> Settings:
        """What this person has chosen."""
        return self._belongings.settings

    def tell(self, text: str) -> None:
        """Print a remark of our own."""
        self.transcript.tell(text)

    def say(self, target: str, text: str, *, reply_to: str = "") -> None:
        """Send a text, in several messages when it is too long for one."""
        if not target:
            raise Unsendable("you are in no channel: /join #channel, or /switch nick")
        for part in split_text(text, self.link.room_for(target)):
            message = self.link.post(target, part, reply_to=reply_to)
            reply_to = ""
            self._unconfirmed[message.id] = message
            if not self.link.is_online and not self._paper.shows_pending:
                self._print_unconfirmed(message, "will be sent when the connection is back")

    def switch(self, target: str) -> None:
        """Make a conversation the one that is talked in."""
        if is_channel(target) and self.link.state.find_channel(target) is None:
            raise Unsendable(f"you are not in {target}: /join {target}")
        self.current = target
        self.tell(f"you talk in {target} now")
        self.transcript.introduce(target)

    async def ask_secret(self, question: str) -> str | None:
        """Return what somebody types unseen, or None where nobody can."""
        return await self._paper.ask_secret(question)

    def change_password(self, old: str, new: str) -> None:
        """Remember that we asked for another password, until the server has said that it is so."""
        self._passwords = (old, new)

    def save_settings(self) -> None:
        """Remember the settings for the next start."""
        try:
            self._belongings.save_settings()
        except OSError as error:
            self.tell(f"not remembered: {error.strerror}")

    def stop(self) -> None:
        """End the talk after this line."""
        self._stopped = True

    # What the paper shows

    def pending(self) -> list[str]:
        """Return a line for each message without an echo: `..` it is on its way, `?` nothing is known of it."""
        return [
            f"{'?' if message.delivery is Delivery.UNKNOWN else '..'} {show(message.target)} "
            f"{show(read_action(message.text)[1])}"
            for message in self.link.outbox.waiting
        ]

    # Reading

    async def _read(self, lines: AsyncGenerator[str | bytes, None]) -> int:
        async with aclosing(lines):
            async for line in lines:
                try:
                    await self._take_text(line if isinstance(line, str) else line.decode())
                except UnicodeDecodeError:
                    self.tell("that line is not UTF-8 and was not sent")
                except (LineTooLong, Unsendable) as error:
                    self.tell(f"not sent: {error}")
                if self._stopped:
                    break
        return await self._say_goodbye()

    async def _take_text(self, text: str) -> None:
        """Take what was typed: a command, or one or more lines to say."""
        if text.startswith("/") and not text.startswith("//"):
            if "\n" in text.rstrip():
                raise Unsendable("a command is one line")
            await run_command(self, text.rstrip("\n"))
            return
        # Only the first line is looked at: what is pasted behind it is no command, whatever it begins with.
        lines = text.removeprefix("/" if text.startswith("//") else "").split("\n")
        for number, line in enumerate(lines, start=1):
            try:
                if line.strip():
                    self.say(self.current, line)
            except (LineTooLong, Unsendable) as error:
                raise Unsendable(
                    f"{error}" if len(lines) == 1 else f"line {number} and what follows: {error}"
                ) from error

    async def _say_goodbye(self) -> int:
        kept = self.link.outbox.is_kept
        # Nobody is kept waiting for a server that is away when the next start can say it as well.
        patience = FAREWELL if self.link.is_online or not kept else 0
        waiting = [asyncio.ensure_future(self.link.confirm(message, patience)) for message in self.link.outbox.waiting]
        await asyncio.gather(*waiting, return_exceptions=True)
        remark = "not confirmed; " + (
            "sent again at the next start, and stored once" if kept else "it may have been sent"
        )
        for message in self.link.outbox.waiting:
            self._print_unconfirmed(message, remark)
        return 1 if len(self.link.outbox) else 0

    # Printing

    async def _watch(self) -> None:
        self._greet()
        async for event in self.link:
            self._take_event(event)

    def _greet(self) -> None:
        for complaint in self._belongings.complaints:
            self._paper.warn(f"-- {show(complaint)}")
        left = len(self._unconfirmed)
        if left:
            these = "1 message of last time was" if left == 1 else f"{left} messages of last time were"
            self.tell(f"{these} not confirmed; sent again now, and stored once")

    def _take_event(self, event: Event) -> None:
        match event:
            case Disconnected():
                if event.reason != self._outage:
                    # Said once, and not at every attempt of a long night.
                    self._outage = event.reason
                    self._paper.warn(word_lost_connection(event))
                self._doubt_unconfirmed()
            case SignedIn():
                self._outage = ""
                self._paper.warn(f"-- connected to {self.link.address} as {show(event.nick)}")
            case Acknowledged():
                self._unconfirmed.pop(event.id, None)
                self._doubted.discard(event.id)
            case Refused():
                self._doubted.discard(event.id)
                refused = self._unconfirmed.pop(event.id, None)
                if refused is not None:
                    self._paper.print([("mention", word_refused(refused, self.link.state.nick))])
            case _:
                self._follow_channels(event)
                if isinstance(event, PasswordChanged) and self._passwords is not None:
                    self.link.replace_secret(*self._passwords)
                    self._passwords = None
                self.transcript.show_event(event)

    def _doubt_unconfirmed(self) -> None:
        """Say once of each message that was on its way when the connection went that nothing is known of it."""
        for message in self.link.outbox.waiting:
            if message.delivery is Delivery.UNKNOWN and message.id not in self._doubted:
                self._doubted.add(message.id)
                if not self._paper.shows_pending:
                    self._print_unconfirmed(message, "not confirmed; will be sent again, and stored once")

    def _print_unconfirmed(self, message: Outgoing, remark: str) -> None:
        self._paper.print([("talk", word_unconfirmed(message, self.link.state.nick, remark))])

    def _follow_channels(self, event: Event) -> None:
        if isinstance(event, Joined) and event.own and (self.transcript.expects(event.channel) or not self.current):
            self.current = event.channel
        if isinstance(event, Left) and event.own and fold(event.channel) == fold(self.current):
            others = iter(self.link.state.channels.values())
            self.current = next((channel.name for channel in others), "")

    def _save_soon(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(SAVING, self._save)

    def _save(self) -> None:
        self._saving = None
        try:
            self._belongings.save_notebook()
        except OSError as error:
            self._paper.warn(f"-- how far you have read cannot be written down: {error.strerror}")


async def talk(access: Access) -> int:
    """Run the line mode until it is left; returns the exit code."""
    stdin = find_stdin()
    dumb = os.environ.get("TERM", "dumb") == "dumb"
    on_terminal = os.isatty(stdin) and sys.stdout is not None and sys.stdout.isatty() and not dumb
    belongings = unpack(access.home)
    try:
        since = belongings.notebook.positions if belongings.notebook is not None else {}
        async with access.open_link(backlog=BACKLOG, since=since, outbox=belongings.make_outbox()) as link:
            if not on_terminal:
                return await Talk(link, Roll(), belongings).run(read_lines(stdin))
            # What only a terminal needs costs everybody else time.
            from securechat.plain.terminal import talk_on_terminal

            return await talk_on_terminal(link, belongings)
    finally:
        belongings.pack()


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

"""The line mode: what happens is printed line by line, what is typed is said or done."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Final

from securechat.client.errors import LineTooLong, Unsendable
from securechat.client.events import (
    AccountDeleted,
    Acknowledged,
    Disconnected,
    Event,
    HistoryFailed,
    HistoryPage,
    Joined,
    Left,
    PasswordChanged,
    Refused,
    Renamed,
    SignedIn,
)
from securechat.client.link import Link
from securechat.client.outbox import Delivery, Outgoing
from securechat.client.translate import is_channel
from securechat.plain.access import Access
from securechat.plain.belongings import Belongings, unpack
from securechat.plain.commands import run_command
from securechat.plain.leaving import AccountGone, forget_account
from securechat.plain.lookback import Lookback
from securechat.plain.paper import Paper, Roll
from securechat.plain.settings import Settings
from securechat.plain.takeout import Takeout, name_file
from securechat.plain.transcript import Transcript
from securechat.plain.typed import find_stdin, read_lines
from securechat.plain.visible import show
from securechat.plain.wording import (
    read_action,
    split_message,
    word_lost_connection,
    word_refused,
    word_unconfirmed,
)
from securechat.wire.names import fold

BACKLOG: Final = 50
"""Earlier messages of each conversation to begin with."""
FAREWELL: Final = 10.0
"""Seconds that quitting waits for what has no echo yet."""
SAVING: Final = 1.0
"""Seconds between two times that it is written down how far one has read."""
PATIENT: Final = 1.0
"""Seconds of that which pass without a word."""
NOWHERE: Final = "you talk nowhere now: /switch #channel or nick, or /join #channel"
NAMED: Final = 10
"""Conversations of last time that are named while there is no connection."""


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
        self.lookback = Lookback(link.ask_history)
        self._takeout = Takeout(self.tell)
        self._stopped = False
        self._code = 0
        self._was_put_out = False
        self._unconfirmed = {message.id: message for message in link.outbox.waiting}
        self._doubted: set[str] = set(self._unconfirmed)
        self._saving: asyncio.TimerHandle | None = None
        self._passwords: tuple[str, str] | None = None
        self._outage = ""
        self._is_in = False

    async def run(self, lines: AsyncGenerator[str | bytes, None]) -> int:
        """Print and read until the lines end or /quit; returns the exit code.

        Raises:
            SecurechatError: the link ended for good. AccountGone: so did the account.
        """
        watching = asyncio.create_task(self._watch())
        reading = asyncio.create_task(self._read(lines))
        try:
            await asyncio.wait({watching, reading}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
            await reading
            # What was echoed before the goodbye is still to be printed.
            await self.link.close()
            await watching
            return self._code or (1 if len(self.link.outbox) else 0)
        finally:
            for task in (watching, reading):
                task.cancel()
            await asyncio.gather(watching, reading, return_exceptions=True)
            self._takeout.break_off("the end came before")
            if self._saving is not None:
                self._saving.cancel()
            self._tell_left_behind()

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
            raise Unsendable(NOWHERE)
        for part in split_message(text, self.link.room_for(target)):
            message = self.link.post(target, part, reply_to=reply_to)
            reply_to = ""
            self._unconfirmed[message.id] = message
            if not self.link.is_online and not self._paper.shows_pending:
                self._print_unconfirmed(message, "will be sent when the connection is back")

    def count_messages(self, text: str) -> int:
        """Return in how many messages a text of one or more lines would be said here."""
        room = self.link.room_for(self.current)
        try:
            return sum(len(split_message(line, room)) for line in text.split("\n") if line.strip())
        except LineTooLong:
            return 0

    def switch(self, target: str) -> None:
        """Make a conversation the one that is talked in."""
        if is_channel(target) and fold(target) not in map(fold, self.transcript.channels_of_mine()):
            raise Unsendable(f"you are not in {target}: /join {target}")
        self.current = target
        self.tell(f"you talk in {target} now")
        self.transcript.introduce(target)

    def export(self, path: Path | None) -> None:
        """Have all that the server keeps of us written into a file; without a path into a new one here."""
        if not self.link.is_online:
            raise Unsendable("no connection at the moment")
        self._takeout.begin(path or name_file(self.link.state.nick, datetime.now().astimezone()))
        self.link.command("ACCOUNT", "EXPORT")

    async def ask(self, question: str) -> str | None:
        """Return what somebody answers, or None where nobody can."""
        return await self._paper.ask(show(question))

    async def ask_secret(self, question: str) -> str | None:
        """Return what somebody types unseen, or None where nobody can."""
        return await self._paper.ask_secret(show(question))

    def change_password(self, old: str, new: str) -> None:
        """Remember that we asked for another password, until the server has said that it is so."""
        self._passwords = (old, new)

    def save_settings(self) -> None:
        """Remember the settings for the next start."""
        try:
            self._belongings.save_settings()
        except OSError as error:
            self.tell(f"not remembered: {error.strerror}")

    def stop(self, code: int = 0) -> None:
        """End the talk after this line; with an exit code of its own at once, without waiting for any echo."""
        self._stopped, self._code = True, code

    # What the paper shows

    def pending(self) -> list[str]:
        """Return a line for each message without an echo: `..` it is on its way, `?` nothing is known of it."""
        return [
            f"{'?' if message.delivery is Delivery.UNKNOWN else '..'} {show(message.target)} "
            f"{show(read_action(message.text)[1])}"
            for message in self.link.outbox.waiting
        ]

    # Reading

    async def _read(self, lines: AsyncGenerator[str | bytes, None]) -> None:
        async with aclosing(lines):
            async for line in lines:
                try:
                    # A terminal's bytes that are not UTF-8 come as surrogates, which cannot be encoded.
                    await self._take_text((line if isinstance(line, bytes) else line.encode()).decode())
                except UnicodeError:
                    self.tell("that line is not UTF-8 and was not sent; set the terminal to UTF-8")
                except (LineTooLong, Unsendable) as error:
                    self.tell(f"not sent: {error}")
                if self._stopped:
                    break
        await self._say_goodbye()

    async def _take_text(self, text: str) -> None:
        """Take what was typed: a command, or one or more lines to say."""
        if is_command(text):
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

    async def _say_goodbye(self) -> None:
        if not self._stopped:
            # Lines that come to their end ask for everything in them; /quit asks for the end.
            await self._takeout.wait()
        # Nobody is kept waiting for a server that is away when the next start can say it as well.
        if self._code or (self.link.outbox.is_kept and not self.link.is_online):
            return
        notice = asyncio.get_running_loop().call_later(PATIENT, self._tell_waiting)
        try:
            waiting = [self.link.confirm(message, FAREWELL) for message in self.link.outbox.waiting]
            await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            notice.cancel()

    def _tell_waiting(self) -> None:
        count = len(self.link.outbox)
        self.tell(f"waiting for {count} message{'s' * (count > 1)} to be confirmed; Ctrl-C leaves at once")

    def _tell_left_behind(self) -> None:
        """Say of each message that we leave without knowing what became of it."""
        later = "sent again at the next start, and stored once" if self.link.outbox.is_kept else "it may have been sent"
        for message in self.link.outbox.waiting:
            if message.id in self._unconfirmed:
                self._print_unconfirmed(message, f"not confirmed; {later}")

    # Printing

    async def _watch(self) -> None:
        self._greet()
        async for event in self.link:
            self._take_event(event)

    def _greet(self) -> None:
        for complaint in self._belongings.complaints:
            self._paper.warn(f"-- {show(complaint)}")
        if not self.link.is_online:
            self._greet_offline()
        left = len(self._unconfirmed)
        if left:
            these = "1 message of last time was" if left == 1 else f"{left} messages of last time were"
            when = "now" if self.link.is_online else "when the server is there"
            self.tell(f"{these} not confirmed; sent again {when}, and stored once")

    def _greet_offline(self) -> None:
        """Say what is known of last time, and begin there."""
        known = self.transcript.known()
        channels = self.transcript.channels_of_mine()
        self.current = next(iter([*channels, *known]), "")
        if known:
            more = len(known) - NAMED
            names = ", ".join(known[:NAMED]) + (f" and {more} more" if more > 0 else "")
            self.tell(f"known from last time: {names}")
        where = f" in {self.current}" if self.current else ""
        self.tell(f"not connected yet; what you say{where} is sent when the server is there")
        if not self._paper.shows_pending:
            for message in self.link.outbox.waiting:
                self._print_unconfirmed(message, "not confirmed last time")

    def _take_event(self, event: Event) -> None:
        if self._takeout.take(event):
            return
        match event:
            case Disconnected():
                self._take_outage(event)
            case SignedIn():
                self._outage, self._is_in = "", True
                self.transcript.forget_last_time()
                self._paper.warn(f"-- connected to {self.link.address} as {show(event.nick)}")
            case Renamed() if event.own:
                self.tell(self._belongings.follow_name(event.new_nick))
            case AccountDeleted():
                self.tell("your account is deleted")
                self._unconfirmed.clear()
                raise AccountGone
            case HistoryPage():
                found = self.lookback.take(event)
                if found is not None:
                    self.transcript.show_found(found)
            case Acknowledged() | Refused():
                self._settle(event)
            case _:
                if isinstance(event, HistoryFailed):
                    self.lookback.fail(event.request)
                if isinstance(event, PasswordChanged) and self._passwords is not None:
                    self.link.replace_secret(*self._passwords)
                    self._passwords = None
                self.transcript.show_event(event)
                self._follow_channels(event)

    def _settle(self, event: Acknowledged | Refused) -> None:
        self._doubted.discard(event.id)
        message = self._unconfirmed.pop(event.id, None)
        if isinstance(event, Refused) and message is not None:
            self._paper.print([("mention", word_refused(message, self.link.state.nick))])

    def _take_outage(self, event: Disconnected) -> None:
        if event.reason != self._outage:
            # Said once, and not at every attempt of a long night.
            self._outage = event.reason
            self._paper.warn(word_lost_connection(event, had_one=self._is_in))
        self._is_in = False
        if self.lookback.give_up():
            self.tell("looking back is broken off: ask again when the connection is back")
        self._doubt_unconfirmed()

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
        if isinstance(event, Joined) and event.own:
            begins = not self.current and not self._was_put_out
            if begins or self.transcript.expects(event.channel):
                self.current = event.channel
        if isinstance(event, Left) and event.own and fold(event.channel) == fold(self.current):
            # What is being typed was meant for there: nobody else is to read it.
            self.current, self._was_put_out = "", True
            self.tell(NOWHERE)

    def _save_soon(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(SAVING, self._save)

    def _save(self) -> None:
        self._saving = None
        try:
            self._belongings.save_notebook()
        except OSError as error:
            self._paper.warn(f"-- how far you have read cannot be written down: {error.strerror}")


def is_command(text: str) -> bool:
    """Tell whether a text is something to do rather than to say; with // it is said, and begins with /."""
    return text.startswith("/") and not text.startswith("//")


def _keep_quiet(_: str) -> None:
    """What a link has to tell comes as an event too, which does not get in the way of what is being typed."""


async def talk(access: Access) -> int:
    """Run the line mode until it is left; returns the exit code."""
    stdin = find_stdin()
    dumb = (os.environ.get("TERM") or "dumb") == "dumb"
    on_terminal = os.isatty(stdin) and sys.stdout is not None and sys.stdout.isatty() and not dumb
    belongings = unpack(access.home)
    belongings.access = access
    try:
        since = belongings.notebook.positions if belongings.notebook is not None else {}
        # Whoever was in before wants to write down what is to be said; a script wants to know that it cannot be.
        offline = os.isatty(stdin) and bool(since or access.place)
        options = {"since": since, "outbox": belongings.make_outbox(), "offline": offline}
        async with access.open_link(tell=_keep_quiet, backlog=BACKLOG, **options) as link:
            if not on_terminal:
                return await Talk(link, Roll(), belongings).run(read_lines(stdin))
            # What only a terminal needs costs everybody else time.
            from securechat.plain.terminal import talk_on_terminal

            return await talk_on_terminal(link, belongings)
    except AccountGone:
        forget_account(belongings.access)
        return 0
    finally:
        belongings.pack()

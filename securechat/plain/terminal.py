"""The line mode on a terminal: a line is edited below whatever is printed meanwhile. (prompt_toolkit)"""

from __future__ import annotations

import asyncio
import curses
import os
import signal
import sys
from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, get_app_or_none, get_app_session
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from securechat.client.link import Link
from securechat.plain.belongings import Belongings
from securechat.plain.commands import COMMANDS
from securechat.plain.completion import complete
from securechat.plain.line import NOWHERE, Talk, is_command
from securechat.plain.recall import Recall
from securechat.plain.settings import LEAST_WIDTH, Settings
from securechat.plain.visible import drop_controls, show, show_each
from securechat.plain.wording import Piece
from securechat.plain.wrapping import cut, lay_out, measure

INTERRUPTED: Final = 128 + signal.SIGINT
PASTED_MESSAGES: Final = 3
"""More messages than these are not said before somebody has been asked."""
SHOWN_PENDING: Final = 3
"""Messages without an echo that are in sight above the line being typed."""

_NICK_COLOURS: Final = ("ansigreen", "ansimagenta", "ansicyan", "ansired")
_STYLE: Final = Style.from_dict(
    {"place": "ansicyan", "nick": "bold", "mention": "bold reverse", "rule": "bold", "pending": "ansimagenta"}
)


async def talk_on_terminal(link: Link, belongings: Belongings) -> int:
    """Run the line mode on the terminal until it is left; returns the exit code."""
    output = Vt100_Output.from_pty(sys.stdout, os.environ.get("TERM"), ColorDepth.from_env())
    # It would be asked where the cursor is, and waited for: nothing here needs to know.
    output.enable_cpr = False
    with create_app_session(output=output):
        screen = Screen(output, belongings.settings)
        talk = Talk(link, screen, belongings)
        talking = asyncio.create_task(talk.run(Desk(talk, screen, belongings.open_recall()).lines()))
        signals: list[int] = []

        def end(number: int) -> None:
            signals.append(number)
            talking.cancel()

        # Ended without notice it would leave behind a terminal that shows nothing of what is typed.
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        try:
            return await talking
        except asyncio.CancelledError:
            if not signals:
                raise
            return 128 + signals[0]
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            # The window itself can be gone.
            with suppress(OSError):
                screen.write()


class Screen:
    """Prints lines above the one being typed; a `paper.Paper`."""

    shows_pending = True

    def __init__(self, output: Output, settings: Settings) -> None:
        self._output = output
        self._settings = settings
        self._has_colours = _has_colours()
        self._lines: list[list[Piece]] = []
        self._rings = False
        self._is_due = False

    @property
    def width(self) -> int:
        """Cells in a line. The last column stays free: terminals differ in what comes after it."""
        columns = self._output.get_size().columns - 1
        return max(LEAST_WIDTH, min(self._settings.width or columns, columns))

    @property
    def depth(self) -> ColorDepth:
        """How many colours are to be used; with none there is still bold and reverse."""
        if self._settings.colour and self._has_colours:
            return self._output.get_default_color_depth()
        return ColorDepth.DEPTH_1_BIT

    def print(self, pieces: Sequence[Piece]) -> None:
        """Print a line, broken at words; what follows the first hangs below its text."""
        before = "".join(words for role, words in pieces if role != "text")
        indent = measure(before) if any(role == "text" for role, _ in pieces) else 3
        self._lines += lay_out(pieces, self.width, min(indent, self.width // 3))
        self._write_soon()

    def rule(self, text: str) -> None:
        """Print a line that separates what is before it from what comes after it."""
        self._lines += lay_out([("rule", f"── {text} ──")], self.width, 3)
        self._write_soon()

    def warn(self, text: str) -> None:
        """Print a line about ourselves."""
        self.print([("talk", text)])

    def turn_day(self, day: str) -> None:
        """Say that what follows was said on another day."""
        self.rule(day)

    def ring(self) -> None:
        """Ring the bell, once for all that is printed at once."""
        self._rings = True
        self._write_soon()

    async def ask(self, question: str) -> str | None:
        """Return what somebody answers; "" when they would rather not."""
        return await _prompt(PromptSession(erase_when_done=True), question)

    async def ask_secret(self, question: str) -> str | None:
        """Return what somebody types unseen; "" when they would rather not."""
        return await _prompt(PromptSession(erase_when_done=True, input_processors=[_Unseen()]), question)

    def write(self) -> None:
        """Print what is to be printed: above the line being typed, if there is one.

        What was typed is neither read nor echoed meanwhile: the terminal stays as it is, unlike in
        prompt_toolkit's own `run_in_terminal`, which hands it back to the system for as long.
        """
        self._is_due = False
        app = get_app_or_none()
        if app is None or not app.is_running:
            self._put()
            return
        app.renderer.erase()
        self._put()
        app.invalidate()

    def _write_soon(self) -> None:
        # All that one packet brings is printed at once.
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.write)

    def _put(self) -> None:
        fragments: StyleAndTextTuples = []
        for line in self._lines:
            fragments += [(_style_of(role, words), words) for role, words in line]
            fragments.append(("", "\n"))
        self._lines = []
        if self._rings:
            self._rings = False
            self._output.bell()
        print_formatted_text(self._output, fragments, _STYLE, color_depth=self.depth)


class Desk:
    """Where lines are typed."""

    def __init__(self, talk: Talk, screen: Screen, recall: Recall) -> None:
        self._talk = talk
        self._screen = screen
        self._pasted = False
        self._session: PromptSession[str] = PromptSession(
            self._word_prompt,
            history=_TypedEarlier(recall),
            completer=_Names(talk),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            key_bindings=self._bind_keys(),
            style=_STYLE,
            erase_when_done=True,
            enable_suspend=True,
            input_processors=[_AsShown()],
        )

    async def lines(self) -> AsyncGenerator[str | bytes, None]:
        """Yield what is typed; several lines at once are one text."""
        # Also between two lines: what is typed then would be echoed, and Ctrl-R and the like never arrive.
        with get_app_session().input.raw_mode():
            async for text in self._read_texts():
                yield text

    async def _read_texts(self) -> AsyncGenerator[str, None]:
        begun = ""
        while True:
            self._pasted = bool(begun)
            self._session.color_depth = self._screen.depth
            try:
                text = await self._session.prompt_async(default=begun)
            except EOFError:
                return
            except KeyboardInterrupt:
                if not self._session.default_buffer.text:
                    self._talk.stop(INTERRUPTED)
                    return
                text = ""
            text = drop_controls(text)
            begun = ""
            if not await self._may_say(text):
                begun = text
            elif text:
                yield text

    async def _may_say(self, text: str) -> bool:
        """Tell whether a text is to go out; one that is not stays to be changed."""
        if is_command(text) or not text.strip():
            return True
        if not self._talk.current:
            self._talk.tell(f"not sent: {NOWHERE}")
            return False
        count = self._talk.count_messages(text) if self._pasted else 0
        if count <= PASTED_MESSAGES:
            return True
        where = cut(show(self._talk.current), LEAST_WIDTH)
        answer = await self._screen.ask(f"say {count} messages in {where}? [y/N] ")
        return answer is not None and answer.strip().lower() in ("y", "yes")

    def _word_prompt(self) -> StyleAndTextTuples:
        width = self._screen.width
        waiting = self._talk.pending()
        fragments: StyleAndTextTuples = []
        if len(waiting) > SHOWN_PENDING:
            fragments.append(("class:pending", f".. {len(waiting) - SHOWN_PENDING} more\n"))
        fragments += [("class:pending", f"{cut(line, width)}\n") for line in waiting[-SHOWN_PENDING:]]
        where = cut(show(self._talk.current) or "nowhere", width // 3)
        offline = "" if self._talk.link.is_online else ", offline"
        return [*fragments, ("class:place", f"[{where}{offline}]"), ("", " ")]

    def _bind_keys(self) -> KeyBindings:
        keys = KeyBindings()

        # Alt-Enter, which terminals send as ESC CR.
        @keys.add("escape", "enter")
        def _break_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add(Keys.BracketedPaste)
        def _paste(event: KeyPressEvent) -> None:
            self._pasted = True
            lines = event.data.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
            event.current_buffer.insert_text(drop_controls(lines))

        # Elsewhere it makes the next key stand for itself: nobody means to say a control character.
        @keys.add("c-q")
        def _do_nothing(event: KeyPressEvent) -> None:
            pass

        return keys


class _Names(Completer):
    """What Tab offers."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what can stand at the cursor."""
        transcript = self._talk.transcript
        replaced, words = complete(
            document.text_before_cursor,
            commands=list(COMMANDS),
            channels=transcript.channels(),
            nicks=transcript.nicks(self._talk.current),
        )
        for word in words:
            yield Completion(word, start_position=-replaced)


class _TypedEarlier(History):
    """What Up and Ctrl-R find."""

    def __init__(self, recall: Recall) -> None:
        super().__init__()
        self._recall = recall

    def load_history_strings(self) -> Iterable[str]:
        """Yield the lines, the latest first."""
        return reversed(self._recall.lines)

    def append_string(self, string: str) -> None:
        """Remember a line, unless a secret may stand in it."""
        if self._recall.add(string):
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Do nothing: `Recall` has stored it."""


class _AsShown(Processor):
    """Shows what is typed and pasted as it will be shown when it is said."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Return a line in which every character can be seen and none acts on the terminal."""
        fragments = explode_text_fragments(transformation_input.fragments)
        text = "".join(fragment[1] for fragment in fragments)
        if text.isascii() and text.isprintable():
            return Transformation(fragments)
        shown = show_each(text)
        starts = [0, *accumulate(map(len, shown))]
        return Transformation(
            [(fragment[0], words) for fragment, words in zip(fragments, shown, strict=True)],
            lambda position: starts[min(position, len(shown))] + max(0, position - len(shown)),
            lambda position: bisect_right(starts, position) - 1,
        )


class _Unseen(Processor):
    """Shows nothing of what is typed, not even how much it is."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Return nothing in place of a line."""
        return Transformation([], lambda position: 0, lambda position: 0)


async def _prompt(session: PromptSession[str], question: str) -> str:
    try:
        return await session.prompt_async(question)
    except (EOFError, KeyboardInterrupt):
        return ""


def _style_of(role: str, words: str) -> str:
    if role == "nick":
        return f"class:nick {_NICK_COLOURS[sum(words.encode()) % len(_NICK_COLOURS)]}"
    return f"class:{role}" if role in ("place", "mention", "rule") else ""


def _has_colours() -> bool:
    """Tell whether the terminal has colours, by its own description. (terminfo)"""
    try:
        curses.setupterm()
        return curses.tigetnum("colors") >= len(_NICK_COLOURS)
    except curses.error:
        return False

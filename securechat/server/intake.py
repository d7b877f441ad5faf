"""What comes in on one connection: how much before it has signed in, and how fast from then on."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable

from securechat.server.allowance import STRANGER_BYTES, STRANGER_COMMANDS, STRANGER_COSTS
from securechat.server.rates import BYTES_PER_COMMAND, EXTRA, Pace
from securechat.server.receiver import Carrier


class Intake:
    """Counts what one connection sends, and holds it up.

    go_on: called when what was held up goes on. overdrawn: called when a stranger has sent too much.
    is_stranger: it has not signed in.
    is_held: it is not read from. rests: nor is anything judged of what it has sent.
    """

    __slots__ = (
        "_bytes",
        "_commands",
        "_go_on",
        "_loop",
        "_overdrawn",
        "_pace",
        "is_held",
        "is_stranger",
        "rests",
        "transport",
    )

    transport: Carrier

    def __init__(self, loop: AbstractEventLoop, go_on: Callable[[], None], overdrawn: Callable[[], None]) -> None:
        self._loop = loop
        self._go_on = go_on
        self._overdrawn = overdrawn
        self._bytes = STRANGER_BYTES
        self._commands = STRANGER_COMMANDS
        self._pace: Pace | None = None
        self.is_stranger = True
        self.is_held = False
        self.rests = False

    def admit(self, enter: Callable[[Callable[[], None]], Pace]) -> None:
        """Count no longer how much, but how fast. enter: returns the pace, given whom to call when it may go on."""
        self.is_stranger = False
        self._pace = enter(self._release)

    def receive(self, commands: int, size: int, now: float) -> None:
        """Count commands that came in together, in so many bytes; who sends too fast is not read from for a while."""
        if self._pace is not None:
            if self._pace.take(commands + size / BYTES_PER_COMMAND, now):
                self._hold()
            return
        self._bytes -= size
        if self._bytes < 0:
            self._overdrawn()

    def judge(self, command: str) -> None:
        """Count what a command costs that was judged, besides having come in."""
        if self._pace is None:
            self._commands -= STRANGER_COSTS.get(command, 1)
            if self._commands < 0:
                self._overdrawn()
        elif (cost := EXTRA.get(command)) is not None and self._pace.take(cost, self._loop.time()):
            self.rests = True
            self._hold()

    def close(self) -> None:
        """Let go: the connection has ended."""
        if self._pace is not None:
            self._pace.close()
            self._pace = None

    def _hold(self) -> None:
        if not self.is_held:
            self.is_held = True
            self.transport.pause_reading()
            assert self._pace is not None
            self._pace.wait()

    def _release(self) -> None:
        self.is_held = self.rests = False
        self._go_on()

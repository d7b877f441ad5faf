"""The order of one connection's commands: which may be judged now, and what happens to those judged too early.

Nothing of a connection overtakes an earlier command of it. Messages may be under way together; any other command waits
until nothing is, and everything waits for it. What the history refused as stale is judged again in its old place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from securechat.chat.answers import Answer, tags_of
from securechat.chat.ask import Ask
from securechat.chat.commands import pipelines, split_targets
from securechat.chat.multiline import Collector, Composed
from securechat.chat.ports import Lane
from securechat.wire import numerics
from securechat.wire.framing import Overlong
from securechat.wire.message import InvalidUtf8, MalformedMessage, Message, parse

MAX_UNDER_WAY = 256
"""Messages of one connection that may wait for their commit together."""


class Unit:
    """One command for one target on its way.

    replies: what it is answered when it was no command at all.
    lines: what its handler had to say, besides what is said of records.
    attempts: how often it was judged.
    labelled: whether labels were negotiated when it was judged: what it changes is true after its answer alone.
    """

    __slots__ = ("answer", "attempts", "labelled", "lines", "message", "pipelines", "replies")

    def __init__(self, message: Message, answer: Answer, replies: tuple[Message, ...] = ()) -> None:
        self.message = message
        self.answer = answer
        self.replies = replies
        self.lines: list[Iterable[Message]] = []
        self.pipelines = not replies and pipelines(message)
        self.attempts = 0
        self.labelled = False


class Pipeline:
    """One connection's commands, from received to answered. holds_messages: messages wait, and all behind them."""

    def __init__(self) -> None:
        self.lane = Lane()
        self._waiting: deque[Unit] = deque()
        self._held: list[Unit] = []
        self._under_way = 0
        self._exclusive = False
        self._collector = Collector()
        self.holds_messages = False

    def __len__(self) -> int:
        """Count the commands that wait to be judged."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """Count the commands that have been judged and wait for what was asked for."""
        return self._under_way

    def receive(self, message: Message) -> None:
        """Queue a command, one unit a target."""
        parts = split_targets(message)
        answer = Answer(message.tags.get("label", ""), len(parts))
        for part in parts:
            self._waiting.append(Unit(part, answer))

    def receive_line(self, line: bytes | Overlong, ask: Ask) -> None:
        """Queue a line as it came in, its ending removed: the command in it, or the answer to what is none.

        ask: words the answer, as of no command.
        """
        if isinstance(line, Overlong):
            self.receive_fault(line.head, ask.reply(numerics.ERR_INPUTTOOLONG, "Input line was too long"))
            return
        try:
            message = parse(line)
        except InvalidUtf8 as error:
            self.receive_fault(line, ask.say("FAIL", error.command, "INVALID_UTF8", "Message is not UTF-8"))
        except MalformedMessage as error:
            if line.strip():
                self.receive_fault(line, ask.say("FAIL", "*", "INVALID_MESSAGE", str(error)))
        else:
            if message.command == "BATCH" or (message.tags and "batch" in message.tags):
                self._receive_batched(message, ask)
            else:
                self.receive(message)

    def _receive_batched(self, message: Message, ask: Ask) -> None:
        """Collect a line of a client's batch, which becomes one command. Nothing is held for who has not signed in."""
        if not ask.session.is_ready or not message.params:
            self.receive(message)
            return
        self._queue_composed(self._collector.feed(message))

    def _queue_composed(self, found: list[Composed]) -> None:
        for composed in found:
            self._waiting.append(Unit(composed, Answer(composed.tags.get("label", ""), 1)))

    def receive_fault(self, line: bytes, reply: Message) -> None:
        """Queue the answer to a line that is no command, in its place; it has the line's label, where that can be read.

        The batch it belongs to is spoiled: a message is not posted without one of its lines.
        """
        tags = tags_of(line)
        self._waiting.append(Unit(Message("*"), Answer(tags.get("label", ""), 1), (reply,)))
        if "batch" in tags:
            self._queue_composed(self._collector.lose_line(tags["batch"]))

    def take(self) -> Unit | None:
        """Return the next command to be judged, or None while it has to wait."""
        if self._exclusive or self._under_way >= MAX_UNDER_WAY:
            return None
        if self._held:
            if self._under_way:
                return None
            self._waiting.extendleft(reversed(self._held))
            self._held.clear()
            self.lane.attempt += 1
        if not self._waiting or (self._under_way and not self._waiting[0].pipelines):
            return None
        if self.holds_messages and self._waiting[0].pipelines:
            return None
        unit = self._waiting.popleft()
        unit.attempts += 1
        return unit

    def launch(self, unit: Unit) -> None:
        """Note that a command is under way."""
        self._under_way += 1
        self._exclusive = not unit.pipelines

    def land(self, unit: Unit, *, again: bool = False) -> None:
        """Note that a command is no longer under way; `again`: it was stale and is to be judged again."""
        self._under_way -= 1
        self._exclusive = False
        if again:
            self._held.append(unit)

    def clear(self) -> None:
        """Forget what waits: the connection has ended."""
        self._waiting.clear()
        self._held.clear()
        self._collector = Collector()

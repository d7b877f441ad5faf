"""Messages of several lines: collected from a client's batch, and laid out as a batch or as single lines.

(IRCv3 multiline, draft/multiline)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from securechat.wire.batch import close_batch, open_batch
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message, encode
from securechat.wire.names import fold

MAX_BYTES: Final = 8192
"""Of a message, the line feeds between its lines included."""
MAX_LINES: Final = 100
BATCH_TYPE: Final = "draft/multiline"
CONCAT: Final = "draft/multiline-concat"
_IN_A_BATCH: Final = frozenset({"batch", CONCAT})
_COMMANDS: Final = frozenset({"PRIVMSG", "NOTICE"})

Fault = tuple[str, ...]
"""A code of FAIL BATCH, its context and its text."""


class Multiline(Message):
    """A PRIVMSG or NOTICE whose text has several lines, or is longer than one. (`events.Posted`)

    joins: where in the text a line begins that belongs to the one before it.
    """

    __slots__ = ("joins",)

    def __init__(self, command: str, target: str, text: str, tags: Mapping[str, str], joins: tuple[int, ...]) -> None:
        super().__init__(command, (target, text), "", tags)
        self.joins = joins


class Composed(Message):
    """What came of a client's batch: what it says, or what is wrong with it. The tags are those that opened it."""

    __slots__ = ("fault", "said")

    def __init__(self, opening: Message, said: Multiline | None, fault: Fault = ()) -> None:
        super().__init__("BATCH", opening.params[:1], "", opening.tags)
        self.said = said
        self.fault = fault


class _Draft:
    """An open batch; one that is spoiled was answered, and swallows the rest of its lines."""

    __slots__ = ("bytes", "command", "lines", "opening", "reference", "spoiled", "target")

    def __init__(self, opening: Message) -> None:
        self.opening = opening
        self.reference = opening.params[0][1:]
        self.target = opening.param(2)
        self.command = ""
        self.lines: list[tuple[str, bool]] = []
        self.bytes = 0
        self.spoiled = False

    def fault_of_opening(self) -> Fault:
        """Return what is wrong with the line that opened it."""
        if len(self.opening.params) != 3 or self.opening.params[1] != BATCH_TYPE:
            return _invalid(f"A client's batch is of the type {BATCH_TYPE} and has one target")
        return ()

    def take(self, line: Message) -> Fault:
        """Take the next line; return what is wrong with it."""
        self.command = self.command or line.command
        if line.command not in _COMMANDS or line.command != self.command or len(line.params) != 2:
            return _invalid("There may be nothing but PRIVMSG in the batch, or nothing but NOTICE")
        target, text = line.params
        if fold(target) != fold(self.target):
            return ("MULTILINE_INVALID_TARGET", self.target, target, "The line has another target than its batch")
        if not line.tags.keys() <= _IN_A_BATCH:
            return _invalid("Tags go to the line that opens the batch")
        continues = CONCAT in line.tags
        if continues and (not text or not self.lines):
            return _invalid("A blank line or the first one continues nothing")
        if len(self.lines) == MAX_LINES:
            return ("MULTILINE_MAX_LINES", str(MAX_LINES), "The message has too many lines")
        self.bytes += len(text.encode()) + (bool(self.lines) and not continues)
        if self.bytes > MAX_BYTES:
            return ("MULTILINE_MAX_BYTES", str(MAX_BYTES), "The message is too long")
        self.lines.append((text, continues))
        return ()

    def compose(self) -> Composed:
        """Put the lines together."""
        if not any(text.strip() for text, _ in self.lines):
            return Composed(self.opening, None, _invalid("There is nothing in the batch but blank lines"))
        parts: list[str] = []
        joins: list[int] = []
        length = 0
        for text, continues in self.lines:
            if continues:
                joins.append(length)
            elif parts:
                parts.append("\n")
                length += 1
            parts.append(text)
            length += len(text)
        said = Multiline(self.command, self.target, "".join(parts), self.opening.tags, tuple(joins))
        return Composed(self.opening, said)


class Collector:
    """Holds the lines of one open batch of a client until it ends: at most `MAX_LINES` and `MAX_BYTES`.

    Each batch comes out once, when it ends or as soon as something is wrong with it.
    """

    __slots__ = ("_draft",)

    def __init__(self) -> None:
        self._draft: _Draft | None = None

    def feed(self, message: Message) -> list[Composed]:
        """Take a BATCH line or one with the tag `batch`, and return what is to be judged now."""
        if message.command == "BATCH":
            return self._begin(message) if message.params[0][:1] == "+" else self._end(message)
        draft = self._draft
        if draft is None or message.tags["batch"] != draft.reference:
            return [Composed(message, None, _invalid("The batch of this line is not open"))]
        return [] if draft.spoiled else self._spoil(draft, draft.take(message))

    def lose_line(self, reference: str) -> list[Composed]:
        """Take note that a line of a batch could not be read."""
        draft = self._draft
        if draft is None or draft.spoiled or draft.reference != reference:
            return []
        return self._spoil(draft, _invalid("A line of the batch could not be read"))

    def _begin(self, opening: Message) -> list[Composed]:
        given_up = self._draft
        draft = self._draft = _Draft(opening)
        faults = self._spoil(draft, draft.fault_of_opening())
        if given_up is not None and not given_up.spoiled:
            faults.insert(0, Composed(given_up.opening, None, _invalid("Another batch was opened before its end")))
        return faults

    def _end(self, message: Message) -> list[Composed]:
        draft = self._draft
        if draft is None or message.params[0] != f"-{draft.reference}":
            return [Composed(message, None, _invalid("No such batch is open"))]
        self._draft = None
        return [] if draft.spoiled else [draft.compose()]

    def _spoil(self, draft: _Draft, fault: Fault) -> list[Composed]:
        if not fault:
            return []
        draft.spoiled = True
        draft.lines.clear()
        return [Composed(draft.opening, None, fault)]


def _invalid(text: str) -> Fault:
    return ("MULTILINE_INVALID", text)


# ── the way out ──


class _Piece(NamedTuple):
    text: str
    continues: bool


def spread(line: Message, joins: tuple[int, ...], reference: str) -> list[Message]:
    """Lay a message out in lines as it was sent, those cut further that would be too long.

    line: the message as if it were one line, with its tags.
    reference: names its batch; empty for clients that know none, to whom blank lines are not sent. (Multiline, Fallback)
    """
    target, text = line.params
    room = MAX_REST - len(encode(Message(line.command, (target, ": "), line.source))) + len(": ")
    pieces = _pieces(text, joins, room)
    if not reference:
        said = [piece.text for piece in pieces if piece.text.strip()]
        # The first has all tags, client-only ones and the msgid too; the others what is true of each. (Multiline, Fallback)
        more = {key: value for key, value in line.tags.items() if key[0] != "+" and key != "msgid"}
        return [
            Message(line.command, (target, each), line.source, more if number else line.tags)
            for number, each in enumerate(said)
        ]
    opening = open_batch(reference, BATCH_TYPE, target, source=line.source)
    opening.tags = line.tags
    inside = [
        Message(
            line.command,
            (target, piece.text),
            line.source,
            {"batch": reference, CONCAT: ""} if piece.continues else {"batch": reference},
        )
        for piece in pieces
    ]
    return [opening, *inside, close_batch(reference, line.source)]


def _pieces(text: str, joins: tuple[int, ...], room: int) -> Iterator[_Piece]:
    """Yield the lines of a text, each at most `room` bytes."""
    start = 0
    for whole in text.split("\n"):
        end = start + len(whole)
        cuts = [start, *(join for join in joins if start < join < end), end]
        for number, (begin, stop) in enumerate(pairwise(cuts)):
            for part, cut in enumerate(_cut(text[begin:stop], room)):
                yield _Piece(cut, continues=bool(number or part))
        start = end + 1


def _cut(line: str, room: int) -> Iterator[str]:
    """Cut a line into parts of at most `room` bytes: behind a space if there is one, else between characters."""
    while len(line.encode()) > room:
        part = line.encode()[:room].decode(errors="ignore")
        part = part[: part.rfind(" ") + 1] or part
        yield part
        line = line[len(part) :]
    yield line

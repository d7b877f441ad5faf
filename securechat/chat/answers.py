"""What a command is answered: which lines are due at once, which are drawn as the client reads, and the label on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from securechat.errors import ProtocolError
from securechat.wire.batch import close_batch, open_batch
from securechat.wire.message import Message, parse

MAX_LABEL = 64
"""Bytes. (IRCv3 labeled-response)"""


class Answer:
    """What one command of the client gets back, from all its targets together.

    label: the client's label for it, "" for none. (IRCv3 labeled-response)
    parts: how many targets are answered, each by one `take`.
    """

    __slots__ = ("_open", "_reference", "_several", "label")

    def __init__(self, label: str, parts: int) -> None:
        self.label = label if len(label.encode()) <= MAX_LABEL else ""
        self._open = parts
        self._several = parts > 1
        self._reference = ""

    def take(
        self,
        due: list[Message],
        lazy: Iterable[Message] | None,
        *,
        labelled: bool,
        source: str,
        next_reference: Callable[[], str],
    ) -> tuple[list[Message], Iterable[Message] | None]:
        """Return a target's lines as they are to be sent: those due now, then those to be drawn later (None: none).

        due: lines that have their place among what others cause. labelled: the client has negotiated labels.
        next_reference: names a batch.
        """
        self._open -= 1
        if not self.label or not labelled:
            return due, lazy
        if self._several or (due and (lazy is not None or (len(due) > 1 and not _is_one_batch(due)))):
            return self._take_into_batch(due, lazy, source, next_reference)
        if due:
            due[0].put_tag("label", self.label)
            return due, None
        return [], _label_drawn(lazy or (), self.label, source, next_reference)

    def _take_into_batch(
        self, due: list[Message], lazy: Iterable[Message] | None, source: str, next_reference: Callable[[], str]
    ) -> tuple[list[Message], Iterable[Message] | None]:
        now: list[Message] = []
        if not self._reference and (due or lazy is not None):
            self._reference = next_reference()
            now.append(_open_labelled(self._reference, self.label, source))
        for line in due:
            line.put_tag("batch", self._reference)
        now += due
        later = None if lazy is None else _tagged(lazy, self._reference)
        if self._open:
            return now, later
        if not self._reference:
            return [_acknowledge(self.label, source)], None
        # What earlier targets have yet to draw belongs into the batch too, so its end queues behind that.
        return now, chain(later or (), (close_batch(self._reference, source),))


def tags_of(line: bytes) -> dict[str, str]:
    """Return the tags on a line that could not be read as a whole, none where they cannot either. (standard-replies)"""
    head, _, _ = line.partition(b" ")
    try:
        return parse(head + b" X").tags if head[:1] == b"@" else {}
    except ProtocolError:
        return {}


def _is_one_batch(lines: list[Message]) -> bool:
    """Tell whether lines are one batch and nothing beside it: the label goes to its opening. (IRCv3 multiline)"""
    return lines[0].command == lines[-1].command == "BATCH" and lines[0].params[0][1:] == lines[-1].params[0][1:]


def _label_drawn(
    lines: Iterable[Message], label: str, source: str, next_reference: Callable[[], str]
) -> Iterator[Message]:
    """Yield an answer with its label: on the one line, on the batch it is, on a new batch around several, or on ACK."""
    draw = iter(lines)
    first = next(draw, None)
    if first is None:
        yield _acknowledge(label, source)
        return
    second = next(draw, None)
    if second is None or first.command == "BATCH":
        first.put_tag("label", label)
        yield first
        if second is not None:
            yield second
            yield from draw
        return
    reference = next_reference()
    yield _open_labelled(reference, label, source)
    yield from _tagged(chain((first, second), draw), reference)
    yield close_batch(reference, source)


def _tagged(lines: Iterable[Message], reference: str) -> Iterator[Message]:
    for line in lines:
        # What is in a batch of its own already stays there; its first and last line stand in this one. (IRCv3 batch)
        line.put_tag("batch", reference)
        yield line


def _open_labelled(reference: str, label: str, source: str) -> Message:
    opening = open_batch(reference, "labeled-response", source=source)
    opening.tags["label"] = label
    return opening


def _acknowledge(label: str, source: str) -> Message:
    return Message("ACK", (), source, {"label": label})

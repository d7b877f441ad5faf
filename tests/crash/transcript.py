"""What connections saw: lines, visits, and a transcript made of one visit after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """A message as somebody saw it; a text is the id of its message, said by one writer once."""

    msgid: str
    text: str


@dataclass
class Visit:
    """One connection from sign-in to its end.

    who: the name of the part that was played. acknowledged: (conversation, echo) of its own messages, in order.
    told: msgids of all messages that arrived in whatever way. pages: what history answered, by conversation; live: what
    arrived as it happened. caught_up: conversations whose pages reached the first live line, or the end.
    refusals: lines that a sound server has no reason to send.
    """

    who: str
    acknowledged: list[tuple[str, Line]] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    pages: dict[str, list[Line]] = field(default_factory=dict)
    live: dict[str, list[Line]] = field(default_factory=dict)
    caught_up: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)

    def new_lines(self, conversation: str) -> list[Line]:
        """Return what the visit adds to its reader's transcript.

        Live lines count once the pages have closed the gap before them. What is in a page and arrived live as well was
        asked for; anything else that comes twice stays in twice.
        """
        pages = self.pages.get(conversation, [])
        if conversation not in self.caught_up:
            return list(pages)
        return [*pages, *without(self.live.get(conversation, []), pages)]


def without(lines: Sequence[Line], others: Sequence[Line]) -> list[Line]:
    """Return the lines whose msgid none of the others has."""
    known = {line.msgid for line in others}
    return [line for line in lines if line.msgid not in known]

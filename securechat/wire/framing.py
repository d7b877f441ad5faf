"""A stream of bytes cut into lines, with limits that hold however the stream arrives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_TAGS: Final = 8191
"""Bytes of tags a client must accept, `@` and the trailing space included. (IRCv3 message-tags)"""
MAX_CLIENT_TAGS: Final = 4096
"""Bytes of tags a client may send, `@` and the trailing space included. (IRCv3 message-tags, Size limit)"""
MAX_REST: Final = 512
"""Bytes of everything after the tags, CR LF included. (Modern IRC, Message Format)"""


@dataclass(frozen=True, slots=True)
class Overlong:
    """Stands in the place of a line that was too long; `tags` tells whether its tags were, `head` has them if not."""

    tags: bool
    head: bytes = field(default=b"", compare=False)


class LineSplitter:
    """Cuts what `feed` is given into lines and holds at most one unfinished line within the limits.

    A line ends at LF, CR LF or a lone CR; empty lines are skipped (Modern IRC, Compatibility with incorrect software).
    Its length is counted as if it ended in CR LF, whatever it does end in.
    """

    def __init__(self, max_tags: int = MAX_TAGS, max_rest: int = MAX_REST) -> None:
        self._max_tags = max_tags
        self._max_text = max_rest - 2
        self._held = b""
        self._discarding = False

    @property
    def pending(self) -> int:
        """Bytes held of a line that has not ended yet."""
        return len(self._held)

    def feed(self, data: bytes) -> list[bytes | Overlong]:
        """Take the next bytes of the stream and return the lines they complete, endings removed.

        An overlong line is reported once, as soon as it is known to be one; the rest of it is thrown away.
        """
        # CR and LF may both end a line by themselves: the empty line inside CR LF is skipped like any other.
        *ended, rest = data.replace(b"\r", b"\n").split(b"\n")
        lines: list[bytes | Overlong] = []
        if ended:
            first = ended[0]
            if self._discarding:
                self._discarding = False
                ended[0] = b""
            elif self._held:
                ended[0] = self._held + first
            self._held = b""
            limit = self._max_text
            for line in ended:
                if len(line) > limit or line[:1] == b"@":
                    lines.append(self._judge(line) or line)
                elif line:
                    lines.append(line)
        if rest and not self._discarding:
            self._hold(self._held + rest, lines)
        return lines

    def _hold(self, unfinished: bytes, lines: list[bytes | Overlong]) -> None:
        overlong = self._judge(unfinished)
        if overlong is None:
            self._held = unfinished
            return
        lines.append(overlong)
        self._held = b""
        self._discarding = True

    def _judge(self, line: bytes) -> Overlong | None:
        if not line.startswith(b"@"):
            return Overlong(tags=False) if len(line) > self._max_text else None
        space = line.find(b" ", 0, self._max_tags)
        if space < 0:
            return Overlong(tags=True) if len(line) >= self._max_tags else None
        return Overlong(tags=False, head=line[:space]) if len(line) - space - 1 > self._max_text else None

"""How long what was said is kept, and what that leaves to be asked for: the rules both stores follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from securechat.chat.policy import Span
from securechat.chat.ports import Form, HistoryQuery
from securechat.chat.streams import StreamId

DAY: Final = 24 * 60 * 60 * 1000
"""Milliseconds."""


class Floor(NamedTuple):
    """Where a stream begins by now: the seq of the newest record that is gone, and its time (ms since 1970)."""

    seq: int = 0
    time: int = 0


class Retention(NamedTuple):
    """For how many days channels and direct conversations are kept, 0: for ever."""

    days: int = 0
    direct_days: int = 0

    def bound_of(self, stream: StreamId, own_days: int | None, now: int) -> int | None:
        """Return the time before which records of a stream are to go, None where all stay; times in ms since 1970.

        own_days: what was set for a channel; None: nothing.
        """
        kind = stream[:2]
        days = self.direct_days if kind == "d/" else 0
        if kind == "c/":
            days = self.days if own_days is None else own_days
        return now - days * DAY if days else None


FOR_EVER: Final = Retention()


def asks_below(query: HistoryQuery, spans: Sequence[Span], floor: Floor) -> bool:
    """Tell whether some of what is asked for is gone, as far as the account might have read it.

    A page on which there is nothing else then says so: an empty one would say that there never was anything. Whoever
    asks for the latest of all gets what is there. (IRCv3 chathistory)
    """
    if not floor.seq or not any(span.first <= floor.seq for span in spans):
        return False
    if query.form in (Form.BEFORE, Form.AROUND):
        return True
    bounds = (query.start, query.end)
    return any(bound is not None and not bound.msgid and bound.time < floor.time for bound in bounds)

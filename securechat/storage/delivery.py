"""The way of committed outcomes back to the nodes that follow a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from securechat.chat.ports import Outcome, Sink, Verdict


class Follower:
    """One node's end of a store; every method but the constructor runs on the node's loop.

    Batches are kept back until `open`, so that none reaches the sink before the node has seen its snapshot.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: Sink, fatal: Callable[[Exception], None]) -> None:
        self.loop = loop
        self._sink = sink
        self._fatal = fatal
        self._backlog: list[Sequence[Outcome]] | None = []

    def open(self) -> None:
        """Hand out what was kept back, and from now on everything at once."""
        backlog, self._backlog = self._backlog or (), None
        for outcomes in backlog:
            self._sink(outcomes)

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Hand one committed batch to the sink."""
        if self._backlog is None:
            self._sink(outcomes)
        else:
            self._backlog.append(outcomes)

    def fail(self, error: Exception) -> None:
        """Say that nothing will be acknowledged any more."""
        self._fatal(error)


def share_of(follower: Follower, batch: Iterable[tuple[Follower, Outcome]]) -> list[Outcome]:
    """Return what one follower is told of a batch: of its own submissions everything, of the others' what was stored."""
    share = []
    for owner, outcome in batch:
        if owner is follower:
            share.append(outcome)
        elif outcome.verdict is Verdict.STORED:
            share.append(outcome._replace(submission=None))
    return share

"""Masks that hold for a time only: when it is over the server takes them out, through the history like anybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from securechat.chat.bans import expiries, lift_expired
from securechat.chat.effects import Append
from securechat.chat.ports import Outcome
from securechat.chat.world import World
from securechat.errors import StorageError

log = structlog.get_logger()

LONGEST_SLEEP = 3600.0
"""Seconds until the clock is looked at again: it may be set."""
RETRY_SECONDS = 60.0
"""After the history could not take it."""


class Expiries:
    """One timer a channel that has such masks.

    append: puts what is built into the history, as `Node.append`.
    """

    def __init__(
        self,
        world: World,
        loop: asyncio.AbstractEventLoop,
        append: Callable[[Callable[[], Append | None]], Awaitable[Outcome | None]],
    ) -> None:
        self._world = world
        self._loop = loop
        self._append = append
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        for channel_id in world.directory.channels:
            self.follow(channel_id)

    def follow(self, channel_id: str) -> None:
        """Wait for the next mask of a channel to end, after its lists changed or it was dropped."""
        timer = self._timers.pop(channel_id, None)
        if timer is not None:
            timer.cancel()
        channel = self._world.directory.channels.get(channel_id)
        ends = [] if channel is None else expiries(channel)
        if ends:
            seconds = max(0.0, (ends[0].until - self._world.clock()) / 1000)
            self._wait(channel_id, min(seconds, LONGEST_SLEEP))

    def _wait(self, channel_id: str, seconds: float) -> None:
        self._timers[channel_id] = self._loop.call_later(seconds, self._wake, channel_id)

    def _wake(self, channel_id: str) -> None:
        del self._timers[channel_id]
        task = self._loop.create_task(self._lift(channel_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _lift(self, channel_id: str) -> None:
        try:
            outcome = await self._append(lambda: lift_expired(self._world, channel_id))
        except StorageError as error:
            log.warning("a mask whose time is over stays", channel=channel_id, error=str(error))
            if channel_id not in self._timers:
                self._wait(channel_id, RETRY_SECONDS)
            return
        if outcome is None:
            self.follow(channel_id)

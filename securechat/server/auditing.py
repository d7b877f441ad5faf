"""What administrators do, for the audit trail: who asks, what they did, and the trail's head for the log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

import msgspec
import structlog

from securechat.chat.effects import Append, Entry
from securechat.chat.server_events import Administered
from securechat.chat.streams import SERVER
from securechat.chat.trail import TrailQuery
from securechat.errors import StorageError
from securechat.server.peers import name_of_user

if TYPE_CHECKING:
    from securechat.server.node import Node

log = structlog.get_logger()

FIRST_ROUND_SECONDS = 60.0
"""After the start, whose few lines are for a person."""
ROUND_SECONDS = 24 * 3600.0
DAY_MS = 24 * 3600 * 1000
SETTLE_SECONDS = 2.0
"""How long a server that ends waits for its last record."""

_asker: ContextVar[str] = ContextVar("asker", default="")


@contextmanager
def asked_by(who: str) -> Iterator[None]:
    """Have what is recorded meanwhile, in this task, be what somebody asked for: `Administered.by`."""
    token = _asker.set(who)
    try:
        yield
    finally:
        _asker.reset(token)


def current_asker() -> str:
    """Return who asks, as `Administered.by` has it."""
    return _asker.get() or name_of_user(os.geteuid())


def recorded(append: Append | None, act: str, target: str = "", detail: str = "") -> Append | None:
    """Return an append to which the record of the act is added: they are stored together or not at all.

    append: None, for nothing to be done, stays that. The fields are those of `Administered`; never a secret in them.
    """
    if append is None:
        return None
    return msgspec.structs.replace(append, entries=(*append.entries, *record_of(act, target, detail).entries))


def record_of(act: str, target: str = "", detail: str = "") -> Append:
    """Return an append that is the record of an act and nothing else, for acts that no other event tells of."""
    return Append((Entry(SERVER, Administered(act, target, current_asker(), detail)),))


class TrailKeeper:
    """Keeps the trail of a running server: when it started and stopped, and once a day its head in the log.

    A head that was logged and shipped elsewhere is what a cut tail, or a trail made anew, is found out by later. Once a
    day, too, addresses that are older than they may be are deleted.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tasks: set[asyncio.Task[None]] = set()
        self._rounds: asyncio.Task[None] | None = None

    async def begin(self, detail: str) -> None:
        """Record that the server has started; the rounds follow by themselves."""
        await self._record("server start", detail)
        self._rounds = self._node.loop.create_task(self._go_round())

    async def end(self) -> None:
        """Record that the server stops, and log the head for the last time."""
        if self._rounds is not None:
            self._rounds.cancel()
        # When storage has failed, the log has said so.
        with suppress(StorageError, TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                if self._tasks:
                    await asyncio.wait(self._tasks)
                await self._node.append(lambda: record_of("server stop"))
                await self._log_head()

    def enter(self, act: str, detail: str = "") -> None:
        """Record an act that no other event tells of, as soon as that can be; the fields are those of `Administered`."""
        task = self._node.loop.create_task(self._record(act, detail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def make_round(self) -> None:
        """Log the head and forget addresses that are older than they may be."""
        try:
            await self._log_head()
            before = self._node.world.clock() - self._node.config.logs.address_days * DAY_MS
            await self._node.history.forget_addresses(before)
        except StorageError as error:
            log.warning("old addresses stay in the audit trail until tomorrow", error=str(error))

    async def _go_round(self) -> None:
        pause = FIRST_ROUND_SECONDS
        while True:
            await asyncio.sleep(pause)
            await self.make_round()
            pause = ROUND_SECONDS

    async def _log_head(self) -> None:
        trail = await self._node.history.trail(TrailQuery(0))
        log.info("audit trail", head=str(trail.head))

    async def _record(self, act: str, detail: str) -> None:
        try:
            await self._node.append(lambda: record_of(act, detail=detail))
        except StorageError as error:
            log.warning("not recorded in the audit trail", act=act, error=str(error))

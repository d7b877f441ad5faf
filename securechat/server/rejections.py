"""Rejected sign-ins for the audit trail, counted together: however many there are, they do not fill the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import structlog

from securechat.chat.effects import Append, Entry
from securechat.chat.server_events import SignInRejected
from securechat.chat.streams import SERVER
from securechat.errors import StorageError
from securechat.server.addresses import network_of, shorten_address

log = structlog.get_logger()

WINDOW_SECONDS: Final = 60.0
HOUR_SECONDS: Final = 3600.0
RECORDS_PER_HOUR: Final = 120
SETTLE_SECONDS: Final = 2.0
WINDOWS: Final = 1024
"""Accounts and places counted apart at a time."""


class Place(NamedTuple):
    """What is counted together; the fields are those of `SignInRejected`."""

    account: str
    how: str
    address: str


class Rejections:
    """Counts rejected sign-ins: by account, way and place one record a minute, and `RECORDS_PER_HOUR` in all.

    append: puts what it is given into the history. address_form: how much of an address may be kept, see `addresses.shorten_address`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        append: Callable[[Callable[[], Append | None]], Awaitable[Any]],
        address_form: Callable[[], str],
    ) -> None:
        self._loop = loop
        self._append = append
        self._address_form = address_form
        self._windows: dict[Place, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._hour_ends = 0.0
        self._left = RECORDS_PER_HOUR
        self._others = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, account: str, how: str, peer: str) -> None:
        """Count one; `account`: its id, empty for none. The fields are those of `SignInRejected`."""
        place = Place(account, how, network_of(peer))
        has_room = self._left > 0 or self._loop.time() >= self._hour_ends
        if has_room and (place in self._windows or len(self._windows) < WINDOWS):
            self._windows[place] = self._windows.get(place, 0) + 1
        else:
            self._others += 1
        if self._timer is None:
            self._timer = self._loop.call_later(WINDOW_SECONDS, self._tell)

    async def settle(self) -> None:
        """Record what was counted so far, and wait a little until that is done."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._record([*self._take_windows(), *self._take_others()])
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SETTLE_SECONDS)

    def _tell(self) -> None:
        """Record a minute's worth; of the rest of an hour only how many there were."""
        now = self._loop.time()
        self._timer = None
        events = []
        if now >= self._hour_ends:
            self._hour_ends = now + HOUR_SECONDS
            self._left = RECORDS_PER_HOUR
            events = self._take_others()
        self._record([*events, *self._take_windows()])
        if self._others:
            # Of these nobody would hear before somebody is rejected again.
            self._timer = self._loop.call_later(self._hour_ends - now, self._tell)

    def _take_windows(self) -> list[SignInRejected]:
        windows, self._windows = self._windows, {}
        events = []
        for place, count in windows.items():
            if self._left:
                self._left -= 1
                address = shorten_address(place.address, self._address_form())
                events.append(SignInRejected(place.account, place.how, count, address))
            else:
                self._others += count
        return events

    def _take_others(self) -> list[SignInRejected]:
        others, self._others = self._others, 0
        return [SignInRejected("", "several", others)] if others else []

    def _record(self, events: list[SignInRejected]) -> None:
        if events:
            task = self._loop.create_task(self._store(tuple(Entry(SERVER, event) for event in events)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _store(self, entries: tuple[Entry, ...]) -> None:
        try:
            await self._append(lambda: Append(entries))
        except StorageError as error:
            log.warning("rejected sign-ins are not in the audit trail", error=str(error))

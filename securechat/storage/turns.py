"""Whose turn it is for what takes long: one at a time, and an account that asks for much waits behind the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Turns:
    """Turns in the order of asking, but that each account waits for one only.

    at_once: how many have a turn at the same time, each of another account.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._places: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, account: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for as long as the context lasts."""
        place = self._places.setdefault(account, asyncio.Lock())
        async with place, self._turn:
            yield

"""Taps that a test shuts to decide what meets what: appends on their way to the history, verdicts on their way back."""

from __future__ import annotations

import asyncio

from securechat.auth.passwords import PasswordChecker, PasswordVerdict
from securechat.chat.ports import Submission
from securechat.server.node import Node
from tests.server.harness import CHEAP, DEADLINE


class HeldHistory:
    """Keeps back what a node submits, from now until `release`: all of it is one batch then."""

    def __init__(self, node: Node) -> None:
        self._history = node.history
        self._submit = node.history.submit
        self._waiting: list[Submission] = []
        self._news = asyncio.Event()
        node.history.submit = self._keep  # type: ignore[method-assign]

    async def until(self, count: int) -> None:
        """Wait until so many appends are kept back."""
        async with asyncio.timeout(DEADLINE):
            while len(self._waiting) < count:
                self._news.clear()
                await self._news.wait()

    def release(self, count: int | None = None) -> None:
        """Let the first `count` go on, or all of them and whatever comes later."""
        if count is None:
            self._history.submit = self._submit  # type: ignore[method-assign]
        going, self._waiting = self._waiting[:count], self._waiting[len(self._waiting[:count]) :]
        for submission in going:
            self._submit(submission)

    def _keep(self, submission: Submission) -> None:
        self._waiting.append(submission)
        self._news.set()


class HeldPasswords(PasswordChecker):
    """Checks passwords, and while it is shut keeps the verdicts to itself."""

    def __init__(self) -> None:
        super().__init__(parameters=CHEAP)
        self.held = 0
        self._open = asyncio.Event()
        self._open.set()
        self._news = asyncio.Event()

    def shut(self) -> None:
        """Keep verdicts from now on."""
        self._open.clear()

    def release(self) -> None:
        """Give out what was kept, and whatever comes later."""
        self._open.set()

    async def until(self, count: int) -> None:
        """Wait until so many verdicts have been kept back."""
        async with asyncio.timeout(DEADLINE):
            while self.held < count:
                self._news.clear()
                await self._news.wait()

    async def verify(self, verifier: str | None, secret: str, *, first: bool = False) -> PasswordVerdict:
        verdict = await super().verify(verifier, secret, first=first)
        if not self._open.is_set():
            self.held += 1
            self._news.set()
            await self._open.wait()
        return verdict

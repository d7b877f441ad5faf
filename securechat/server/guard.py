"""What stands before the check of a secret: who guesses too much is answered as if the guess were wrong, and as late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from securechat.auth.throttle import Attempt, Leave, Throttle
from securechat.chat.guesses import GuessState
from securechat.chat.server_events import InvitationUsed
from securechat.chat.signin import Conclusion

if TYPE_CHECKING:
    from securechat.chat.events import Record
    from securechat.server.node import Node

log = structlog.get_logger()

WARNING_SECONDS = 60.0


class Guard:
    """Lets passwords be checked on one node, as far as the throttle allows.

    refused: how many were not checked.
    """

    def __init__(self, node: Node, state: GuessState) -> None:
        self.refused = 0
        self.throttle = Throttle(
            state,
            settings=lambda: node.config.guessing,
            keep=node.history.note,
            clock=lambda: node.world.clock(),
            time=node.loop.time,
        )
        self._node = node
        self._under_way = self._pretended = 0
        self._next_warning = 0.0

    def follow(self, record: Record) -> None:
        """Take note that somebody came in by an invitation, with new secrets for an account perhaps."""
        if isinstance(record.event, InvitationUsed):
            self.throttle.forgive(record.event.account)

    async def ask(self, attempt: Attempt, check: Callable[[], Awaitable[Conclusion]]) -> Conclusion:
        """Have a password checked, or answer that it is wrong where that may not be tried.

        Args:
            attempt: Where it counts.
            check: Does it.

        Raises:
            Overloaded: Too many wait to be checked.

        """
        if not await self._wait_for_leave(attempt):
            self._warn()
            return Conclusion("")
        settle = self.throttle.withdrawn
        self._under_way += 1
        try:
            conclusion = await check()
            if not conclusion.account:
                settle = self.throttle.rejected
            return conclusion
        finally:
            self._under_way -= 1
            settle(attempt)

    async def _wait_for_leave(self, attempt: Attempt) -> bool:
        """Wait until it is clear whether a password may be checked; what may not be takes as long as a check would."""
        leave = self.throttle.may_try(attempt)
        if leave is Leave.REFUSED:
            await self._pretend()
        while leave is Leave.LATER:
            # Half of what is left each time: an estimate that was too long costs little.
            await self._pretend(0.5)
            leave = self.throttle.may_try(attempt)
        return leave is Leave.GIVEN

    async def _pretend(self, share: float = 1.0) -> None:
        self._pretended += 1
        await asyncio.sleep(share * self._node.passwords.estimate(self._under_way, self._pretended))

    def _warn(self) -> None:
        """Tell the operator, but not of each: whoever causes them must not fill the disk."""
        self.refused += 1
        now = self._node.loop.time()
        if now >= self._next_warning:
            self._next_warning = now + WARNING_SECONDS
            log.warning("passwords are being guessed; some are refused unchecked", refused=self.refused)

"""Whether accounts can be made by who was invited: offered to clients while an invitation is open, and then only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from securechat.chat.inviting import open_invitations
from securechat.chat.server_events import InvitationMade, InvitationRevoked, InvitationUsed
from securechat.server.renegotiation import revise_offer
from securechat.wire.capabilities import ACCOUNT_REGISTRATION_NAME, CAPABILITIES

if TYPE_CHECKING:
    from securechat.chat.events import Record
    from securechat.server.node import Node

LONGEST_SLEEP = 3600.0
"""Seconds until the clock is looked at again: it may be set."""


class Admission:
    """Follows the invitations of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._timer: asyncio.TimerHandle | None = None
        self._is_due = False
        self.review()

    def follow(self, record: Record) -> None:
        """Take note of what happened to the server; a list of thousands is looked over once, when all of it is there."""
        if not self._is_due and isinstance(record.event, InvitationMade | InvitationRevoked | InvitationUsed):
            self._is_due = True
            self.close()
            self._timer = self._node.loop.call_later(0, self.review)

    def review(self) -> None:
        """Offer registration, or no longer; look again when the last invitation expires."""
        self._is_due = False
        self.close()
        invitations = open_invitations(self._node.world)
        value = CAPABILITIES[ACCOUNT_REGISTRATION_NAME].value if invitations else None
        revise_offer(self._node, ACCOUNT_REGISTRATION_NAME, value)
        if invitations:
            seconds = (max(each.expires for each in invitations) - self._node.world.clock()) / 1000
            self._timer = self._node.loop.call_later(min(max(0.0, seconds), LONGEST_SLEEP), self.review)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

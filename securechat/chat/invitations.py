"""The invitations that are open, as the server's stream has made them."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING

import msgspec

from securechat.chat.event import Event
from securechat.chat.server_events import InvitationMade, InvitationRevoked, InvitationUsed

if TYPE_CHECKING:
    from securechat.chat.events import Record


class InvitationState(msgspec.Struct):
    """An invitation that can be used, or could be before its time was over.

    digest: SHA-256 of its token (hex). expires, created: ms since 1970. uses_left: at least 1.
    name: the only name it can be used for, "" for any. account: the id of the account that it resets, "" for none.
    """

    id: str
    digest: str
    role: str = "member"
    channels: tuple[str, ...] = ()
    uses_left: int = 1
    expires: int = 0
    name: str = ""
    account: str = ""
    by: str = ""
    created: int = 0


class Invitations(dict[str, InvitationState]):
    """By the digests of their tokens; changed by `add` and `drop` alone.

    A school invites thousands by one list, so that none of them may be looked for among the others.
    """

    def __init__(self, found: Iterable[InvitationState] = ()) -> None:
        super().__init__()
        self._ids: dict[str, InvitationState] = {}
        self._earliest_end: float = inf
        """No invitation expires before it."""
        for each in found:
            self.add(each)

    def with_id(self, invitation_id: str) -> InvitationState | None:
        """Return the invitation of that id."""
        return self._ids.get(invitation_id)

    def add(self, invitation: InvitationState) -> None:
        """Take one in."""
        self[invitation.digest] = self._ids[invitation.id] = invitation
        self._earliest_end = min(self._earliest_end, invitation.expires)

    def drop(self, invitation: InvitationState) -> None:
        """Forget one."""
        del self[invitation.digest], self._ids[invitation.id]

    def drop_expired(self, now: int) -> None:
        """Forget those whose time is over; now: ms since 1970."""
        if now < self._earliest_end:
            return
        for each in [each for each in self.values() if each.expires <= now]:
            self.drop(each)
        self._earliest_end = min((each.expires for each in self.values()), default=inf)

    def drop_resets_of(self, account: str) -> None:
        """Forget those that reset an account (id)."""
        for each in [each for each in self.values() if each.account == account]:
            self.drop(each)


def fits(invitations: Invitations, event: Event) -> bool:
    """Tell whether an event can happen now, as far as it is about invitations."""
    match event:
        case InvitationMade(id=invitation_id, digest=digest):
            return digest not in invitations and invitations.with_id(invitation_id) is None
        case InvitationRevoked(id=invitation_id) | InvitationUsed(id=invitation_id):
            return invitations.with_id(invitation_id) is not None
    return True


def apply_record(invitations: Invitations, record: Record) -> None:
    """Fold a record of the server's stream into the invitations.

    What is used up or revoked is forgotten at once, what has expired when the next one is made. A new link to reset an
    account replaces the one before it.
    """
    match record.event:
        case InvitationMade() as made:
            invitations.drop_expired(record.time)
            if made.account:
                invitations.drop_resets_of(made.account)
            invitations.add(
                InvitationState(
                    made.id,
                    made.digest,
                    made.role,
                    made.channels,
                    made.uses,
                    made.expires,
                    made.name,
                    made.account,
                    made.by,
                    record.time,
                )
            )
        case InvitationRevoked(id=invitation_id):
            revoked = invitations.with_id(invitation_id)
            if revoked is not None:
                invitations.drop(revoked)
        case InvitationUsed(id=invitation_id):
            used = invitations.with_id(invitation_id)
            if used is not None:
                used.uses_left -= 1
                if not used.uses_left:
                    invitations.drop(used)

"""The invitations that are open, as the server's stream has made them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

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


Invitations: TypeAlias = dict[str, InvitationState]
"""By the digests of their tokens."""


def invitation_with(invitations: Invitations, invitation_id: str) -> InvitationState | None:
    """Return the invitation of that id."""
    return next((each for each in invitations.values() if each.id == invitation_id), None)


def fits(invitations: Invitations, event: Event) -> bool:
    """Tell whether an event can happen now, as far as it is about invitations."""
    match event:
        case InvitationMade(id=invitation_id, digest=digest):
            return digest not in invitations and invitation_with(invitations, invitation_id) is None
        case InvitationRevoked(id=invitation_id) | InvitationUsed(id=invitation_id):
            return invitation_with(invitations, invitation_id) is not None
    return True


def apply_record(invitations: Invitations, record: Record) -> None:
    """Fold a record of the server's stream into the invitations.

    What is used up or revoked is forgotten at once, what has expired when the next one is made. A new link to reset an
    account replaces the one before it.
    """
    match record.event:
        case InvitationMade() as made:
            _forget(invitations, lambda each: each.expires <= record.time or each.account == made.account != "")
            invitations[made.digest] = InvitationState(
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
        case InvitationRevoked(id=invitation_id):
            _forget(invitations, lambda each: each.id == invitation_id)
        case InvitationUsed(id=invitation_id):
            used = invitation_with(invitations, invitation_id)
            if used is not None:
                used.uses_left -= 1
                _forget(invitations, lambda each: each.uses_left == 0)


def _forget(invitations: Invitations, is_over: Callable[[InvitationState], bool]) -> None:
    for digest in [digest for digest, each in invitations.items() if is_over(each)]:
        del invitations[digest]

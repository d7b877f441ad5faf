"""Open invitations as rows, by the records of the server's stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw
import msgspec

from securechat.chat.events import Record
from securechat.chat.invitations import Invitations, InvitationState
from securechat.chat.server_events import InvitationMade, InvitationRevoked, InvitationUsed
from securechat.storage.records import Stale
from securechat.storage.sqlite.rows import Rows

_INSERT = """
    INSERT INTO invitations (id, digest, role, channels, uses_left, expires, name, account, made_by, created)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SELECT = """
    SELECT id, digest, role, channels, uses_left, expires, name, account, made_by, created FROM invitations
    ORDER BY created, id"""


class InvitationRows(Rows):
    """Folds the records about invitations."""

    def _invitation_made(self, _key: int, record: Record, event: InvitationMade) -> None:
        twin = self._run("SELECT 1 FROM invitations WHERE id = ? OR digest = ?", (event.id, event.digest))
        if twin.fetchone() is not None:
            raise Stale
        self._run("DELETE FROM invitations WHERE expires <= ?", (record.time,))
        if event.account:
            self._run("DELETE FROM invitations WHERE account = ?", (event.account,))
        channels = msgspec.json.encode(event.channels).decode()
        row = (event.id, event.digest, event.role, channels, event.uses, event.expires, event.name, event.account)
        self._insert(_INSERT, (*row, event.by, record.time))

    def _invitation_revoked(self, _key: int, _record: Record, event: InvitationRevoked) -> None:
        self._run("DELETE FROM invitations WHERE id = ?", (event.id,))
        self._require_change()

    def _invitation_used(self, _key: int, _record: Record, event: InvitationUsed) -> None:
        self._run("UPDATE invitations SET uses_left = uses_left - 1 WHERE id = ?", (event.id,))
        self._require_change()
        self._run("DELETE FROM invitations WHERE id = ? AND uses_left = 0", (event.id,))


INVITATION_FOLDS: dict[type, Callable[[Any, int, Record, Any], None]] = {
    InvitationMade: InvitationRows._invitation_made,
    InvitationRevoked: InvitationRows._invitation_revoked,
    InvitationUsed: InvitationRows._invitation_used,
}


def load_invitations(connection: apsw.Connection) -> Invitations:
    """Return the open invitations by the digests of their tokens."""
    found = Invitations()
    for invitation_id, digest, role, channels, *row in connection.execute(_SELECT):
        names = msgspec.json.decode(channels, type=tuple[str, ...])
        found.add(InvitationState(invitation_id, digest, role, names, *row))
    return found

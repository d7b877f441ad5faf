"""What concerns the server as a whole as rows, by the records of its own stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from securechat.chat.events import Record
from securechat.chat.server_events import Administered, SignInRejected
from securechat.chat.server_state import ServerState
from securechat.chat.streams import SERVER
from securechat.storage.sqlite.audit import note_address
from securechat.storage.sqlite.certificate_rows import (
    CERTIFICATE_FOLDS,
    CertificateRows,
    load_certificates,
    load_revoked,
)
from securechat.storage.sqlite.invitation_rows import INVITATION_FOLDS, InvitationRows, load_invitations


class ServerRows(CertificateRows, InvitationRows):
    """Folds the records of the server."""

    def _administered(self, _key: int, _record: Record, _event: Administered) -> None:
        """Change nothing: the record says all that there is."""

    def _sign_in_rejected(self, _key: int, record: Record, event: SignInRejected) -> None:
        if event.address:
            note_address(self._run, record.seq, record.time, event.address)


SERVER_FOLDS: dict[type, Callable[[Any, int, Record, Any], None]] = {
    Administered: ServerRows._administered,
    SignInRejected: ServerRows._sign_in_rejected,
    **INVITATION_FOLDS,
    **CERTIFICATE_FOLDS,
}


def load_server(connection: apsw.Connection) -> ServerState:
    """Return the server's own state."""
    row = connection.execute("SELECT epoch FROM streams WHERE name = ?", (SERVER,)).fetchone()
    return ServerState(
        epoch=0 if row is None else row[0],
        invitations=load_invitations(connection),
        certificates=load_certificates(connection),
        revoked=load_revoked(connection),
    )

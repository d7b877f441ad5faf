"""What the stream of the server has made: the state behind `Directory.server`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from securechat.chat import certificates, invitations
from securechat.chat.certificates import CertificateState
from securechat.chat.invitations import Invitations

if TYPE_CHECKING:
    from securechat.chat.events import Record


class ServerState(msgspec.Struct):
    """What is known of the server as a whole; no secrets. invitations: by the digests of their tokens.

    certificates: those issued to people, by serial. revoked: when client certificates were, by serial (ms since 1970).
    """

    epoch: int = 0
    invitations: Invitations = msgspec.field(default_factory=Invitations)
    certificates: dict[str, CertificateState] = {}
    revoked: dict[str, int] = {}


def apply_record(state: ServerState, record: Record) -> None:
    """Fold one record of the server's stream, in the order of the history, into its state."""
    state.epoch += record.event.restricts
    invitations.apply_record(state.invitations, record)
    certificates.apply_record(state, record)

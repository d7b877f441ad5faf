"""Client certificates: the one that a connection has shown, those issued to people, and which are still good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from securechat.chat.event import Event
from securechat.chat.server_events import CertificateIssued, CertificateRevoked

if TYPE_CHECKING:
    from securechat.chat.events import Record
    from securechat.chat.server_state import ServerState


class PeerCertificate(NamedTuple):
    """A client certificate whose chain and dates the handshake has verified.

    serial: lower-case hexadecimal, without leading zeros. account: the id of the account it names, "" for none.
    expires: ms since 1970.
    """

    serial: str
    account: str
    expires: int


class CertificateState(msgspec.Struct):
    """A client certificate that our CA has signed for an account (id); times in ms since 1970."""

    serial: str
    account: str
    label: str
    issued: int
    expires: int


def fault_of(certificate: PeerCertificate, revoked: Mapping[str, int], now: int) -> str | None:
    """Return why a certificate opens nothing any more, None while it does; now: ms since 1970."""
    if certificate.serial in revoked:
        return "your certificate was revoked"
    if certificate.expires <= now:
        return "your certificate has expired"
    return None


def fits(state: ServerState, event: Event) -> bool:
    """Tell whether an event can happen now, as far as it is about certificates; no serial is issued or revoked twice."""
    match event:
        case CertificateIssued(serial=serial):
            return serial not in state.certificates
        case CertificateRevoked(serial=serial):
            return serial not in state.revoked
    return True


def apply_record(state: ServerState, record: Record) -> None:
    """Fold a record of the server's stream into what is known of certificates."""
    match record.event:
        case CertificateIssued() as made:
            issued = CertificateState(made.serial, made.account, made.label, record.time, made.expires)
            state.certificates[made.serial] = issued
        case CertificateRevoked(serial=serial):
            state.revoked[serial] = record.time

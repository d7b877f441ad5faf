"""Client certificates as rows: those issued to people and those revoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from securechat.chat.certificates import CertificateState
from securechat.chat.events import Record
from securechat.chat.server_events import CertificateIssued, CertificateRevoked
from securechat.storage.sqlite.rows import Rows

_ISSUE = "INSERT OR IGNORE INTO certificates (serial, account, label, issued, expires) VALUES (?, ?, ?, ?, ?)"
_REVOKE = "INSERT OR IGNORE INTO revoked_certificates (serial, time) VALUES (?, ?)"


class CertificateRows(Rows):
    """Folds the records of client certificates."""

    def _certificate_issued(self, _key: int, record: Record, event: CertificateIssued) -> None:
        self._require_account(event.account)
        self._insert(_ISSUE, (event.serial, event.account, event.label, record.time, event.expires))

    def _certificate_revoked(self, _key: int, record: Record, event: CertificateRevoked) -> None:
        self._insert(_REVOKE, (event.serial, record.time))


CERTIFICATE_FOLDS: dict[type, Callable[[Any, int, Record, Any], None]] = {
    CertificateIssued: CertificateRows._certificate_issued,
    CertificateRevoked: CertificateRows._certificate_revoked,
}


def load_certificates(connection: apsw.Connection) -> dict[str, CertificateState]:
    """Return the certificates issued to people, by serial."""
    rows = connection.execute("SELECT serial, account, label, issued, expires FROM certificates")
    return {row[0]: CertificateState(*row) for row in rows}


def load_revoked(connection: apsw.Connection) -> dict[str, int]:
    """Return when (ms since 1970) certificates were revoked, by serial."""
    rows = connection.execute("SELECT serial, time FROM revoked_certificates")
    return {serial: time for serial, time in rows}  # noqa: C416 (which types a row has is not known of it)

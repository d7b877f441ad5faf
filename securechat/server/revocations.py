"""Client certificates that open nothing any more: who came by one goes, whatever it was doing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from securechat.chat.certificates import PeerCertificate, fault_of
from securechat.chat.server_events import CertificateRevoked

if TYPE_CHECKING:
    from securechat.chat.events import Record
    from securechat.server.connection import Connection
    from securechat.server.node import Node

SWEEP_SECONDS = 10.0
"""How often it is looked whose certificate has expired: by the clock of the day, which may be set."""


class Revocations:
    """Follows the revoked certificates of one node, and the clock."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._timer: asyncio.TimerHandle | None = None

    def check(self, connection: Connection) -> None:
        """End a connection whose certificate is not good; from the first that has one on, look at them now and then."""
        fault = self._fault_of(connection.session.certificate)
        if fault is not None:
            connection.revoke(fault)
        elif connection.session.certificate is not None and self._timer is None:
            self._timer = self._node.loop.call_later(SWEEP_SECONDS, self._sweep)

    def follow(self, record: Record) -> None:
        """Take note of what happened to the server."""
        if isinstance(record.event, CertificateRevoked):
            self._check_all()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        self._check_all()

    def _fault_of(self, shown: PeerCertificate | None) -> str | None:
        revoked = self._node.world.directory.server.revoked
        return None if shown is None else fault_of(shown, revoked, self._node.world.clock())

    def _check_all(self) -> None:
        for entrance in list(self._node.entrances):
            if self._fault_of(entrance.certificate) is not None:
                # Becomes a connection, which `check` ends, or is closed.
                entrance.decide()
        for connection in list(self._node.connections):
            self.check(connection)

"""What a transport talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from securechat.server.transport import Transport


class Receiver(Protocol):
    """Who is told what happens on a transport; always from the loop."""

    def connected(self, transport: Transport) -> None:
        """Take over the connection: the TLS handshake is done."""

    def received(self, data: bytes) -> None:
        """Take decrypted bytes, at most 16 KiB of them."""

    def drained(self) -> None:
        """Go on producing: what waits fell to the low-water mark after it was above, or as requested."""

    def closed(self, reason: str) -> None:
        """Learn that the connection has ended; exactly once, also when `connected` was never called."""

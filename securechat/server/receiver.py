"""What a transport talks to, and what it is to those it talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from securechat.server.transport import Transport


class Carrier(Protocol):
    """What carries the lines of a connection: a `Transport`, or a `WebSocket` on one. (`transport.Transport`)"""

    @property
    def peer(self) -> str:
        """The other end's address."""

    @property
    def tls_version(self) -> str | None:
        """The TLS version agreed on; None once the connection has ended."""

    @property
    def queued(self) -> int:
        """Bytes waiting to be sent."""

    def mark_signed_in(self) -> None:
        """Count this connection no longer among those that have not signed in."""

    def write(self, data: bytes) -> None:
        """Queue lines that the peer asked for itself. Never a reason to cut it."""

    def write_live(self, data: bytes) -> bool:
        """Queue lines that others caused. Return False when the peer is cut: it does not read."""

    def send_live(self, data: bytes) -> bool:
        """Send lines that others caused at once."""

    def flush(self) -> None:
        """Send what waits, as far as the peer takes it now."""

    def request_drained(self) -> None:
        """Ask for one call of `drained`, as soon as no more than the low-water mark waits."""

    def pause_reading(self) -> None:
        """Take no more from the peer until `resume_reading`."""

    def resume_reading(self) -> None:
        """Take from the peer again."""

    def close(self, last: bytes = b"") -> None:
        """End politely: send what waits and then `last`."""

    def abort(self, reason: str) -> None:
        """End at once: what waits is dropped."""


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

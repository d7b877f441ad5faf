"""TLS as a load generator needs it: whatever has come is taken from the kernel at once, however many records it is in.

An `ssl.SSLSocket` asks the kernel twice for each record. A server that sends each message as a record of its own would
make the load generator, not itself, what limits.
"""

from __future__ import annotations

import socket
import ssl

RECORD = 16_384
"""Bytes of plaintext in one TLS record, at most. (RFC 8446, 5.1)"""
CHUNK = 262_144
"""Bytes taken from the kernel at once."""


class TLSLink:
    """One connection, from connected TCP on; blocking while shaking hands, then as `sock` is set."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._unsent = b""
        self._shake_hands()
        self.fileno = sock.fileno
        self.settimeout = sock.settimeout
        self.setblocking = sock.setblocking
        self.close = sock.close

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                self.flush()
                return
            except ssl.SSLWantReadError:
                self.flush()
                self._incoming.write(self._sock.recv(CHUNK) or _raise_ended())

    def recv(self) -> bytes:
        """Return all that has come; empty at the end of the connection.

        Raises: BlockingIOError when nothing whole has come and the socket does not block.
        """
        while chunk := self._sock.recv(CHUNK):
            self._incoming.write(chunk)
            data = self._decrypt()
            if data:
                return data
        return b""

    def _decrypt(self) -> bytes:
        records = []
        try:
            while self._incoming.pending:
                records.append(self._tls.read(RECORD))
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return b"".join(records)

    def sendall(self, data: bytes) -> None:
        """Encrypt and send; what a socket that does not block refuses leaves with the next `flush`."""
        while data:
            data = data[self._tls.write(data) :]
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the kernel takes it."""
        self._unsent += self._outgoing.read()
        try:
            while self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            pass


def _raise_ended() -> bytes:
    raise ConnectionError("the connection ended during the handshake")

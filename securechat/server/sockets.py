"""TCP sockets: the options that accepted ones get, and opening one that listens."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from contextlib import suppress

BACKLOG = 4096

_DEAD_AFTER_MS = 120_000
_OPTIONS: tuple[tuple[int, str, int], ...] = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 60),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 15),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 4),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", _DEAD_AFTER_MS),
)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def prepare_accepted(sock: socket.socket) -> None:
    """Send at once, and notice within two minutes that the other end is gone (RFC 1122, 4.2.3.6; RFC 5482).

    Where a system lacks an option, or the peer is gone already, the rest of it will show.
    """
    sock.setblocking(False)
    for level, name, value in _OPTIONS:
        with suppress(AttributeError, OSError):
            sock.setsockopt(level, getattr(socket, name), value)


def reset_on_close(sock: socket.socket) -> None:
    """Make closing drop what the kernel still holds for the peer."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def open_listening(host: str, port: int) -> socket.socket:
    """Open a non-blocking listening socket on the first address of the host; IPv6 is IPv6 alone.

    Raises: OSError, UnicodeError for a name that is none.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def describe_failure(error: OSError) -> str:
    """Return why a socket failed in a few plain words, fit for a log line."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS error").replace("_", " ").lower()
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__

"""Servers for one handshake: what they show is chosen by the test, and every byte that arrives is counted."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import trustme

NOW = datetime.now(UTC)
YESTERDAY, TOMORROW = NOW - timedelta(days=1), NOW + timedelta(days=1)


def make_context(
    authority: trustme.CA,
    *names: str,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    shows_authority: bool = False,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    """Return what a server with a certificate of this authority speaks with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.set_alpn_protocols(["irc"])
    leaf = authority.issue_cert(*(names or ("localhost", "127.0.0.1")), not_before=not_before, not_after=not_after)
    shown = [authority.cert_pem] if shows_authority else []
    chain = b"".join(part.bytes() for part in (*leaf.cert_chain_pems, *shown))
    with leaf.private_key_pem.tempfile() as key, trustme.Blob(chain).tempfile() as certificates:
        context.load_cert_chain(certificates, key)
    return context


class Counter:
    """A server on loopback that takes any number of connections, one after the other, and counts what they send.

    said: the application bytes that arrived inside TLS. raw: what arrived where there is no TLS.
    """

    def __init__(self, serve: Callable[[Counter, socket.socket], None]) -> None:
        self.said = b""
        self.raw = b""
        self.visits = 0
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                self.visits += 1
                try:
                    self._serve(self, connection)
                except OSError:
                    pass

    def close(self) -> None:
        """Accept no more and wait until the last connection is done with."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.thread.join(10)


@contextmanager
def serving(serve: Callable[[Counter, socket.socket], None]) -> Iterator[Counter]:
    """Run a server; when the block is left, everything that was sent to it has been counted."""
    counter = Counter(serve)
    counter.thread.start()
    try:
        yield counter
    finally:
        counter.close()


def speak_tls(context: ssl.SSLContext) -> Callable[[Counter, socket.socket], None]:
    """Return what shakes hands and counts what is said after it."""

    def serve(counter: Counter, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            while chunk := tls.recv(65536):
                counter.said += chunk

    return serve


def speak_plainly(greeting: bytes) -> Callable[[Counter, socket.socket], None]:
    """Return what says something without TLS."""

    def serve(counter: Counter, connection: socket.socket) -> None:
        connection.sendall(greeting)
        while chunk := connection.recv(65536):
            counter.raw += chunk

    return serve


def echo(counter: Counter, connection: socket.socket) -> None:
    """Send everything back, as the server of the exercise does."""
    while chunk := connection.recv(65536):
        counter.raw += chunk
        connection.sendall(chunk)


def hang_up(counter: Counter, connection: socket.socket) -> None:
    """Take what comes first and close."""
    counter.raw += connection.recv(65536)

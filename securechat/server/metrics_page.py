"""Where the metrics are read: /metrics, by plain HTTP on loopback, elsewhere over TLS by whoever has the token."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import structlog
from websockets.http11 import Request
from websockets.server import ServerProtocol

from securechat.config import Metrics
from securechat.errors import ConfigError
from securechat.server.listener import Listener
from securechat.server.sockets import open_listening
from securechat.server.strangers import ConnectionLimits
from securechat.server.transport import Transport
from securechat.server.web import MAX_HEAD, respond

log = structlog.get_logger()

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format. (Prometheus exposition formats, Text format)"""
SECONDS = 10.0
"""How long a visit may take."""
AT_ONCE = 16
"""Visits at the same time; more are closed as they come: each has a descriptor that the chat could need."""
QUEUE_LIMIT = 4 * 1024 * 1024
SHORTEST_TOKEN = 16

_HEAD_END = b"\r\n\r\n"


def find_faults(metrics: Metrics) -> Iterator[str]:
    """Yield what is wrong with the settings, a line for each with the key and the remedy."""
    if not metrics.listen:
        return
    try:
        host, _ = read_endpoint(metrics.listen)
    except ConfigError as error:
        yield str(error)
        return
    if not metrics.token_file:
        if not is_loopback(host):
            yield f"metrics.listen: {metrics.listen} is not loopback; name a token_file, or listen on 127.0.0.1"
        return
    try:
        read_token(Path(metrics.token_file))
    except ConfigError as error:
        yield str(error)


def read_endpoint(text: str) -> tuple[str, int]:
    """Read HOST:PORT, an IPv6 host in brackets.

    Raises: ConfigError.
    """
    host, _, port = text.rpartition(":")
    is_bare = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not host or is_bare or not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ConfigError(f"metrics.listen: {text!r} is not HOST:PORT; write for example 127.0.0.1:9464")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(path: Path) -> bytes:
    """Return the token in a file that nobody else can read.

    Raises: ConfigError.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            token = file.read(1024).strip()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigError(f"metrics.token_file: {path}: {reason}; name a file that can be read") from None
    if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
        raise ConfigError(f"metrics.token_file: {path}: others can read it; chown it to the server's user, chmod 600")
    if len(token) < SHORTEST_TOKEN or not all(0x21 <= byte <= 0x7E for byte in token):
        raise ConfigError(
            f"metrics.token_file: {path}: holds no token of {SHORTEST_TOKEN} characters without spaces; "
            "make one with: openssl rand -hex 32"
        )
    return token


def answer(head: bytes, token: bytes, figures: Callable[[], bytes]) -> bytes:
    """Answer a request by a whole response.

    head: what came up to the empty line, that one included. token: what must be shown, b"" for nothing.
    """
    if not head.startswith(b"GET "):
        return respond(HTTPStatus.METHOD_NOT_ALLOWED, None, ("Allow", "GET"))
    protocol = ServerProtocol()
    protocol.receive_data(head)
    request = next(iter(protocol.events_received()), None)
    if not isinstance(request, Request):
        return respond(HTTPStatus.BAD_REQUEST)
    shown = " ".join(request.headers.get_all("Authorization")).encode(errors="replace")
    if token and not hmac.compare_digest(shown, b"Bearer " + token):
        return respond(HTTPStatus.UNAUTHORIZED, None, ("WWW-Authenticate", "Bearer"))
    if request.path.partition("?")[0] != PATH:
        return respond(HTTPStatus.NOT_FOUND)
    return respond(HTTPStatus.OK, figures(), ("Content-Type", CONTENT_TYPE))


class MetricsPage:
    """The listener of the page, bound as soon as it is made. listener: where TLS is spoken, else None.

    Raises: ConfigError.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, metrics: Metrics) -> None:
        for fault in find_faults(metrics):
            raise ConfigError(fault)
        host, port = read_endpoint(metrics.listen)
        self._where = metrics.listen
        self._loop = loop
        self._token = read_token(Path(metrics.token_file)) if metrics.token_file else b""
        self._figures: Callable[[], bytes] = bytes
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._visitors: set[asyncio.StreamWriter] = set()
        self.listener: Listener | None = None
        if is_loopback(host):
            self._socket = _bind(host, port, self._where)
            return
        self.listener = Listener(
            loop,
            host,
            port,
            receivers=lambda: _Visit(loop, self.answer),
            limits=ConnectionLimits(AT_ONCE, AT_ONCE),
            queue_limit=QUEUE_LIMIT,
        )
        self.listener.bind()

    @property
    def port(self) -> int:
        """Where it listens."""
        if self.listener is not None:
            return self.listener.address[1]
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    async def start(self, figures: Callable[[], bytes]) -> None:
        """Answer from now on; `figures` returns them as Prometheus reads them."""
        self._figures = figures
        if self.listener is not None:
            self.listener.start()
        else:
            self._server = await asyncio.start_server(self._serve, sock=self._socket, limit=MAX_HEAD)
        log.info("metrics can be read", listen=self._where, port=self.port)

    def stop(self) -> None:
        """Answer no more."""
        if self.listener is not None:
            self.listener.stop()
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        # Cancelled with the loop they would be told as errors.
        for visitor in self._visitors:
            visitor.transport.abort()

    def answer(self, head: bytes) -> bytes:
        """Answer a request by a whole response."""
        return answer(head, self._token, self._figures)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._visitors.add(writer)
        try:
            if len(self._visitors) > AT_ONCE:
                return
            async with asyncio.timeout(SECONDS):
                writer.write(self.answer(await reader.readuntil(_HEAD_END)))
                await writer.drain()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass  # Whoever came has gone, or is no reader of metrics.
        finally:
            self._visitors.discard(writer)
            writer.close()


class _Visit:
    """Takes one request that comes over TLS."""

    __slots__ = ("_answer", "_head", "_loop", "_timer", "_transport")

    _transport: Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: Callable[[bytes], bytes]) -> None:
        self._loop = loop
        self._answer = answer
        self._head = b""
        self._timer: asyncio.TimerHandle | None = None

    def connected(self, transport: Transport) -> None:
        """Wait for the request. (`receiver.Receiver`)"""
        self._transport = transport
        self._timer = self._loop.call_later(SECONDS, transport.abort, "no request")

    def received(self, data: bytes) -> None:
        """Answer as soon as the request is there. (`receiver.Receiver`)"""
        self._head += data
        head, end, _ = self._head.partition(_HEAD_END)
        if len(head) > MAX_HEAD:
            self._transport.close(respond(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        elif end:
            self._transport.close(self._answer(head + end))

    def drained(self) -> None:
        """Do nothing: the transport ends by itself. (`receiver.Receiver`)"""

    def closed(self, reason: str) -> None:
        """Let go. (`receiver.Receiver`)"""
        del reason
        if self._timer is not None:
            self._timer.cancel()


def _bind(host: str, port: int, where: str) -> socket.socket:
    with suppress(UnicodeError):
        try:
            return open_listening(host, port)
        except OSError as error:
            reason = (error.strerror or "cannot be had").lower()
            raise ConfigError(f"metrics.listen: {where}: {reason}; choose another port") from None
    raise ConfigError(f"metrics.listen: {where}: is no address; write for example 127.0.0.1:9464")

"""Who has connected and has not shown yet what they speak: IRC, or HTTP and so perhaps IRC over WebSocket."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from securechat.auth.certificates import read_certificate
from securechat.server.connection import Connection
from securechat.server.transport import Transport
from securechat.server.web import MAX_HEAD, Site, answer, respond
from securechat.server.websocket import WebSocket

if TYPE_CHECKING:
    from securechat.chat.certificates import PeerCertificate
    from securechat.server.node import Node

_log = structlog.get_logger(__name__)

_GET = b"GET "
_HEAD_END = b"\r\n\r\n"


class Entrance:
    """The first receiver of a connection, which makes way for the one it is for.

    ALPN tells (RFC 7301); without it whoever begins like a GET is a web client, since no IRC client does. The time for
    signing in runs from the handshake on, whatever the rest of it is spent with.
    """

    __slots__ = ("_is_web", "_node", "_since", "_site", "_start", "_timer", "_transport", "certificate")

    _transport: Transport

    def __init__(self, node: Node, site: Site) -> None:
        self._node = node
        self._site = site
        self._start = b""
        self._is_web = False
        self._since = 0.0
        self.certificate: PeerCertificate | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connected(self, transport: Transport) -> None:
        """Begin with what ALPN says."""
        self._transport = transport
        self._since = self._node.loop.time()
        self.certificate = read_certificate(transport.shown_certificate)
        protocol = transport.alpn
        if protocol == "irc":
            self._begin_irc()
            return
        self._is_web = protocol == "http/1.1"
        self._node.entrances[self] = None
        self._timer = self._node.loop.call_later(self._node.config.limits.sign_in, self.decide)

    def received(self, data: bytes) -> None:
        """Take the first bytes, until they tell."""
        self._start += data
        if not self._is_web:
            if _GET.startswith(self._start):
                return
            self._is_web = self._start.startswith(_GET)
        if self._is_web:
            self._read_request()
        else:
            self._begin_irc()

    def drained(self) -> None:
        """Do nothing: nothing was sent."""

    def closed(self, reason: str) -> None:
        """Let go."""
        if self in self._node.entrances:
            _log.info("closed before it was known what is spoken", peer=self._transport.peer, reason=reason)
        self._stop()

    def decide(self) -> None:
        """Wait no longer: who has said nothing is told by a connection what an IRC client is told."""
        if self._is_web:
            self._leave(respond(HTTPStatus.REQUEST_TIMEOUT))
        else:
            self._begin_irc()

    def _read_request(self) -> None:
        head, end, rest = self._start.partition(_HEAD_END)
        if len(head) + len(_HEAD_END) > MAX_HEAD:
            self._leave(respond(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        elif end:
            answered = answer(head + end, self._site)
            if isinstance(answered, bytes):
                self._leave(answered)
                return
            self._transport.write(b"".join(answered.data_to_send()))
            self._transport.flush()
            connection = self._make_connection()
            self._hand_over(WebSocket(self._node.loop, self._transport, answered, connection), connection, rest)

    def _begin_irc(self) -> None:
        connection = self._make_connection()
        self._hand_over(connection, connection, self._start)

    def _make_connection(self) -> Connection:
        connection = Connection(self._node, self._waited)
        connection.session.certificate = self.certificate
        return connection

    def _hand_over(self, receiver: Connection | WebSocket, connection: Connection, start: bytes) -> None:
        self._stop()
        self._transport.receiver = receiver
        receiver.connected(self._transport)
        self._node.revocations.check(connection)
        if start:
            receiver.received(start)

    @property
    def _waited(self) -> float:
        return self._node.loop.time() - self._since

    def _leave(self, response: bytes) -> None:
        self._stop()
        self._transport.close(response)

    def _stop(self) -> None:
        self._node.entrances.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

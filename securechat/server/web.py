"""What a web request is answered: a page, a WebSocket's handshake, or what was wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

import structlog
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Origin

from securechat.server.websocket import MAX_MESSAGE, choose_subprotocol

MAX_HEAD = 8192
"""Bytes of a request up to its empty line, that one included."""
SOCKET_PATH = "/"

_REQUEST_LINE = re.compile(rb"([A-Za-z-]+) [!-~]+ HTTP/1\.[01]\r\n")
_SAFE = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
"""No Strict-Transport-Security: it would bind the host's other ports too, where a server is not ours."""
_LONGEST_LOGGED = 100

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Site:
    """What the web gets of a server.

    origins: web pages that may open a WebSocket, as browsers write them (RFC 6454, 6.2). Who is no browser says none.
    ca: the certificate of the server's own CA, in PEM; empty where a public one is used.
    """

    origins: Sequence[str] = ()
    ca: bytes = b""


def own_origins(names: Iterable[str], ports: Iterable[int]) -> list[str]:
    """Return the origins of pages that a server serves itself, as browsers write them.

    names: host names and addresses. ports: where it listens; a page on the default port names none (RFC 6454, 6.1).
    """
    hosts = [f"[{name}]" if ":" in name else name.lower() for name in names if "*" not in name]
    return [f"https://{host}{port}" for host in hosts for port in ("", *(f":{port}" for port in ports))]


def answer(head: bytes, site: Site) -> bytes | ServerProtocol:
    """Answer a request: by a whole response, after which the connection ends, or by a WebSocket that has begun.

    head: what came up to the empty line, that one included; `MAX_HEAD` at most.
    """
    line = _REQUEST_LINE.match(head)
    if line is not None and line[1] != b"GET":
        return respond(HTTPStatus.METHOD_NOT_ALLOWED, b"", ("Allow", "GET"))
    origins = [None, *(Origin(origin) for origin in site.origins)]
    protocol = ServerProtocol(origins=origins, select_subprotocol=choose_subprotocol, max_size=MAX_MESSAGE)
    protocol.receive_data(head)
    request = next(iter(protocol.events_received()), None)
    if not isinstance(request, Request) or not _names_one_host(request):
        return respond(HTTPStatus.BAD_REQUEST)
    path = request.path.partition("?")[0]
    if path == SOCKET_PATH and "Upgrade" in request.headers:
        return _upgrade(protocol, request)
    if path == "/healthz":
        return respond(HTTPStatus.OK, b"ok")
    if path == "/ca.pem" and site.ca:
        kind = ("Content-Type", "application/pem-certificate-chain")
        return respond(HTTPStatus.OK, site.ca, kind, ("Content-Disposition", 'attachment; filename="ca.pem"'))
    return respond(HTTPStatus.NOT_FOUND)


def respond(status: HTTPStatus, body: bytes | None = None, *fields: tuple[str, str]) -> bytes:
    """Return a response with which the connection ends; its body says what its status says when none is given.

    Nothing of the request is repeated in it.
    """
    if body is None:
        body = f"{status.phrase}\n".encode()
    headers = Headers([("Date", formatdate(usegmt=True)), ("Connection", "close"), *_SAFE, *fields])
    headers["Content-Length"] = str(len(body))
    if "Content-Type" not in headers:
        headers["Content-Type"] = "text/plain; charset=utf-8"
    return Response(status.value, status.phrase, headers, body).serialize()


def _names_one_host(request: Request) -> bool:
    """Tell whether a request has one Host field, as HTTP/1.1 demands (RFC 9112, 3.2)."""
    return request.protocol == "HTTP/1.0" or len(request.headers.get_all("Host")) == 1


def _upgrade(protocol: ServerProtocol, request: Request) -> bytes | ServerProtocol:
    response = protocol.accept(request)
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        protocol.send_response(response)
        return protocol
    status = HTTPStatus(response.status_code)
    if status is HTTPStatus.FORBIDDEN:
        origin = request.headers["Origin"][:_LONGEST_LOGGED]
        _log.info("a web page was refused: its origin is not in web_origins", origin=origin)
    return respond(status, None, ("Sec-WebSocket-Version", "13"))

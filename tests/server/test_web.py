"""Plain web requests, and how a connection shows what it speaks. (RFC 9110, 9112; RFC 7301)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.server import ServerProtocol

from securechat.config import Config, Limits, example_config, parse_config
from securechat.errors import ConfigError
from securechat.server.web import Site, answer, own_origins
from tests.server.harness import DEADLINE, RawClient, RunningServer, running_server
from tests.server.webclient import fetch, open_tls

CA = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
HOST = b"Host: localhost\r\n"
UPGRADE = (
    HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as running:
        running.site = Site(ca=CA)
        yield running


def get(path: str, fields: bytes = HOST) -> bytes:
    return b"GET " + path.encode() + b" HTTP/1.1\r\n" + fields + b"\r\n"


def status_of(head: bytes, site: Site | None = None) -> int:
    answered = answer(head, site or Site())
    return 101 if isinstance(answered, ServerProtocol) else int(answered.split()[1])


# ── pages ──


async def test_healthz_says_ok_to_anybody(server: RunningServer) -> None:
    status, headers, body = await fetch(server, get("/healthz"))
    assert (status, body) == (200, b"ok")
    del headers["Date"]
    assert headers == {
        "Connection": "close",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": "2",
        "Content-Type": "text/plain; charset=utf-8",
    }


async def test_the_ca_is_handed_out_as_a_file_where_it_is_our_own(server: RunningServer) -> None:
    status, headers, body = await fetch(server, get("/ca.pem"))
    assert (status, body) == (200, CA)
    assert headers["Content-Type"] == "application/pem-certificate-chain"
    assert headers["Content-Disposition"] == 'attachment; filename="ca.pem"'
    server.site = Site()
    assert (await fetch(server, get("/ca.pem")))[0] == 404


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (get("/healthz"), 200),
        (get("/healthz?probe=1"), 200),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (get("/"), 404),
        (get("/healthz/"), 404),
        (get("/../healthz"), 404),
        (get("/ca.pem"), 404),
        (get("/elsewhere", UPGRADE), 404),
        (b"HEAD /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (b"POST /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 405),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (b"DELETE / HTTP/1.1\r\n" + UPGRADE + b"\r\n", 405),
        (get("/healthz", b""), 400),
        (get("/healthz", HOST + HOST), 400),
        (get("/healthz", HOST + b"Content-Length: 3\r\n"), 400),
        (get("/healthz", HOST + b"Transfer-Encoding: chunked\r\n"), 400),
        (get("/healthz", HOST + b"no field\r\n"), 400),
        (get("/healthz", HOST + b"bad name: x\r\n"), 400),
        (get("/healthz", HOST + b"X: a\nY: b\r\n"), 400),
        (get("/healthz", HOST + b"X: \0\r\n"), 400),
        (b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\n", 400),
        (b"GET /healthz\r\n\r\n", 400),
        (b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 400),
        (b"\r\n\r\n", 400),
        (get("/", UPGRADE), 101),
        (get("/?token=x", UPGRADE), 101),
        (get("/", UPGRADE.replace(b"Version: 13", b"Version: 12")), 400),
        (get("/", UPGRADE.replace(b"Sec-WebSocket-Key", b"X")), 400),
        (get("/", UPGRADE.replace(b"websocket", b"h2c")), 426),
        (get("/", UPGRADE + b"Origin: https://evil.example\r\n"), 403),
        (get("/", UPGRADE + b"Origin: https://a.example\r\nOrigin: https://a.example\r\n"), 400),
    ],
)
def test_each_request_has_its_status(head: bytes, status: int) -> None:
    assert status_of(head) == status


def test_what_is_refused_repeats_nothing_of_the_request() -> None:
    refused = answer(get("/<script>", HOST + b"Referer: <script>\r\n"), Site())
    assert isinstance(refused, bytes)
    assert b"script" not in refused
    refused = answer(get("/", UPGRADE + b"Origin: https://script.example\r\n"), Site())
    assert isinstance(refused, bytes)
    assert b"script" not in refused
    assert b"Sec-WebSocket-Version: 13\r\n" in refused


async def test_a_head_of_8_kib_is_read_and_no_more(server: RunningServer) -> None:
    room = 8192 - len(get("/healthz", HOST + b"X: \r\n"))
    assert (await fetch(server, get("/healthz", HOST + b"X: " + b"x" * room + b"\r\n")))[0] == 200
    assert (await fetch(server, get("/healthz", HOST + b"X: " + b"x" * (room + 1) + b"\r\n")))[0] == 431
    assert (await fetch(server, get("/healthz", HOST + b"X: " + b"x" * 100_000)))[0] == 431


async def test_a_head_that_comes_in_pieces_is_read(server: RunningServer) -> None:
    reader, writer = await open_tls(server)
    for byte in get("/healthz"):
        writer.write(bytes([byte]))
        await writer.drain()
    async with asyncio.timeout(DEADLINE):
        assert (await reader.read()).endswith(b"\r\n\r\nok")


@pytest.mark.parametrize("start", [b"GET /healthz HT", b"G", b"nonsense"])
async def test_who_does_not_finish_a_request_is_not_waited_for(tmp_path: Path, start: bytes) -> None:
    async with running_server(tmp_path, Config(limits=Limits(sign_in=0.2))) as server:
        status, _, _ = await fetch(server, start)
        assert status == 408
        assert server.node.entrances == {}


# ── which it is ──


@pytest.mark.parametrize("alpn", [("irc",), ("irc", "http/1.1"), ("http/1.1", "irc")])
async def test_with_alpn_irc_a_request_gets_what_any_unknown_command_gets(
    server: RunningServer, alpn: tuple[str, ...]
) -> None:
    reader, writer = await open_tls(server, *alpn)
    client = RawClient(reader, writer)
    client.send("GET / HTTP/1.1")
    assert (await client.next()).command == "451"


@pytest.mark.parametrize("line", ["POST / HTTP/1.1", "GETX", "GEt / HTTP/1.1", "HEAD / HTTP/1.1"])
async def test_without_alpn_only_a_get_is_a_web_request(server: RunningServer, line: str) -> None:
    reader, writer = await open_tls(server)
    client = RawClient(reader, writer)
    client.send(line)
    assert (await client.next()).command == "451"


async def test_without_alpn_the_first_bytes_may_come_one_by_one(server: RunningServer) -> None:
    reader, writer = await open_tls(server)
    for byte in b"GEX a\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await RawClient(reader, writer).next()).command == "451"


async def test_a_web_client_with_alpn_is_never_taken_for_irc(server: RunningServer) -> None:
    status, _, _ = await fetch(server, b"NICK alice\r\n\r\n")
    assert status == 400


@pytest.mark.parametrize(("alpn", "told"), [((), b"ERROR"), (("http/1.1",), b"HTTP/1.1 408")])
async def test_the_drain_reaches_who_has_not_shown_what_they_speak(
    server: RunningServer, alpn: tuple[str, ...], told: bytes
) -> None:
    reader, _ = await open_tls(server, *alpn)
    async with asyncio.timeout(DEADLINE):
        while not server.node.entrances:
            await asyncio.sleep(0)
        await server.node.close()
        assert (await reader.read()).startswith(told)
    assert server.node.entrances == {}


async def test_the_time_for_signing_in_runs_from_the_beginning(tmp_path: Path) -> None:
    """What it took to show that it is IRC is no time on top."""
    async with running_server(tmp_path, Config(limits=Limits(sign_in=1.0))) as server:
        reader, writer = await open_tls(server)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0.7)
        writer.write(b"NICK alice\r\n")
        async with asyncio.timeout(DEADLINE):
            assert b"sign-in took too long" in await reader.read()
        assert loop.time() - began < 1.5


# ── settings ──


def test_a_servers_own_origins_are_its_names_with_and_without_its_ports() -> None:
    assert own_origins(["chat.example", "LocalHost", "127.0.0.1", "::1", "*.example"], [6697, 8443]) == [
        "https://chat.example",
        "https://chat.example:6697",
        "https://chat.example:8443",
        "https://localhost",
        "https://localhost:6697",
        "https://localhost:8443",
        "https://127.0.0.1",
        "https://127.0.0.1:6697",
        "https://127.0.0.1:8443",
        "https://[::1]",
        "https://[::1]:6697",
        "https://[::1]:8443",
    ]


@pytest.mark.parametrize(
    "origin", ["https://chat.example", "https://chat.example:8443", "http://localhost:3000", "https://[::1]:8443"]
)
def test_a_web_origin_stands_as_browsers_write_it(origin: str) -> None:
    assert parse_config({"web_origins": [origin]}, "config.toml").web_origins == [origin]


@pytest.mark.parametrize("origin", ["chat.example", "https://Chat.example", "https://chat.example/", "*", "null", ""])
def test_what_no_browser_would_write_is_refused(origin: str) -> None:
    with pytest.raises(ConfigError, match="web_origins"):
        parse_config({"web_origins": [origin]}, "config.toml")


def test_the_example_shows_the_setting_as_empty() -> None:
    assert "#web_origins = []\n" in example_config()

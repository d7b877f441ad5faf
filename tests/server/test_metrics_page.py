"""Who may read the metrics: on loopback everybody, elsewhere over TLS whoever has the token; and nobody can hold it up."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from securechat.config import Metrics
from securechat.errors import ConfigError
from securechat.server import metrics_page
from securechat.server.metrics_page import MetricsPage, answer, find_faults
from securechat.server.tls import build_context

TOKEN = "0123456789abcdef0123"
GET = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"


def ask(head: str, token: bytes = b"") -> tuple[str, bytes]:
    """Return status line and body."""
    start, _, body = answer(head.encode() + b"\r\n", token, lambda: b"figures 1\n").partition(b"\r\n\r\n")
    return start.decode().partition("\r\n")[0], body


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET, "HTTP/1.1 200 OK"),
        ("GET /metrics?x=y HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 200 OK"),
        ("GET / HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 404 Not Found"),
        ("GET /metrics/ HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 405 Method Not Allowed"),
        ("HEAD /metrics HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 405 Method Not Allowed"),
        ("GET /metrics\r\n", "HTTP/1.1 400 Bad Request"),
        ("GET /metrics HTTP/9.9\r\n", "HTTP/1.1 400 Bad Request"),
        ("GET /metrics HTTP/1.1\r\nno colon\r\n", "HTTP/1.1 400 Bad Request"),
    ],
)
def test_what_a_request_is_answered(head: str, status: str) -> None:
    found, body = ask(head)
    assert found == status
    assert (body == b"figures 1\n") == status.endswith("OK")


@pytest.mark.parametrize(
    "shown",
    ["", f"Authorization: Bearer {TOKEN}x\r\n", f"Authorization: Basic {TOKEN}\r\n", f"Authorization: {TOKEN}\r\n",
     "Authorization: Bearer \r\n", f"Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}\r\n"],
)  # fmt: skip
def test_without_the_token_nothing_is_told(shown: str) -> None:
    for path in ("/metrics", "/other"):
        head = GET.replace("/metrics", path) + shown
        assert ask(head, TOKEN.encode()) == ("HTTP/1.1 401 Unauthorized", b"Unauthorized\n")


def test_control_with_the_token_the_figures_are_told() -> None:
    assert ask(f"{GET}Authorization: Bearer {TOKEN}\r\n", TOKEN.encode()) == ("HTTP/1.1 200 OK", b"figures 1\n")


@pytest.mark.parametrize(
    ("listen", "fault"),
    [
        ("0.0.0.0:9464", "metrics.listen: 0.0.0.0:9464 is not loopback; name a token_file, or listen on 127.0.0.1"),
        ("[::]:9464", "metrics.listen: [::]:9464 is not loopback; name a token_file, or listen on 127.0.0.1"),
        ("9464", "metrics.listen: '9464' is not HOST:PORT; write for example 127.0.0.1:9464"),
        ("::1:9464", "metrics.listen: '::1:9464' is not HOST:PORT; write for example 127.0.0.1:9464"),
        ("127.0.0.1:99999", "metrics.listen: '127.0.0.1:99999' is not HOST:PORT; write for example 127.0.0.1:9464"),
    ],
)
def test_settings_that_would_tell_everybody_or_nobody_are_refused(listen: str, fault: str) -> None:
    assert list(find_faults(Metrics(listen))) == [fault]


@pytest.mark.parametrize("listen", ["", "127.0.0.1:9464", "[::1]:9464", "localhost:0", "127.8.8.8:1"])
def test_control_loopback_needs_no_token(listen: str) -> None:
    assert list(find_faults(Metrics(listen))) == []


def test_a_token_file_is_for_its_owner_alone_and_holds_a_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = Metrics("0.0.0.0:9464", str(file))
    assert "no such file" in next(find_faults(settings))
    file.write_text(f"{TOKEN}\n")
    for mode in (0o640, 0o604, 0o666):
        file.chmod(mode)
        assert next(find_faults(settings)).endswith("others can read it; chown it to the server's user, chmod 600")
    file.chmod(0o600)
    assert list(find_faults(settings)) == []
    for text in ("short", "", "with a space in the middle", "x" * 15, "ä" * 20):
        file.write_text(text)
        assert "holds no token of 16 characters" in next(find_faults(settings))


async def talk(port: int, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    name = "localhost" if context else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    writer.write(request)
    async with asyncio.timeout(10):
        answered = await reader.read()
    writer.close()
    return answered


@pytest.fixture
async def loopback() -> AsyncIterator[MetricsPage]:
    page = MetricsPage(asyncio.get_running_loop(), Metrics("127.0.0.1:0"))
    await page.start(lambda: b"figures 1\n")
    yield page
    page.stop()


async def test_on_loopback_the_figures_are_read_by_plain_http(loopback: MetricsPage) -> None:
    answered = await talk(loopback.port, GET.encode() + b"\r\n")
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answered.endswith(b"\r\n\r\nfigures 1\n")
    assert b"\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in answered


async def test_a_request_that_never_ends_is_left_alone(loopback: MetricsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await talk(loopback.port, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000) == b""
    monkeypatch.setattr(metrics_page, "SECONDS", 0.05)
    assert await talk(loopback.port, b"GET /metr") == b""


async def test_who_comes_to_say_nothing_takes_no_descriptors_without_end(
    loopback: MetricsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_page, "AT_ONCE", 2)
    silent = [await asyncio.open_connection("127.0.0.1", loopback.port) for _ in range(2)]
    request = GET.encode() + b"\r\n"
    try:
        assert await talk(loopback.port, request) == b""
    except ConnectionError:
        pass
    reader, writer = silent[0]
    writer.write(request)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await talk(loopback.port, request)).startswith(b"HTTP/1.1 200 OK\r\n")
    for _, writer in silent:
        writer.close()


def test_a_server_that_ends_while_somebody_is_there_tells_of_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def visit_and_end() -> None:
        page = MetricsPage(asyncio.get_running_loop(), Metrics("127.0.0.1:0"))
        await page.start(lambda: b"figures 1\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
        assert (await talk(page.port, GET.encode() + b"\r\n")).startswith(b"HTTP/1.1 200 OK")
        page.stop()
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass
        writer.close()

    asyncio.run(visit_and_end())
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def test_a_taken_port_is_told_before_anything_is_served(loopback: MetricsPage) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.listen: 127\.0\.0\.1:\d+: address already in use; choose another"):
        MetricsPage(asyncio.get_running_loop(), Metrics(f"127.0.0.1:{loopback.port}"))


@pytest.fixture
async def public(tmp_path: Path) -> AsyncIterator[tuple[MetricsPage, ssl.SSLContext]]:
    """The page on all addresses, and a client's context that trusts it."""
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    page = MetricsPage(asyncio.get_running_loop(), Metrics("0.0.0.0:0", str(tmp_path / "token")))
    assert page.listener is not None
    page.listener.context = build_context(tmp_path / "server.pem", tmp_path / "server.key")
    await page.start(lambda: b"figures 1\n" * 10_000)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    yield page, context
    page.stop()


async def test_elsewhere_it_takes_tls_and_the_token(public: tuple[MetricsPage, ssl.SSLContext]) -> None:
    page, context = public
    head = GET.encode()
    good = head + f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
    answered = await talk(page.port, good, context)
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answered.count(b"figures 1\n") == 10_000
    assert (await talk(page.port, head + b"\r\n", context)).startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    try:
        assert await talk(page.port, good) == b""
    except ConnectionError:
        pass


async def test_strangers_elsewhere_hold_up_nobody_for_long(
    public: tuple[MetricsPage, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, context = public
    endless = b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000
    assert (await talk(page.port, endless, context)).startswith(b"HTTP/1.1 431 ")
    monkeypatch.setattr(metrics_page, "SECONDS", 0.05)
    try:
        answered = await talk(page.port, b"GET /metr", context)
    except (ConnectionError, ssl.SSLError):
        answered = b""
    assert answered == b""

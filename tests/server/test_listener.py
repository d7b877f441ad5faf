"""The listener: where it listens, whom it turns away, and which certificate a new connection gets."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from securechat.errors import ConfigError
from securechat.server import listener as listener_module
from securechat.server.listener import Listener, raise_descriptor_limit
from securechat.server.strangers import ConnectionLimits
from securechat.server.tls import build_context
from tests.server.loopback import (
    AUTHORITY,
    PATIENCE,
    Echo,
    make_client_context,
    read_exactly,
    read_to_the_end,
    write_pair,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Opener = Callable[..., Listener]


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="needs IPv6 on the loopback interface")


class House:
    """Listeners, the receivers of what they accepted, and clients to connect to them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.receivers: list[Echo] = []
        self.listeners: list[Listener] = []
        self.clients: list[socket.socket] = []

    def listen(self, host: str = "127.0.0.1", port: int = 0, **options: Any) -> Listener:
        options = {
            "context": build_context(*write_pair(self.directory / "certs")),
            "limits": ConnectionLimits(),
            "queue_limit": 100_000,
        } | options
        loop = asyncio.get_running_loop()
        listener = Listener(loop, host, port, receivers=self.receive, **options)
        listener.start()
        self.listeners.append(listener)
        return listener

    def receive(self) -> Echo:
        self.receivers.append(Echo())
        return self.receivers[-1]

    async def call(self, listener: Listener) -> socket.socket:
        """Connect over TCP."""
        client = await asyncio.to_thread(socket.create_connection, listener.address, PATIENCE)
        self.clients.append(client)
        return client

    async def talk(self, listener: Listener) -> ssl.SSLSocket:
        """Connect over TLS and get one echo."""
        client = await self.call(listener)
        wrap = make_client_context().wrap_socket
        wrapped = await asyncio.to_thread(wrap, client, server_hostname="localhost")
        self.clients.append(wrapped)
        assert await self.echo(wrapped) == b"hello"
        return wrapped

    async def echo(self, client: ssl.SSLSocket) -> bytes:
        await asyncio.to_thread(client.sendall, b"hello")
        return await asyncio.to_thread(read_exactly, client, 5)

    async def clear(self) -> None:
        for listener in self.listeners:
            listener.stop()
        for client in self.clients:
            client.close()
        for receiver in self.receivers:
            await receiver.end()
        assert [len(receiver.reasons) for receiver in self.receivers] == [1] * len(self.receivers)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    await house.clear()


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        pytest.param("[::1]", ("::1",), marks=needs_ipv6),
        pytest.param("::1", ("::1",), marks=needs_ipv6),
        ("localhost", ("127.0.0.1", "::1")),
    ],
)
async def test_a_free_port_is_found_and_named(house: House, host: str, addresses: tuple[str, ...]) -> None:
    listener = house.listen(host)
    assert listener.address[0] in addresses
    assert listener.address[1] > 0
    await house.talk(listener)
    transport = house.receivers[0].transport
    assert transport is not None
    assert transport.peer == listener.address[0]


@needs_ipv6
async def test_an_ipv6_listener_leaves_ipv4_to_others(house: House) -> None:
    six = house.listen("[::1]")
    four = house.listen("127.0.0.1", six.address[1])
    assert four.address == ("127.0.0.1", six.address[1])
    await house.talk(four)
    await house.talk(six)


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("[::1]", marks=needs_ipv6)])
async def test_a_port_in_use_is_said_with_a_remedy(house: House, host: str) -> None:
    port = house.listen(host).address[1]
    with pytest.raises(ConfigError) as caught:
        house.listen(host, port)
    assert str(caught.value) == (
        f"cannot listen on {host}:{port}: address already in use"
        " - stop the other program or choose another port with --listen"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "x" * 70 + ".invalid"])
async def test_an_address_of_others_is_said_with_a_remedy(house: House, host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        house.listen(host)
    assert str(caught.value).startswith(f"cannot listen on {host}:0: ")
    assert str(caught.value).endswith(" - choose an address of this machine and a port you may use with --listen")
    assert "\n" not in str(caught.value)


async def test_a_name_nobody_knows_is_said_with_a_remedy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ConfigError) as caught:
        house.listen("chat.invalid", 6697)
    assert str(caught.value) == (
        "cannot listen on chat.invalid:6697: name or service not known"
        " - choose an address of this machine and a port you may use with --listen"
    )


async def test_a_stopped_listener_keeps_its_connections_and_frees_its_port(house: House) -> None:
    listener = house.listen()
    port = listener.address[1]
    client = await house.talk(listener)
    address = listener.address
    listener.stop()
    listener.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(socket.create_connection, address)
    assert await house.echo(client) == b"hello"
    house.listen(port=port)


def serial_number_of(client: ssl.SSLSocket) -> str:
    certificate = client.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


async def test_a_new_certificate_is_served_to_new_connections_only(house: House) -> None:
    listener = house.listen()
    old = await house.talk(listener)
    new_pair = write_pair(house.directory / "new", AUTHORITY.issue_cert("localhost"))
    listener.context = build_context(*new_pair)
    new = await house.talk(listener)
    assert serial_number_of(new) != serial_number_of(old)
    assert await house.echo(old) == b"hello"
    assert await house.echo(new) == b"hello"


async def test_a_wrong_pair_changes_nothing(house: House) -> None:
    listener = house.listen()
    old = await house.talk(listener)
    cert, _ = write_pair(house.directory / "certs")
    _, wrong_key = write_pair(house.directory / "new", AUTHORITY.issue_cert("localhost"))
    with pytest.raises(ConfigError, match="not the key of"):
        listener.context = build_context(cert, wrong_key)
    new = await house.talk(listener)
    assert serial_number_of(new) == serial_number_of(old)
    assert await house.echo(old) == b"hello"


async def test_a_connection_too_many_is_closed_before_tls(house: House) -> None:
    limits = ConnectionLimits(per_network=2)
    listener = house.listen(limits=limits)
    first, _ = await house.talk(listener), await house.talk(listener)
    with capture_logs() as logs:
        for _ in range(2):
            refused = await house.call(listener)
            assert await asyncio.to_thread(read_to_the_end, refused) == b""
    assert len(house.receivers) == 2
    assert [(entry["log_level"], entry["peer"]) for entry in logs] == [("warning", "127.0.0.1")], "not each"

    transport = house.receivers[0].transport
    assert transport is not None
    transport.mark_signed_in()
    await house.talk(listener)
    refused = await house.call(listener)
    assert await asyncio.to_thread(read_to_the_end, refused) == b""
    await asyncio.to_thread(first.close)
    await house.receivers[0].end()
    refused = await house.call(listener)
    assert await asyncio.to_thread(read_to_the_end, refused) == b"", "its place was given back already"
    house.receivers[1].transport.abort("enough")  # type: ignore[union-attr]
    await house.talk(listener)


async def test_a_connection_that_never_spoke_tls_gives_its_place_back(house: House) -> None:
    listener = house.listen(limits=ConnectionLimits(total=1), handshake_timeout=PATIENCE)
    for _ in range(3):
        client = await house.call(listener)
        await asyncio.to_thread(client.sendall, b"NICK alice\r\n")
        assert await asyncio.to_thread(read_to_the_end, client) == b""
    await house.talk(listener)


class Exhausted:
    """A listening socket that fails to accept a number of times, as when descriptors have run out."""

    def __init__(self, sock: socket.socket, failures: int) -> None:
        self._sock = sock
        self.failures = failures
        self.attempts = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise OSError(errno.EMFILE, "Too many open files")
        return self._sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


async def test_running_out_of_descriptors_pauses_accepting_without_spinning(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "PAUSE_SECONDS", 0.1)
    listener = house.listen()
    assert listener._sock is not None
    exhausted = Exhausted(listener._sock, failures=2)
    listener._sock = exhausted  # type: ignore[assignment]
    loop = asyncio.get_running_loop()
    began = loop.time()
    with capture_logs() as logs:
        await house.talk(listener)
    assert loop.time() - began >= 0.2
    assert exhausted.attempts <= 5, "two failures, one connection, and each turn's last attempt"
    assert [entry["reason"] for entry in logs] == ["too many open files"] * 2


async def test_a_listener_may_be_stopped_while_it_pauses(house: House) -> None:
    listener = house.listen()
    assert listener._sock is not None
    listener._sock = Exhausted(listener._sock, failures=1_000)  # type: ignore[assignment]
    with capture_logs() as logs:
        await house.call(listener)
        async with asyncio.timeout(PATIENCE):
            while not logs:
                await asyncio.sleep(0.001)
    listener.stop()


def test_the_limit_of_descriptors_is_raised_as_far_as_allowed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert raise_descriptor_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""Connections by way of a load balancer: the address they say they come from counts, and nobody else can say one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from securechat.config import Config, Limits
from securechat.errors import ConfigError
from securechat.server.preface import is_within, parse_balancers
from tests.server.harness import DEADLINE, RawClient, RunningServer, running_server
from tests.server.test_proxyprotocol import FOUR, HEALTH_CHECK, SIX, WITH_EXTRAS


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    config = Config(balancers=["127.0.0.1"], limits=Limits(strangers_per_address=2, handshake=1))
    async with running_server(tmp_path, config) as server:
        await server.add("alice")
        yield server


async def connect(server: RunningServer, *pieces: bytes) -> RawClient:
    """Connect as a balancer does: the header first, in pieces, then TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 20)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    await writer.start_tls(server.trust, server_hostname="localhost")
    server.clients.append(RawClient(reader, writer))
    return server.clients[-1]


async def is_refused(server: RunningServer, data: bytes) -> bool:
    """Tell whether a connection that begins like this is closed without a byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    try:
        async with asyncio.timeout(DEADLINE):
            return await reader.read() == b""
    except ConnectionError:
        return True
    finally:
        writer.close()


def peers(server: RunningServer) -> list[str]:
    return [connection.transport.peer for connection in server.node.connections]


@pytest.mark.parametrize(
    ("pieces", "peer"),
    [
        ([FOUR], "192.0.2.7"),
        ([WITH_EXTRAS], "192.0.2.7"),
        ([SIX], "2001:db8::7"),
        ([HEALTH_CHECK], "127.0.0.1"),
        ([SIX[start : start + 1] for start in range(len(SIX))], "2001:db8::7"),
    ],
)
async def test_the_address_in_the_header_is_the_one_that_is_seen(
    server: RunningServer, pieces: list[bytes], peer: str
) -> None:
    with capture_logs() as logs:
        client = await connect(server, *pieces)
        await client.sign_in("alice")
    assert peers(server) == [peer]
    assert [entry["peer"] for entry in logs if entry["event"] == "connected"] == [peer]


async def test_the_places_of_that_address_are_counted_and_not_the_balancers(server: RunningServer) -> None:
    for _ in range(2):
        await (await connect(server, FOUR)).fence()
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await connect(server, FOUR)
    for _ in range(2):
        await (await connect(server, SIX)).fence()
    assert sorted(peers(server)) == ["192.0.2.7", "192.0.2.7", "2001:db8::7", "2001:db8::7"]


@pytest.mark.parametrize(
    "data",
    [
        b"NICK alice\r\n",
        b"\x16\x03\x01\x02\x00",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n",
        FOUR[:12] + b"\x21\x31\x00\x0c",
    ],
)
async def test_a_balancer_that_does_not_say_is_turned_away_with_one_line_in_the_log(
    server: RunningServer, data: bytes
) -> None:
    with capture_logs() as logs:
        assert await is_refused(server, data)
    assert [(entry["event"], entry["balancer"]) for entry in logs] == [
        ("refused a connection of a balancer", "127.0.0.1")
    ]
    assert not server.listener._prefaces


async def test_a_balancer_that_says_nothing_is_turned_away_in_time(server: RunningServer) -> None:
    with capture_logs() as logs:
        assert await is_refused(server, FOUR[:20])
    assert [entry["reason"] for entry in logs] == ["no PROXY protocol header in time"]


async def test_a_balancer_that_only_looks_is_no_matter_for_the_log(server: RunningServer) -> None:
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.timeout(DEADLINE):
            while not server.listener._prefaces:
                await asyncio.sleep(0)
            writer.close()
            while server.listener._prefaces:
                await asyncio.sleep(0)
    assert logs == []


async def test_who_is_no_balancer_cannot_say_where_it_comes_from(tmp_path: Path) -> None:
    """The control of all the above: the same bytes from somebody who is not listed."""
    async with running_server(tmp_path, Config(balancers=["127.0.0.2", "fd00::/8"])) as server:
        await server.add("alice")
        assert await is_refused(server, FOUR)
        await server.sign_in("alice")
        assert peers(server) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("10.0.0.7", True),
        ("10.0.0.8", False),
        ("fd12::1", True),
        ("fe80::1%eth0", False),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.7", False),
    ],
)
def test_balancers_are_addresses_and_networks(address: str, listed: bool) -> None:
    assert is_within(address, parse_balancers(["10.0.0.7", "fd00::/8"])) is listed


@pytest.mark.parametrize("word", ["10.0.0.300", "balancer.example", "10.0.0.7/8", ""])
def test_what_is_no_network_is_said_with_a_remedy(word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_balancers([word])
    assert str(caught.value).startswith("balancers: ")
    assert str(caught.value).endswith("; write an address or a network, as 10.0.0.7 or fd00::/8")

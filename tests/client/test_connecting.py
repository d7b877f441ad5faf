"""Connecting: never with a context that verifies nothing, and past an address that swallows everything."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from securechat.client.address import Address
from securechat.client.connection import Connection
from securechat.client.timing import Timing
from securechat.client.trust import build_context
from securechat.errors import ConfigError
from tests.client.fakeserver import FakeServer


@pytest.mark.parametrize("verify", [ssl.CERT_NONE, ssl.CERT_REQUIRED])
async def test_a_context_that_accepts_anybody_is_refused_before_anything_is_sent(
    server: FakeServer, ca_file: Path, verify: ssl.VerifyMode
) -> None:
    context = build_context(ca_file)
    context.check_hostname = False
    context.verify_mode = verify
    with pytest.raises(ConfigError, match="build_context"):
        await Connection.open(Address("localhost", server.port), context, Timing())
    assert server.guests == []


async def test_an_address_that_swallows_everything_costs_a_moment_and_not_the_connection(
    server: FakeServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as fills:
        # Who has a full queue answers nobody.
        fills.connect(full.getsockname())
        loop = asyncio.get_running_loop()

        async def resolve(*_: Any, **__: Any) -> list[Any]:
            addresses = [full.getsockname(), ("127.0.0.1", server.port)]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        connection = await Connection.open(Address("localhost"), build_context(ca_file), Timing(connect=5))
        await connection.close(at_once=True)

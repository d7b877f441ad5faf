"""Hanging up on a connection that is already lost, with the transports of every Python there is."""

from __future__ import annotations

import asyncio

import pytest

from securechat.client.connection import Connection
from securechat.client.timing import Timing


class LostTransport(asyncio.Transport):
    """A lost TLS transport as Python 3.11.2 has it: closing it again leaves nothing that could be aborted."""

    def __init__(self) -> None:
        super().__init__()
        self._ssl_protocol: list[str] | None = []

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        self._ssl_protocol = None

    def abort(self) -> None:
        self._ssl_protocol.append("aborted")  # type: ignore[union-attr]


@pytest.mark.parametrize("error", [BrokenPipeError(), TimeoutError(), EOFError()])
@pytest.mark.parametrize("at_once", [True, False])
async def test_hanging_up_on_what_is_lost_is_no_error(error: Exception, at_once: bool) -> None:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    protocol.connection_lost(error)
    writer = asyncio.StreamWriter(LostTransport(), protocol, reader, asyncio.get_running_loop())
    await Connection(reader, writer, Timing()).close(at_once=at_once)

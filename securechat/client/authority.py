"""The CA that a server hands out, fetched without believing a word of it: for somebody who knows what to compare."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Final

from securechat.client.address import Address
from securechat.client.connection import NEXT_ADDRESS
from securechat.client.handshake import build_looking_context
from securechat.client.trust import explain
from securechat.errors import Fault, UnreachableError

PATH: Final = "/ca.pem"
PATIENCE: Final = 15.0
"""Seconds for all of it."""
MAX_BYTES: Final = 65_536
"""Of the answer: a certificate is one kilobyte."""
CHUNK: Final = 16_384

_ANSWERED: Final = re.compile(rb"HTTP/1\.[01] 200[ \r]")
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n")
_END_OF_HEAD: Final = b"\r\n\r\n"


async def fetch_authority(address: Address) -> bytes:
    """Return the CA certificate of `https://HOST:PORT/ca.pem` in DER. Nothing vouches for it: compare it.

    What is sent is a request for this page and nothing of ours.

    Raises:
        UnreachableError: nobody answers, or what answers hands out no CA.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await _ask(address)
    except (OSError, EOFError, UnicodeError) as error:
        failure = explain(error, address.host)
        raise UnreachableError(f"{address}: {failure}", failure.remedy, failure.fault) from None
    # Only for who has something to compare: it is slow to load.
    from securechat.client.certificate import read_authority

    authority = read_authority(_read_body(answer)) if _ANSWERED.match(answer) else None
    if authority is None:
        raise UnreachableError(
            f"{address}: this server does not hand out a CA at {PATH}",
            "check the address; or ask the server's admin for the CA file and give it with --ca FILE",
            Fault.UNKNOWN_CA,
        )
    return authority


async def _ask(address: Address) -> bytes:
    context = build_looking_context("http/1.1")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    reader, writer = await asyncio.open_connection(
        address.host,
        address.port,
        ssl=context,
        server_hostname=address.vouched_name,
        limit=CHUNK,
        happy_eyeballs_delay=NEXT_ADDRESS,
    )
    try:
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: {_name_host(address)}\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while len(received) < MAX_BYTES and not _is_whole(received) and (chunk := await reader.read(CHUNK)):
            received += chunk
        return received
    finally:
        writer.transport.abort()


def _name_host(address: Address) -> str:
    """Return what a Host field holds: no zone of an address, and only what names of hosts hold. (RFC 9110, 7.2)"""
    named = str(Address(address.vouched_name, address.port))
    return named if named.isascii() else named.encode("idna").decode()


def _is_whole(received: bytes) -> bool:
    """Tell whether all that a response announces is there; one that announces nothing ends with the connection."""
    head, end, body = received.partition(_END_OF_HEAD)
    announced = _LENGTH.search(head + b"\r\n")
    return bool(end) and announced is not None and len(body) >= int(announced[1])


def _read_body(answer: bytes) -> bytes:
    return answer.partition(_END_OF_HEAD)[2]

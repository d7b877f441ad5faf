"""The PROXY protocol's header as bytes: whom it names, when it is complete, and what is none."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.errors import ProtocolError
from securechat.server.proxyprotocol import header_size, read_source

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
"""As the specification has it."""

FOUR = SIGNATURE + bytes.fromhex("21 11 000c c0000207 7f000001 d431 1a29")
SIX = SIGNATURE + bytes.fromhex(
    "21 21 0024 20010db8000000000000000000000007 00000000000000000000000000000001 d431 1a29"
)
MAPPED = SIGNATURE + bytes.fromhex(
    "21 21 0024 00000000000000000000ffffc0000207 00000000000000000000000000000001 d431 1a29"
)
WITH_EXTRAS = SIGNATURE + bytes.fromhex("21 11 0013 c0000207 7f000001 d431 1a29 04 0004 00000000")
HEALTH_CHECK = SIGNATURE + bytes.fromhex("20 00 0000")
HEALTH_CHECK_WITH_ADDRESS = SIGNATURE + bytes.fromhex("20 11 000c c0000207 7f000001 d431 1a29")
UNSPECIFIED = SIGNATURE + bytes.fromhex("21 00 0003 000000")


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (FOUR, "192.0.2.7"),
        (SIX, "2001:db8::7"),
        (MAPPED, "192.0.2.7"),
        (WITH_EXTRAS, "192.0.2.7"),
        (HEALTH_CHECK, None),
        (HEALTH_CHECK_WITH_ADDRESS, None),
        (UNSPECIFIED, None),
    ],
)
def test_a_header_says_whom_it_stands_for(header: bytes, source: str | None) -> None:
    assert header_size(header) == len(header)
    assert read_source(header) == source
    assert [header_size(header[:size]) for size in range(len(header))] == [16] * 16 + [len(header)] * (len(header) - 16)


@pytest.mark.parametrize(
    ("start", "fault"),
    [
        (b"\x16", "does not begin with a PROXY protocol header of version 2"),
        (b"PROXY TCP4 192.0.2.7 127.0.0.1 54321 6697\r\n", "does not begin with a PROXY protocol header of version 2"),
        (b"GET / HTTP/1.1\r\n", "does not begin with a PROXY protocol header of version 2"),
        (SIGNATURE[:11] + b"\r", "does not begin with a PROXY protocol header of version 2"),
        (SIGNATURE + bytes.fromhex("11 11 000c"), "a PROXY protocol header of an unknown version or command"),
        (SIGNATURE + bytes.fromhex("31 11 000c"), "a PROXY protocol header of an unknown version or command"),
        (SIGNATURE + bytes.fromhex("22 11 000c"), "a PROXY protocol header of an unknown version or command"),
        (SIGNATURE + bytes.fromhex("21 11 1001"), "a PROXY protocol header of more than 4112 bytes"),
        (SIGNATURE + bytes.fromhex("20 00 ffff"), "a PROXY protocol header of more than 4112 bytes"),
        (SIGNATURE + bytes.fromhex("21 11 000b"), "a PROXY protocol header without room for its addresses"),
        (SIGNATURE + bytes.fromhex("21 21 0023"), "a PROXY protocol header without room for its addresses"),
        (SIGNATURE + bytes.fromhex("21 11 0000"), "a PROXY protocol header without room for its addresses"),
        (
            SIGNATURE + bytes.fromhex("21 12 000c"),
            "a PROXY protocol header for something else than TCP over IPv4 or IPv6",
        ),
        (
            SIGNATURE + bytes.fromhex("21 31 00d8"),
            "a PROXY protocol header for something else than TCP over IPv4 or IPv6",
        ),
        (
            SIGNATURE + bytes.fromhex("21 41 000c"),
            "a PROXY protocol header for something else than TCP over IPv4 or IPv6",
        ),
    ],
)
def test_what_is_no_header_is_known_as_soon_as_it_can_be(start: bytes, fault: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        header_size(start)
    assert str(caught.value) == fault


@given(
    source=st.ip_addresses(),
    target=st.binary(min_size=16, max_size=16),
    ports=st.binary(min_size=4, max_size=4),
    extras=st.binary(max_size=300),
    after=st.binary(max_size=50),
)
def test_any_address_comes_through_whatever_is_added(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, target: bytes, ports: bytes, extras: bytes, after: bytes
) -> None:
    size = 4 if source.version == 4 else 16
    rest = source.packed + target[:size] + ports + extras
    header = SIGNATURE + struct.pack("!BBH", 0x21, 0x11 if size == 4 else 0x21, len(rest)) + rest
    assert header_size(header + after) == len(header)
    mapped = None if isinstance(source, ipaddress.IPv4Address) else source.ipv4_mapped
    assert read_source(header) == str(mapped or source)


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(lambda rest: SIGNATURE + rest)))
def test_any_bytes_are_more_to_come_or_a_header_or_an_error_of_the_peer(start: bytes) -> None:
    try:
        size = header_size(start)
    except ProtocolError:
        return
    assert 16 <= size <= 4112
    if size <= len(start):
        source = read_source(start[:size])
        assert source is None or ipaddress.ip_address(source)

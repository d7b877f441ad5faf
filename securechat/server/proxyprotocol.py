"""The PROXY protocol, version 2: what a load balancer says before the first byte of whom it speaks for.

Binary and nothing else: version 1, in text, is refused. (haproxy.org, The PROXY protocol, 2.2)
"""

from __future__ import annotations

import ipaddress

from securechat.errors import ProtocolError

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEALTH_CHECK = SIGNATURE + b"\x20\0\0\0"
"""The header of a connection that a balancer makes for itself: LOCAL, without an address. (2.2)"""
HEAD_SIZE = 16
"""Bytes up to where the length of the rest is known."""
MAX_REST = 4096
"""Bytes after the head: the addresses, and what a balancer has to add, which is read and ignored."""

_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED = 0x00
_ADDRESS_SIZES = {0x11: 4, 0x21: 16}
"""Bytes of one address, by family and transport: TCP over IPv4, TCP over IPv6."""
_PORTS_SIZE = 4


def header_size(start: bytes) -> int:
    """Return how many bytes the header has that begins like this; HEAD_SIZE as long as that is not known.

    Raises: ProtocolError as soon as it can be no header.
    """
    if not SIGNATURE.startswith(start[: len(SIGNATURE)]):
        raise ProtocolError("does not begin with a PROXY protocol header of version 2")
    if len(start) < HEAD_SIZE:
        return HEAD_SIZE
    command, family = start[12], start[13]
    rest = int.from_bytes(start[14:HEAD_SIZE])
    if command not in (_LOCAL, _PROXY):
        raise ProtocolError("a PROXY protocol header of an unknown version or command")
    if rest > MAX_REST:
        raise ProtocolError(f"a PROXY protocol header of more than {HEAD_SIZE + MAX_REST} bytes")
    if command == _PROXY and family != _UNSPECIFIED and rest < _rest_size(family):
        raise ProtocolError("a PROXY protocol header without room for its addresses")
    return HEAD_SIZE + rest


def read_source(header: bytes) -> str | None:
    """Return the address that a whole header says the connection comes from; None: the balancer's own.

    It is the balancer's own when it checks our health (LOCAL), or does not say. IPv4 in IPv6 comes back as IPv4.
    """
    command, family = header[12], header[13]
    if command == _LOCAL or family == _UNSPECIFIED:
        return None
    size = _ADDRESS_SIZES[family]
    address = ipaddress.ip_address(header[HEAD_SIZE : HEAD_SIZE + size])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _rest_size(family: int) -> int:
    """Return how many bytes the addresses of a family take, with their ports.

    Raises: ProtocolError for a family that none of our clients comes by.
    """
    size = _ADDRESS_SIZES.get(family)
    if size is None:
        raise ProtocolError("a PROXY protocol header for something else than TCP over IPv4 or IPv6")
    return 2 * size + _PORTS_SIZE

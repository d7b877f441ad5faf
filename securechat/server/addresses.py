"""People's addresses: what counts as one place, and how much of an address may be written down."""

from __future__ import annotations

from ipaddress import ip_address, ip_network


def network_of(address: str) -> str:
    """Return what counts as one place: an IPv4 address, an IPv6 /64."""
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(host) if host.version == 4 else str(ip_network((host, 64), strict=False))


def shorten_address(address: str, form: str) -> str:
    """Return as much of an address as may be kept: all of it with `full`, its network with `prefix`, nothing with `none`.

    prefix: a /24 of IPv4, a /48 of IPv6. What is no address, or network, is kept by `full` alone.
    """
    if form == "full":
        return address
    if form == "none":
        return ""
    try:
        host = ip_address(address.partition("/")[0].partition("%")[0])
    except ValueError:
        return ""
    return str(ip_network((host, 24 if host.version == 4 else 48), strict=False))

"""Who is connected and has not signed in: how many there may be, and who makes room when there are too many."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import structlog

from securechat.config import Limits

_SITE_BYTES = {4: 3, 16: 6}
"""Leading bytes of an address, by its length, that one site has in common: a /24 of IPv4, a /48 of IPv6."""
_NETWORK_BYTES = 8
SHARES = 8
"""A site has more than its share of all places when it has more than one of so many parts."""

log = structlog.get_logger()


class Place:
    """The place of one connection that has not signed in.

    leave: ends the connection, which gives its place back; None as long as it cannot be ended.
    """

    __slots__ = ("leave", "network", "site")

    def __init__(self, address: str) -> None:
        packed = ipaddress.ip_address(address).packed
        # All of IPv4, the /64 of IPv6: the part of an address that one user cannot choose freely.
        self.network = packed[:_NETWORK_BYTES]
        self.site = packed[: _SITE_BYTES[len(packed)]]
        self.leave: Callable[[], None] | None = None


class ConnectionLimits:
    """How many connections may be open that have not signed in: in all, and from one network.

    A network is one IPv4 address or one IPv6 /64. The defaults are generous, since a class sits behind one address.
    When all places are taken, a newcomer gets that of the oldest: of the site (IPv4 /24, IPv6 /48) that has most, where
    one has more than its share, otherwise of all. So nobody keeps the others out, from one place or from thousands, by
    coming and saying nothing. Only networks with such connections are remembered, so memory is bounded by `total`.
    """

    def __init__(self, total: int = 4096, per_network: int = 256) -> None:
        self._total = total
        self._per_network = per_network
        self._share = total // SHARES
        self._places: dict[Place, None] = {}
        self._waiting_of: dict[bytes, int] = {}
        self._sites: dict[bytes, dict[Place, None]] = {}
        self._large: dict[bytes, dict[Place, None]] = {}

    def admit(self, address: str) -> Place | None:
        """Take a place for a new connection from this address; None when there is none."""
        place = Place(address)
        if self._waiting_of.get(place.network, 0) >= self._per_network:
            return None
        if len(self._places) >= self._total and not self._make_room(place.site):
            return None
        self._places[place] = None
        self._waiting_of[place.network] = self._waiting_of.get(place.network, 0) + 1
        site = self._sites.setdefault(place.site, {})
        site[place] = None
        if len(site) > self._share:
            self._large[place.site] = site
        return place

    def release(self, place: Place) -> None:
        """Give back the place of one admitted connection: it has signed in, or has ended without."""
        del self._places[place]
        self._waiting_of[place.network] -= 1
        if not self._waiting_of[place.network]:
            del self._waiting_of[place.network]
        site = self._sites[place.site]
        del site[place]
        if len(site) <= self._share:
            self._large.pop(place.site, None)
        if not site:
            del self._sites[place.site]

    def _make_room(self, newcomer: bytes) -> bool:
        """End the connection that is to make room for one from this site; False when it would have to be of its own."""
        crowd = max(self._large.values(), key=len, default=self._places)
        if crowd is not self._places and len(self._sites.get(newcomer, ())) >= len(crowd):
            return False
        oldest = next(iter(crowd))
        if oldest.leave is not None:
            oldest.leave()
        return len(self._places) < self._total


def find_room(limits: Limits, files: int) -> ConnectionLimits:
    """Return the limits as they are set, as far as the files go that the process may have open at once (-1: any number).

    Half of them are kept for those who have signed in, and for the database.
    """
    if not 0 < files // 2 < limits.strangers:
        return ConnectionLimits(limits.strangers, limits.strangers_per_address)
    total = files // 2
    log.warning("few files may be open: fewer may be signing in than is set", files=files, strangers=total)
    return ConnectionLimits(total, min(limits.strangers_per_address, max(1, total // 2)))

"""Which certificates a server may show: looked at before it starts, and whenever their files have changed."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from securechat.errors import ConfigError
from securechat.pki.names import find_missing
from securechat.pki.pairs import require_servable
from securechat.server.certificates import Pair, Shown
from securechat.server.tls import build_context

if TYPE_CHECKING:
    from securechat.server.app import Endpoint

OWN_REMEDY = "name all of them with --name, and a certificate for them is made"
GIVEN_REMEDY = "have a certificate made for these too"


def examiner(names: Sequence[str], listening: Sequence[Endpoint], *, is_own: bool) -> Callable[[Pair], Shown]:
    """Return what tells of a pair whether it may be shown, and which names it lacks.

    names: those said to people connect to; none were said where it is empty. is_own: the certificate is made by us.
    """
    wanted = [*names, *(host for host, *_ in listening if _is_address_of_one(host))]

    def examine(pair: Pair) -> Shown:
        servable = require_servable(*pair, datetime.now(UTC))
        lacks = tuple(find_missing(wanted, servable.names))
        return Shown(servable.not_after.timestamp(), lacks, OWN_REMEDY if is_own else GIVEN_REMEDY)

    return examine


def find_fault(pair: Pair) -> str | None:
    """Return why a pair could not be shown now, None where it could."""
    try:
        build_context(*pair)
        require_servable(*pair, datetime.now(UTC))
    except ConfigError as error:
        return str(error)
    return None


def _is_address_of_one(host: str) -> bool:
    """Tell whether a host is an address, and not that of all interfaces: people may connect to it."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return not address.is_unspecified and "%" not in host

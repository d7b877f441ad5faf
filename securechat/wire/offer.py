"""What a server offers at the moment: its capabilities with their values, which may change while clients are connected."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from securechat.wire.capabilities import CAPABILITIES, list_lines, request


class Revision(NamedTuple):
    """What clients that know cap-notify are told: `NEW` with the name and value, or `DEL` with the name.

    bit: the capability that nobody has any more, 0 for none. (IRCv3 capability-negotiation, CAP NEW and CAP DEL)
    """

    subcommand: str
    name: str
    value: str
    bit: int


class Offer:
    """Every capability of the table that does not come and go, until it is withdrawn, and policies that are shown but cannot be requested.

    policies: values by name, such as that of sts.
    """

    def __init__(self, policies: Mapping[str, str] | None = None) -> None:
        offered = (capability for capability in CAPABILITIES.values() if not capability.comes_and_goes)
        self._values = {capability.name: capability.value for capability in offered} | dict(policies or {})

    def lines(self, version: int, budget: int, own: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """Write the CAP LS list for a client of this version, in lines of at most `budget` bytes each.

        own: values that this client is shown instead, by name.
        """
        return list_lines(version, budget, {**self._values, **own})

    def request(self, bits: int, wanted: str) -> int | None:
        """Apply a CAP REQ argument to a set of bits; None when one of the names is not offered."""
        if any(word.removeprefix("-") not in self._values for word in wanted.split()):
            return None
        return request(bits, wanted)

    def value_of(self, name: str) -> str | None:
        """Return the value of a capability ("" for none), or None when it is not offered."""
        return self._values.get(name)

    def revise(self, name: str, value: str | None) -> Revision | None:
        """Offer a capability with this value, or (None) no more; return what clients are told, None for no change.

        Raises: ValueError for a policy that is to be withdrawn: it ends by its value alone. (IRCv3 sts)
        """
        if self._values.get(name) == value:
            return None
        capability = CAPABILITIES.get(name)
        if value is not None:
            self._values[name] = value
            return Revision("NEW", name, value, 0)
        if capability is None:
            raise ValueError(f"{name} cannot be withdrawn")
        del self._values[name]
        return Revision("DEL", name, "", capability.bit)

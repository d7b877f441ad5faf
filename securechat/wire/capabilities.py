"""The capabilities a client can negotiate, as bits of one integer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SASL: Final = 1 << 0
SERVER_TIME: Final = 1 << 1
MESSAGE_TAGS: Final = 1 << 2
ECHO_MESSAGE: Final = 1 << 3
BATCH: Final = 1 << 4
LABELED_RESPONSE: Final = 1 << 5
ACCOUNT_TAG: Final = 1 << 6
AWAY_NOTIFY: Final = 1 << 7
EXTENDED_JOIN: Final = 1 << 8
MULTI_PREFIX: Final = 1 << 9
CAP_NOTIFY: Final = 1 << 10
CHATHISTORY: Final = 1 << 11
ONCE: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability's name, its bit, and the value CAP LS 302 shows after `=` ("" for none)."""

    name: str
    bit: int
    value: str = ""


CAPABILITIES: Final[dict[str, Capability]] = {
    capability.name: capability
    for capability in (
        Capability("sasl", SASL, "PLAIN"),
        Capability("server-time", SERVER_TIME),
        Capability("message-tags", MESSAGE_TAGS),
        Capability("echo-message", ECHO_MESSAGE),
        Capability("batch", BATCH),
        Capability("labeled-response", LABELED_RESPONSE),
        Capability("account-tag", ACCOUNT_TAG),
        Capability("away-notify", AWAY_NOTIFY),
        Capability("extended-join", EXTENDED_JOIN),
        Capability("multi-prefix", MULTI_PREFIX),
        Capability("cap-notify", CAP_NOTIFY),
        Capability("draft/chathistory", CHATHISTORY),
        Capability("securechat.internal/once", ONCE),
    )
}
"""Every capability by name, in the order CAP LS shows them."""


def names_of(bits: int) -> list[str]:
    """Return the names of the capabilities in `bits`, in the table's order."""
    return [capability.name for capability in CAPABILITIES.values() if bits & capability.bit]


def request(bits: int, wanted: str) -> int | None:
    """Apply a CAP REQ argument such as `sasl -batch` to a set of bits.

    Returns:
        The new set, or None when any name is unknown: all or nothing. (IRCv3 capability-negotiation, CAP REQ)
    """
    for word in wanted.split(" "):
        if not word:
            continue
        capability = CAPABILITIES.get(word.removeprefix("-"))
        if capability is None:
            return None
        bits = bits & ~capability.bit if word[0] == "-" else bits | capability.bit
    return bits


def list_lines(version: int, budget: int) -> list[str]:
    """Write the CAP LS list as lines of at most `budget` bytes each.

    Values are shown from version 302 on; so is the reply in several lines, which older clients do not know.
    """
    lines = [""]
    for capability in CAPABILITIES.values():
        shows_value = version >= 302 and capability.value
        word = f"{capability.name}={capability.value}" if shows_value else capability.name
        longer = f"{lines[-1]} {word}".lstrip()
        if len(longer) <= budget or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines

"""The capabilities a client can negotiate, as bits of one integer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
STANDARD_REPLIES: Final = 1 << 13
ACCOUNT_NOTIFY: Final = 1 << 14
CHGHOST: Final = 1 << 15
EXTENDED_MONITOR: Final = 1 << 16
INVITE_NOTIFY: Final = 1 << 17
SETNAME: Final = 1 << 18
USERHOST_IN_NAMES: Final = 1 << 19
NO_IMPLICIT_NAMES: Final = 1 << 20
PRE_AWAY: Final = 1 << 21
EXTENDED_ISUPPORT: Final = 1 << 22
ACCOUNT_REGISTRATION: Final = 1 << 23
EVENT_PLAYBACK: Final = 1 << 24
READ_MARKER: Final = 1 << 25
MESSAGE_REDACTION: Final = 1 << 26
MULTILINE: Final = 1 << 27
CHANNEL_RENAME: Final = 1 << 28
METADATA: Final = 1 << 29
SEARCH: Final = 1 << 30
ZNC_PLAYBACK: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability's name, its bit, and the value CAP LS 302 shows after `=` ("" for none).

    comes_and_goes: it is offered at times only, and not before somebody does.
    """

    name: str
    bit: int
    value: str = ""
    comes_and_goes: bool = False


ACCOUNT_REGISTRATION_NAME: Final = "draft/account-registration"


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
        Capability("standard-replies", STANDARD_REPLIES),
        Capability("account-notify", ACCOUNT_NOTIFY),
        Capability("chghost", CHGHOST),
        Capability("userhost-in-names", USERHOST_IN_NAMES),
        Capability("draft/extended-isupport", EXTENDED_ISUPPORT),
        Capability("draft/chathistory", CHATHISTORY),
        Capability("draft/event-playback", EVENT_PLAYBACK),
        Capability("draft/message-redaction", MESSAGE_REDACTION),
        Capability("draft/multiline", MULTILINE, "max-bytes=8192,max-lines=100"),
        Capability("invite-notify", INVITE_NOTIFY),
        Capability("no-implicit-names", NO_IMPLICIT_NAMES),
        Capability("setname", SETNAME),
        Capability("extended-monitor", EXTENDED_MONITOR),
        Capability("draft/pre-away", PRE_AWAY),
        Capability("draft/metadata-2", METADATA, "max-subs=20,max-keys=6,max-value-bytes=300"),
        Capability("draft/channel-rename", CHANNEL_RENAME),
        Capability("draft/read-marker", READ_MARKER),
        Capability("soju.im/search", SEARCH),
        Capability("znc.in/playback", ZNC_PLAYBACK),
        Capability(
            ACCOUNT_REGISTRATION_NAME,
            ACCOUNT_REGISTRATION,
            "before-connect,custom-account-name",
            comes_and_goes=True,
        ),
        Capability("securechat.internal/once", ONCE),
    )
}
"""Every capability by name, in the order CAP LS shows them."""
VERSION_WITH_VALUES: Final = 302
"""Of CAP LS, from which on there are values and answers in several lines."""


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


def list_lines(version: int, budget: int, offered: Mapping[str, str]) -> list[str]:
    """Write the CAP LS list of what is `offered` (values by name) as lines of at most `budget` bytes each.

    Values are shown from version 302 on; so is the reply in several lines, which older clients do not know: they see
    what fits into one, the ratified capabilities first, and nothing that is none without its value.
    """
    if version >= VERSION_WITH_VALUES:
        return fill_lines((f"{name}={value}" if value else name for name, value in offered.items()), budget)
    bare = [name for name in offered if name in CAPABILITIES]
    return fill_lines(sorted(bare, key=lambda name: "/" in name), budget)[:1]


def fill_lines(words: Iterable[str], budget: int) -> list[str]:
    """Join words by spaces into lines of at most `budget` bytes each, at least one line."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".lstrip()
        if len(longer.encode()) <= budget or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines

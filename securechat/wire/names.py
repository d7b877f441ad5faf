"""Names: which are allowed, when two are the same, and when two look the same."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category, is_normalized, normalize

NICK_LENGTH: Final = 32
"""Characters (all ASCII) in an account name, which is also the nick."""
CHANNEL_LENGTH: Final = 64
"""Bytes of UTF-8 in a channel name, `#` included."""
DEVICE_LENGTH: Final = 64
ACCOUNT_URI: Final = "securechat:account:"
"""Bytes of UTF-8 in a device's name."""

_ACCOUNT: Final = re.compile(rf"[A-Za-z][A-Za-z0-9_-]{{0,{NICK_LENGTH - 1}}}")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")

# Controls, formats (bidi, zero width), surrogates, every kind of space, and code points whose
# folding a later Unicode version may still decide.
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Zs", "Zl", "Zp"})
# Drawn as nothing although their category is letter, mark or symbol (Unicode, Default_Ignorable_Code_Point,
# and the empty Braille cell).
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

# What is read as the same, written one way. The wide letters are spelled out rather than the pairs joined:
# "vvv" can be read as "vw" and as "wv", so joining pairs from the left would tell those two apart.
_LOOKALIKES: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "m": "rn", "w": "vv", "-": None, "_": None})

_SERVICES: Final = frozenset(
    {"securechat", "server", "search", "history", "system", "service", "services", "irc", "ircd", "global"}
    | {"admin", "administrator", "root", "sysop", "oper", "operator", "moderator"}
    | {"staff", "support", "security", "help"}
    | {f"{trade}serv" for trade in ("nick", "chan", "sasl", "memo", "oper", "auth", "bot", "host", "hist", "help")}
)
_WORDS: Final = frozenset({"everyone", "here", "channel", "all", "null", "none", "nobody", "deleted"})

RESERVED: Final[frozenset[str]] = _SERVICES | _WORDS
"""Folded names that nobody may register."""


def fold(text: str) -> str:
    """Return the form in which two account or channel names are compared: NFC, case folded, NFC."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


def is_account_name(text: str) -> bool:
    """Tell whether `text` can be an account's name: a letter, then up to 31 letters, digits, `_` or `-`."""
    return _ACCOUNT.fullmatch(text) is not None


def skeleton(name: str) -> str:
    """Return the same text for names that can be mistaken for each other.

    | seen as the same | written as |
    |---|---|
    | upper and lower case | lower case |
    | `0` `o` | `o` |
    | `1` `l` `i` (so also capital `I`) | `l` |
    | `m` `rn` | `rn` |
    | `w` `vv` | `vv` |
    | separators `-` `_` and nothing | nothing |
    """
    return fold(name).translate(_LOOKALIKES)


_SERVICE_SKELETONS: Final = frozenset(map(skeleton, _SERVICES))


def is_reserved(name: str) -> bool:
    """Tell whether `name` is kept from being registered.

    A name that looks like a service's counts as it, and so does one that could be shown for a deleted account; the
    other reserved words only count as they are written, since "Ali" looks like "all" and is somebody.
    """
    looks = skeleton(name)
    return fold(name) in _WORDS or looks in _SERVICE_SKELETONS or looks.startswith("deleted")


def deleted_name(account_id: str) -> str:
    """Return the name that a deleted account is shown by."""
    return f"deleted-{account_id[:6]}"


def is_channel_name(text: str) -> bool:
    """Tell whether `text` can be a channel's name.

    `#` and then at least one character; NFC; at most `CHANNEL_LENGTH` bytes; no comma, and nothing that is a space,
    a control, a bidi or format character, or drawn as nothing.
    """
    if len(text) < 2 or text[0] != "#" or "," in text or _INVISIBLE.search(text):
        return False
    if any(category(character) in _REFUSED_CATEGORIES for character in text):
        return False
    return is_normalized("NFC", text) and len(text.encode()) <= CHANNEL_LENGTH


def tidy_display_text(text: str, limit: int) -> str | None:
    """Return a text that people are shown under as it is kept, in NFC and without needless spaces; None if it may not be.

    It has 1 to `limit` bytes then, in any script, and nothing that is a control, a bidi or format character, a space
    other than U+0020, or drawn as nothing.
    """
    tidy = normalize("NFC", " ".join(filter(None, text.split(" "))))
    if not tidy or len(tidy.encode()) > limit or _INVISIBLE.search(tidy):
        return None
    return None if any(category(each) in _REFUSED_CATEGORIES for each in tidy if each != " ") else tidy


def is_device_name(text: str) -> bool:
    """Tell whether `text` can name a device: printable, no spaces around it, 1 to `DEVICE_LENGTH` bytes."""
    return bool(text) and text.isprintable() and text == text.strip() and len(text.encode()) <= DEVICE_LENGTH


def is_hostname(text: str) -> bool:
    """Tell whether `text` is a host name with at least one dot, as IRC asks of servers. (RFC 1123, 2.1)"""
    labels = text.removesuffix(".").split(".")
    return "." in text and len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def split_userhost(source: str) -> tuple[str, str, str]:
    """Split `nick!user@host` into its three parts; what is missing is empty. (Modern IRC, Source)"""
    name, _, host = source.partition("@")
    nick, _, user = name.partition("!")
    return nick, user, host


def account_uri(account_id: str) -> str:
    """Return how a client certificate names an account: by its id, which stays the same when it is renamed."""
    return f"{ACCOUNT_URI}{account_id}"

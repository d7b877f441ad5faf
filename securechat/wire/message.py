"""One IRC line as an object: parsing it, encoding it, and refusing what would break the next line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from securechat.errors import ProtocolError

MAX_PARAMS: Final = 256
"""More parameters than a line of 512 bytes can hold: the limit is for callers that skip the framing."""

_TAG_KEY: Final = re.compile(r"\+?[A-Za-z0-9._/-]+")
_TO_ESCAPE: Final = re.compile(r"[; \\\r\n]")
_ESCAPED: Final = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPE_OF: Final = {";": r"\:", " ": r"\s", "\\": r"\\", "\r": r"\r", "\n": r"\n"}
_MEANING_OF: Final = {":": ";", "s": " ", "r": "\r", "n": "\n"}


class MalformedMessage(ProtocolError):
    """A line that is no IRC message."""


class InvalidUtf8(ProtocolError):
    """A line that is not UTF-8; `command` names it as far as it could be read, or is `*`."""

    def __init__(self, command: str) -> None:
        super().__init__("Message is not valid UTF-8")
        self.command = command


class UnencodableMessage(ValueError):
    """A message that would not come out of the parser as it went into the encoder."""


class Message:
    """A wire line: tags, source, command and parameters.

    `command` is upper case when it was parsed, `source` is "" when there is none, and a tag without a value has "".
    """

    __slots__ = ("command", "params", "source", "tags")

    def __init__(
        self, command: str, params: Sequence[str] = (), source: str = "", tags: Mapping[str, str] | None = None
    ) -> None:
        if isinstance(params, str):
            raise TypeError("params is a sequence of strings, not one string")
        self.command = command
        self.params: tuple[str, ...] = tuple(params)
        self.source = source
        self.tags: dict[str, str] = dict(tags) if tags else {}

    def param(self, i: int, default: str = "") -> str:
        """Return parameter `i`, or `default` when the line has fewer."""
        return self.params[i] if i < len(self.params) else default

    def put_tag(self, key: str, value: str) -> None:
        """Put a tag of the server's before all others, unless it is there. (IRCv3 message-tags, Client-only tags)"""
        if key not in self.tags:
            self.tags = {key: value, **self.tags}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (self.command, self.params, self.source, self.tags) == (
            other.command,
            other.params,
            other.source,
            other.tags,
        )

    def __repr__(self) -> str:
        return f"Message({self.command!r}, {self.params!r}, source={self.source!r}, tags={self.tags!r})"


def parse(line: bytes) -> Message:
    """Read one line, given without its ending.

    Tolerates several spaces between the parts; drops tags whose key is no tag key, so that what was parsed can
    always be relayed. (Modern IRC, Message Format; IRCv3 message-tags)

    Raises:
        InvalidUtf8: the line is not UTF-8.
        MalformedMessage: it has no command, too many parameters, or NUL, CR or LF inside.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise InvalidUtf8(_guess_command(line)) from None
    if "\0" in text or "\n" in text or "\r" in text:
        raise MalformedMessage("Message contains NUL, CR or LF")
    tags: dict[str, str] | None = None
    source = ""
    if text.startswith("@"):
        head, _, text = text.partition(" ")
        tags = _parse_tags(head[1:])
        text = text.lstrip(" ")
    if text.startswith(":"):
        head, _, text = text.partition(" ")
        source = head[1:]
        text = text.lstrip(" ")
    middle, colon, trailing = text.partition(" :")
    words = middle.split(" ")
    command = words[0]
    if not command or command[0] == ":":
        raise MalformedMessage("Message has no command")
    if "" in words:
        words = [word for word in words if word]
    if colon:
        words.append(trailing)
    if len(words) > MAX_PARAMS:
        raise MalformedMessage("Message has too many parameters")
    # Upper-casing beyond ASCII would turn "pa\u00df" into PASS.
    return Message(command.upper() if command.isascii() else command, words[1:], source, tags)


def encode(message: Message) -> bytes:
    """Write a message as one line, ending included.

    Length is the caller's matter: it knows which reply a line too long deserves.

    Raises:
        UnencodableMessage: a field would change the meaning of the line or end it early.
    """
    command = message.command
    if not (command.isascii() and (command.isalpha() or (len(command) == 3 and command.isdigit()))):
        raise UnencodableMessage(f"illegal command {command!r}")
    text = command
    if message.source:
        if " " in message.source:
            raise UnencodableMessage(f"space in source {message.source!r}")
        text = f":{message.source} {command}"
    if message.params:
        *middles, last = message.params
        for param in middles:
            if not param or param[0] == ":" or " " in param:
                raise UnencodableMessage(f"only the last parameter may be {param!r}")
            text = f"{text} {param}"
        needs_colon = not last or last[0] == ":" or " " in last
        text = f"{text} :{last}" if needs_colon else f"{text} {last}"
    if "\n" in text or "\r" in text or "\0" in text:
        raise UnencodableMessage("NUL, CR or LF in a message")
    try:
        line = f"{text}\r\n".encode()
    except UnicodeEncodeError as error:
        raise UnencodableMessage("a lone surrogate in a message") from error
    return encode_tags(message.tags) + line if message.tags else line


def encode_tags(tags: Mapping[str, str]) -> bytes:
    """Write the tags part of a line, `@` and the trailing space included; nothing for no tags.

    The order is that of the mapping: server tags go before client-only ones. (IRCv3 message-tags)

    Raises:
        UnencodableMessage: a key is no tag key, or a value holds NUL or a lone surrogate.
    """
    if not tags:
        return b""
    pairs = []
    for key, value in tags.items():
        if not _is_tag_key(key):
            raise UnencodableMessage(f"illegal tag key {key!r}")
        pairs.append(f"{key}={escape_tag_value(value)}" if value else key)
    text = f"@{';'.join(pairs)} "
    if "\0" in text:
        raise UnencodableMessage("NUL in a tag value")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnencodableMessage("a lone surrogate in a tag value") from error


def escape_tag_value(value: str) -> str:
    """Return `value` with `;`, space, backslash, CR and LF escaped. (IRCv3 message-tags, Escaping values)"""
    if _TO_ESCAPE.search(value) is None:
        return value
    return _TO_ESCAPE.sub(lambda found: _ESCAPE_OF[found[0]], value)


def unescape_tag_value(value: str) -> str:
    """Undo `escape_tag_value`; a backslash before any other character, or at the end, is dropped."""
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda found: _MEANING_OF.get(found[1], found[1]), value)


def _parse_tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in text.split(";"):
        key, _, value = pair.partition("=")
        if _is_tag_key(key):
            tags[key] = unescape_tag_value(value) if "\\" in value else value
    return tags


@lru_cache(maxsize=1024)
def _is_tag_key(key: str) -> bool:
    # Names are opaque (message-tags, Rules for naming), so this only asks for characters that separate nothing.
    return _TAG_KEY.fullmatch(key) is not None


def _guess_command(line: bytes) -> str:
    for word in line.split(b" "):
        if word and not word.startswith((b"@", b":")):
            return word.decode("ascii").upper() if word.isalnum() and len(word) <= 32 else "*"
    return "*"

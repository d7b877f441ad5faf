"""Where a server is: HOST[:PORT] as people write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from securechat.errors import ConfigError

DEFAULT_PORT: Final = 6697
"""IRC over TLS. (RFC 7194)"""


@dataclass(frozen=True, slots=True)
class Address:
    """A host name or IP address and a TCP port."""

    host: str
    port: int = DEFAULT_PORT

    @property
    def vouched_name(self) -> str:
        """What a certificate must be for: the host without the dot that ends an absolute name, or without its zone."""
        return self.host.partition("%")[0] if ":" in self.host else self.host.removesuffix(".")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.

    Raises:
        ConfigError: no host, or no port between 1 and 65535.
    """
    if text.startswith("securechat://"):
        raise ConfigError("that is an invitation and not a host: type securechat-client join, and paste it when asked")
    host, port = _split(text)
    if not host or any(character.isspace() or not character.isprintable() for character in host):
        raise ConfigError(f"{text!r} names no host: write HOST or HOST:PORT")
    if port is None:
        return Address(host)
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise ConfigError(f"{text!r}: the port must be a number from 1 to 65535")
    return Address(host, int(port))


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and rest[0] != ":"):
            raise ConfigError(f"{text!r}: write an IPv6 address as [ADDRESS] or [ADDRESS]:PORT")
        return host, rest[1:] if rest else None
    if text.count(":") > 1:
        raise ConfigError(f"{text!r}: an IPv6 address needs brackets: [{text}]")
    host, colon, port = text.partition(":")
    return host, port if colon else None

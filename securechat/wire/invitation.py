"""The link of an invitation: where the server is, the token that lets one in, and the pin of the CA to expect there.

    securechat://chat.example.org,[2001:db8::1]:7000/#v1.TOKEN.PIN

What is secret stands behind the `#`, which no web client sends anywhere. The token is 128 random bits; the pin the first
128 bits of SHA-256 of the CA's public key, absent with a public CA. Both are base32 in lower case without padding
(RFC 4648, 6), and each value has one form only. No error here repeats what it was given.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from securechat.errors import ConfigError

SCHEME: Final = "securechat://"
VERSION: Final = "v1"
DEFAULT_PORT: Final = 6697
"""IRC over TLS. (RFC 7194)"""
SECRET_BYTES: Final = 16
"""Of a token, and of a pin."""
MAX_LINK: Final = 2048
"""Characters: more than any list of hosts that somebody would send around."""
MAX_HOSTS: Final = 16

# 130 bits hold 128: of the last letter the two lowest bits are 0.
_SECRET: Final = re.compile("[a-z2-7]{25}[aeimquy4]")
_LABEL: Final = re.compile("[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LONGEST_NAME: Final = 253
_PORT: Final = re.compile("[1-9][0-9]{0,4}")
_NUMBER: Final = re.compile("[0-9]+|0[xX][0-9A-Fa-f]*")
_FORM: Final = "a link looks like securechat://HOST/#v1.… : copy the whole of it"


class MalformedLink(ConfigError):
    """That is no link of an invitation; the text says what is wrong with it, without a word of what it holds."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link says; its repr leaves the token out.

    hosts: host names in lower case or IP addresses, bare, and ports; each is to be tried in its turn.
    pin: of the CA to expect; "" where one that everybody knows vouches for the server.
    """

    hosts: tuple[tuple[str, int], ...]
    token: str = field(repr=False)
    pin: str = ""


def parse_link(text: str) -> Invitation:
    """Read a link.

    Raises:
        MalformedLink: it is none, to the last character.
    """
    if len(text) > MAX_LINK:
        raise MalformedLink(f"the link is longer than {MAX_LINK} characters: that is no invitation")
    if not text.startswith(SCHEME):
        raise MalformedLink(f"the link does not begin with {SCHEME}: {_FORM}")
    hosts, mark, fragment = text.removeprefix(SCHEME).partition("/#")
    if not mark:
        raise MalformedLink(f"the link has no /# behind its hosts: {_FORM}")
    version, *secrets = fragment.split(".")
    if version != VERSION:
        raise MalformedLink(f"the link is not of version {VERSION}: ask for another one, or for a newer securechat")
    if not 1 <= len(secrets) <= 2 or not all(map(_is_secret, secrets)):
        raise MalformedLink(f"what stands behind /#{VERSION}. is incomplete or mistyped: {_FORM}")
    return Invitation(_parse_hosts(hosts), *secrets)


def format_link(hosts: Sequence[tuple[str, int]], token: str, pin: str = "") -> str:
    """Return the link of an invitation.

    hosts: 1 to 16 host names or bare IP addresses, and ports.
    token, pin: as `encode_secret` and `pin_key` make them.

    Raises:
        MalformedLink: what stands in it cannot be read back.
    """
    shown = (f"[{host}]" if ":" in host else host for host, _ in hosts)
    ports = ("" if port == DEFAULT_PORT else f":{port}" for _, port in hosts)
    where = ",".join(map("".join, zip(shown, ports, strict=True)))
    link = f"{SCHEME}{where}/#{'.'.join(filter(None, (VERSION, token, pin)))}"
    read = parse_link(link)
    if (len(read.hosts), read.token, read.pin) != (len(hosts), token, pin):
        raise MalformedLink("the link would be read as another one: a host with a comma in it, or no token")
    return link


def read_code(text: str) -> str:
    """Return the token in what somebody gives as a code: the whole link, what stands behind its `#`, or the token; else ""."""
    try:
        if text.startswith(SCHEME):
            return parse_link(text).token
    except MalformedLink:
        return ""
    version, *secrets = text.split(".") if "." in text else (VERSION, text)
    return secrets[0] if version == VERSION and len(secrets) <= 2 and all(map(_is_secret, secrets)) else ""


def encode_secret(data: bytes) -> str:
    """Return 16 bytes as the 26 characters that stand in a link."""
    if len(data) != SECRET_BYTES:
        raise ValueError(f"{len(data)} bytes, not {SECRET_BYTES}")
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def decode_secret(text: str) -> bytes:
    """Return the 16 bytes of a token or a pin.

    Raises:
        ValueError: it is neither.
    """
    if not _is_secret(text):
        raise ValueError("neither a token nor a pin")
    return base64.b32decode(text.upper() + "======")


def pin_key(public_key: bytes) -> str:
    """Return the pin of a CA.

    public_key: its SubjectPublicKeyInfo in DER. (RFC 5280, 4.1.2.7)
    """
    return encode_secret(hashlib.sha256(public_key).digest()[:SECRET_BYTES])


def _is_secret(text: str) -> bool:
    return _SECRET.fullmatch(text) is not None


def _parse_hosts(text: str) -> tuple[tuple[str, int], ...]:
    hosts = tuple(map(_parse_host, text.split(",")))
    if len(hosts) > MAX_HOSTS:
        raise MalformedLink(f"the link names more than {MAX_HOSTS} hosts")
    return hosts


def _parse_host(text: str) -> tuple[str, int]:
    if text.startswith("["):
        bare, bracket, rest = text[1:].partition("]")
        host = _parse_ipv6(bare)
        colon, port = rest[:1], rest[1:]
        if not bracket or colon not in ("", ":"):
            raise MalformedLink(f"the link names an IPv6 address that is none: {_FORM}")
    else:
        bare, colon, port = text.partition(":")
        host = _parse_name(bare)
    if not colon:
        return host, DEFAULT_PORT
    if not _PORT.fullmatch(port) or int(port) > 65535:
        raise MalformedLink("the link names a port that is no number from 1 to 65535")
    return host, int(port)


def _parse_ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise MalformedLink(f"the link names an IPv6 address that is none: {_FORM}") from None
    if address.scope_id:
        raise MalformedLink("the link names an address with a zone, which is known on one machine only")
    return str(address)


def _parse_name(text: str) -> str:
    """Return a host name in lower case, or an IPv4 address: what ends in a number is one. (WHATWG URL, 3.5)"""
    labels = text.split(".")
    if len(text) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise MalformedLink(f"the link names a host that is none: {_FORM}")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise MalformedLink("the link names an IPv4 address that is none") from None
    return text.lower()

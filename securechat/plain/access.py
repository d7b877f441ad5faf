"""Who signs in where, and how the secret gets here without standing in argv."""

from __future__ import annotations

import getpass
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from securechat.client.address import Address, parse_address
from securechat.client.link import Link
from securechat.client.trust import build_context
from securechat.errors import ConfigError
from securechat.plain.printed import warn
from securechat.plain.typed import find_stdin

MAX_SECRET: Final = 4096
"""Bytes of a password or token."""


@dataclass(frozen=True, slots=True)
class Access:
    """Everything a link needs to know. The secret is kept out of the repr."""

    address: Address
    ca: Path | None
    user: str
    secret: str = field(repr=False)

    def open_link(self, **options: Any) -> Link:
        """Return a link, not yet connected; `options` as those of `Link`.

        Raises:
            ConfigError: the CA file, the name or the secret cannot be used.
        """
        return Link(self.address, self.user, self.secret, build_context(self.ca), **options)


def build_access(
    server: str | None, ca: Path | None, user: str | None, *, from_stdin: bool, token_file: Path | None
) -> Access:
    """Put together what the options say, and get the secret from where they say it is.

    Raises:
        ConfigError: something is missing, or cannot be read.
    """
    if not server:
        raise ConfigError("no server: give HOST or HOST:PORT (send, tail and history take it as --server)")
    if not user:
        raise ConfigError("no name: say who you are with --user NAME")
    address = parse_address(server)
    # What costs no secret is checked before one is asked for.
    build_context(ca)
    return Access(address, ca, user, _read_secret(user, address, from_stdin, token_file))


def check_target(target: str) -> str:
    """Return the name of one channel or person.

    Raises:
        ConfigError: it cannot be one.
    """
    if not target or target[0] == ":" or any(character in " ,\0\r\n" for character in target):
        raise ConfigError(f"{target!r} is neither one #channel nor one person")
    return target


def _read_secret(user: str, address: Address, from_stdin: bool, token_file: Path | None) -> str:
    if from_stdin and token_file:
        raise ConfigError("give either --password-stdin or --token-file, not both")
    if from_stdin:
        return _check_secret(read_first_line(find_stdin()), "the first line of standard input")
    if token_file:
        return _check_secret(_read_token_file(token_file), str(token_file))
    if not os.isatty(find_stdin()):
        raise ConfigError("no password: give --token-file FILE, or --password-stdin and the password as the first line")
    return _check_secret(getpass.getpass(f"Password of {user} at {address}: ").encode(), "the password")


def read_first_line(descriptor: int) -> bytes:
    """Read one line and not a byte more: the rest is the text.

    Raises:
        ConfigError: the line is longer than any secret.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
        if len(line) > MAX_SECRET:
            raise ConfigError("the first line of standard input is too long to be a password or token")
    return bytes(line).rstrip(b"\r\n")


def _read_token_file(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            warn(f"securechat-client: others can read {path}: chmod 600 it")
        with path.open("rb") as file:
            return file.read(MAX_SECRET + 1).strip()
    except OSError as error:
        raise ConfigError(f"token file {path}: {error.strerror}") from error


def _check_secret(secret: bytes, source: str) -> str:
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{source} is not UTF-8") from None
    if not text or "\0" in text or "\n" in text or len(secret) > MAX_SECRET:
        raise ConfigError(f"{source} is no password or token: one line, not empty")
    return text

"""SASL PLAIN and EXTERNAL as step functions, and the chunks a client sends for it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final

from securechat.wire.names import fold, is_device_name

MAX_CHUNK: Final = 400
"""Base64 characters in one AUTHENTICATE. (IRCv3 sasl-3.1)"""
MAX_MESSAGE: Final = 8192
"""Base64 characters in a whole response: room for any name and a password of several thousand bytes."""


class SaslError(Exception):
    """The exchange failed: with 905 when `too_long`, with 904 otherwise."""

    def __init__(self, text: str, *, too_long: bool = False) -> None:
        super().__init__(text)
        self.too_long = too_long


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who somebody says they are; `device` is "" when they named none. The secret is kept out of the repr."""

    account: str
    device: str
    secret: str = field(repr=False)


class _Response:
    """A response that comes in chunks. (IRCv3 sasl-3.1)"""

    def __init__(self) -> None:
        self._received = ""

    def take(self, chunk: str) -> str | None:
        """Take the next chunk; return the whole once it is complete, None before. Raises: SaslError."""
        if len(chunk) > MAX_CHUNK:
            raise SaslError("chunk too long", too_long=True)
        if chunk != "+":
            self._received += chunk
        if len(self._received) > MAX_MESSAGE:
            raise SaslError("response too long", too_long=True)
        if len(chunk) == MAX_CHUNK:
            return None
        response, self._received = self._received, ""
        return response


class PlainExchange:
    """The server's side of one SASL PLAIN response. (RFC 4616; IRCv3 sasl-3.1)

    An abort (`AUTHENTICATE *`) is no step: the caller answers it and drops the exchange, as after an error.
    """

    def __init__(self) -> None:
        self._response = _Response()

    def step(self, chunk: str) -> Credentials | None:
        """Take the parameter of the next AUTHENTICATE.

        Returns:
            The credentials when the response is complete, None when more of it must follow.

        Raises:
            SaslError: a chunk or the whole is too long, or it is no PLAIN response.
        """
        response = self._response.take(chunk)
        return None if response is None else _read_plain(response)


class ExternalExchange:
    """The server's side of one SASL EXTERNAL response, used as `PlainExchange`. (RFC 4422, appendix A)"""

    def __init__(self) -> None:
        self._response = _Response()

    def step(self, chunk: str) -> Credentials | None:
        """Take the parameter of the next AUTHENTICATE.

        Returns:
            The account and device that the client wants to act as, each "" where it leaves that to the server, and no
            secret; None when more must follow.

        Raises:
            SaslError: a chunk or the whole is too long, or it is no name.
        """
        response = self._response.take(chunk)
        if response is None:
            return None
        account, device = split_user(_decode(response))
        if "\0" in account or (device and not is_device_name(device)):
            raise SaslError("device name not allowed")
        return Credentials(account, device, "")


def split_user(text: str) -> tuple[str, str]:
    """Split a SASL user name into account and device, which is "" when there is none: `anna@phone`."""
    account, _, device = text.partition("@")
    return account, device


def encode_plain(account: str, secret: str) -> list[str]:
    """Return the AUTHENTICATE parameters that answer a PLAIN challenge; `account` may be `account@device`.

    Raises:
        ValueError: a part is empty or holds NUL, which PLAIN cannot carry.
    """
    if not account or not secret or "\0" in account + secret:
        raise ValueError("account and secret must not be empty and not contain NUL")
    encoded = b64encode(f"\0{account}\0{secret}".encode()).decode("ascii")
    chunks = [encoded[i : i + MAX_CHUNK] for i in range(0, len(encoded), MAX_CHUNK)]
    # A last chunk of full length does not say that it is the last.
    return [*chunks, "+"] if len(chunks[-1]) == MAX_CHUNK else chunks


def _read_plain(response: str) -> Credentials:
    fields = _decode(response).split("\0")
    if len(fields) != 3:
        raise SaslError("response is not three fields")
    authzid, authcid, secret = fields
    account, device = split_user(authcid)
    if not account or not secret:
        raise SaslError("no user name or no password")
    if device and not is_device_name(device):
        raise SaslError("device name not allowed")
    if authzid and fold(authzid) not in (fold(authcid), fold(account)):
        raise SaslError("acting for somebody else is not offered")
    return Credentials(account, device, secret)


def _decode(response: str) -> str:
    try:
        decoded = b64decode(response)
        text = decoded.decode()
    except ValueError as error:
        raise SaslError("response is not base64 of UTF-8") from error
    # The decoder skips what is no base64; only what encodes back to itself was base64 throughout.
    if b64encode(decoded).decode("ascii") != response:
        raise SaslError("response is not base64")
    return text

"""Secrets that we make up ourselves: tokens of devices and generated passwords.

A token is 256 random bits, so one SHA-256 keeps it as safe as argon2 keeps a password, at no cost to a sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable

PREFIX = "sct_"

_TOKEN_BYTES = 32
_PASSWORD_BYTES = 10
_GROUP = 4


def create_token(randbytes: Callable[[int], bytes] = os.urandom) -> str:
    """Make a token: `sct_` and 256 random bits in lower-case base32 without padding (RFC 4648, 6).

    Args:
        randbytes: Gives that many random bytes.

    """
    return PREFIX + _encode(randbytes(_TOKEN_BYTES))


def create_password(randbytes: Callable[[int], bytes] = os.urandom) -> str:
    """Make a password of 80 random bits that can be read aloud: `abcd-efgh-ijkl-mn23`.

    Args:
        randbytes: Gives that many random bytes.

    """
    letters = _encode(randbytes(_PASSWORD_BYTES))
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def digest_token(token: str) -> str:
    """Return what is kept of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_token(secret: str) -> bool:
    """Tell whether a secret is to be checked as a token; no password may begin like one."""
    return secret.startswith(PREFIX)


def _encode(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()

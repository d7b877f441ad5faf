"""The secret of an invitation: 128 random bits, of which one SHA-256 is kept, as of a device's token."""

from __future__ import annotations

import os
from collections.abc import Callable

from securechat.auth.tokens import digest_token
from securechat.wire.invitation import SECRET_BYTES, encode_secret, read_code


def create_code(randbytes: Callable[[int], bytes] = os.urandom) -> str:
    """Make the token of an invitation, as it stands in a link.

    randbytes: gives that many random bytes.
    """
    return encode_secret(randbytes(SECRET_BYTES))


def digest_code(code: str) -> str:
    """Return what is kept of the token in a code, its SHA-256 in hexadecimal; of no invitation where it is no code.

    code: a whole link, what stands behind its `#`, or the token alone.
    """
    return digest_token(read_code(code))

"""The server's CA was renewed under the same key: its new certificate takes the place of the one that is kept.

The key is what somebody once compared, so nobody need compare it again; with another key it stays refused.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from securechat.client.address import Address
from securechat.client.authority import PATH, fetch_authority
from securechat.client.certificate import encode_pem, may_succeed, names_issuer, read_authority, read_facts
from securechat.client.handshake import look_at
from securechat.client.private import make_private_directory, write_private
from securechat.client.profile import PINNED_CA, find_home, read_profile, remember, server_directory
from securechat.client.trust import build_context
from securechat.errors import ConfigError, Fault, UnreachableError
from securechat.plain.visible import show

RENEWED: Final = "the server's CA was renewed under the same key: its new certificate is kept in"

_MENDED_BY_IT: Final = frozenset({Fault.UNKNOWN_CA, Fault.EXPIRED, Fault.CERTIFICATE})
_MAX_FILE: Final = 1 << 20


async def renew_authority(
    address: Address, ca: Path, failure: UnreachableError, *, is_given: bool
) -> tuple[ssl.SSLContext, str] | None:
    """Take the CA's new certificate from the server; return whom to trust then, and a remark; None when there is none.

    ca: the file that the server's certificate was not accepted by. is_given: somebody has named that file.

    Raises:
        UnreachableError: there is one, but the file is not ours to replace, or the new one cannot be kept.
    """
    now = datetime.now(UTC)
    kept = _read(ca)
    if kept is None or not await _may_help(address, ca, kept, failure, now):
        return None
    try:
        offered = await fetch_authority(address)
    except UnreachableError:
        return None
    if not may_succeed(kept, offered, now):
        return None
    if is_given:
        remedy = (
            f"the CA was renewed under the same key: get its new file (https://{address}{PATH}) and give that with --ca"
        )
        raise UnreachableError(f"{address}: {failure}", remedy, failure.fault)
    try:
        path = _keep(address, offered)
        return build_context(path), f"{RENEWED} {show(str(path))}"
    except ConfigError as error:
        cause = f"{address}: the CA was renewed under the same key, and its new certificate cannot be kept"
        raise UnreachableError(cause, str(error), failure.fault) from None


async def _may_help(address: Address, ca: Path, kept: bytes, failure: UnreachableError, now: datetime) -> bool:
    """Tell whether it is worth asking for a new certificate: whoever is of another CA is not even asked."""
    facts = read_facts(kept)
    if failure.fault not in _MENDED_BY_IT or facts is None:
        return False
    if failure.fault is Fault.EXPIRED and facts.not_after > now:
        # It is the server's own that has expired.
        return False
    try:
        chain = (await asyncio.to_thread(look_at, address, build_context(ca))).chain
    except UnreachableError:
        return False
    return bool(chain) and names_issuer(chain[0], kept)


def _read(ca: Path) -> bytes | None:
    try:
        with ca.open("rb") as file:
            return read_authority(file.read(_MAX_FILE))
    except OSError:
        return None


def _keep(address: Address, authority: bytes) -> Path:
    """Keep a CA's certificate in the place of the one that the profile names; a file that is not ours stays as it is."""
    home = find_home()
    path = server_directory(home, address) / PINNED_CA
    facts = read_facts(authority)
    assert facts is not None
    try:
        make_private_directory(path.parent)
        write_private(path, encode_pem(authority))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); check its owner and mode") from None
    known = read_profile(home).find(address)
    remember(home, address, replace(known, ca=str(path.relative_to(home)), fingerprint=facts.key_fingerprint))
    return path

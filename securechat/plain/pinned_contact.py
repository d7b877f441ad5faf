"""Meeting a server by an invitation: its CA is compared with the link's pin, so that nobody has to.

Nothing of ours is sent before CA and host name are verified; the first of the link's hosts that answers is the one.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from securechat.client.address import Address
from securechat.client.authority import fetch_authority
from securechat.client.certificate import pin_authority, read_authority, read_facts, write_fingerprint
from securechat.client.profile import KnownServer, find_home, read_profile
from securechat.errors import ConfigError, Fault, UnreachableError
from securechat.plain.access import remember_server
from securechat.plain.first_contact import adopt, fetch, pin, verify
from securechat.plain.printed import warn
from securechat.plain.visible import show
from securechat.wire.invitation import Invitation, decode_secret

_MAX_FILE: Final = 1 << 20
_IS_THE_ONE: Final = "the server is the one that the invitation names; its CA is"
_NEW_CA: Final = "if its admin says that the CA is new, sign in once with its file: --ca FILE"


def meet_by_invitation(invitation: Invitation, ca: Path | None) -> tuple[Address, KnownServer]:
    """Return where the invitation leads and what is known of it then, which is remembered.

    ca: a file to take the CA from instead of the server.

    Raises:
        UnreachableError: no host answers, or the one that does cannot be trusted; nothing was sent.
        ConfigError: the file is none, or the CA cannot be kept.
    """
    failures: list[UnreachableError] = []
    for host, port in invitation.hosts:
        address = Address(host, port)
        known = read_profile(find_home()).find(address)
        try:
            met = _settle_trust(address, known, invitation.pin, ca)
        except UnreachableError as error:
            if error.fault is not Fault.UNREACHABLE:
                raise
            failures.append(error)
            continue
        for failure in failures:
            warn(f"-- {show(str(failure))}; the invitation names another host, which answers")
        if met != known:
            remember_server(address, met)
        return address, met
    *others, last = failures
    for failure in others:
        warn(f"securechat-client: {show(str(failure))}")
    raise last


def _settle_trust(address: Address, known: KnownServer, expected: str, ca: Path | None) -> KnownServer:
    home = find_home()
    if not expected:
        return _settle_without_pin(home, address, known, ca)
    authority = asyncio.run(fetch_authority(address)) if ca is None else _read_file(ca)
    if pin_authority(authority) != expected:
        _show_mismatch(address, expected, pin_authority(authority))
        raise UnreachableError(
            f"{address}: its CA is not the one of the invitation; nothing was sent, and the invitation is not used",
            "tell the server's admin, by another way: somebody else may be answering, or the invitation is not theirs",
            Fault.REFUSED,
        )
    _refuse_another(home, address, known, authority)
    return pin(home, address, known, authority, _IS_THE_ONE) if ca is None else adopt(address, known, ca)


def _settle_without_pin(home: Path, address: Address, known: KnownServer, ca: Path | None) -> KnownServer:
    """Without a pin it is a CA that is trusted already, or the one of a file."""
    if ca is not None:
        return adopt(address, known, ca)
    if known.fingerprint and not known.ca:
        return fetch(home, address, known)
    verify(address, home / known.ca if known.ca else None)
    return known


def _refuse_another(home: Path, address: Address, known: KnownServer, authority: bytes) -> None:
    """Refuse an invitation that would have a server that was met before trusted by another CA.

    Whoever makes people redeem a link must not get hold of the accounts that they have there already.
    """
    if known == KnownServer():
        return
    facts = read_facts(authority)
    kept = _read_file(home / known.ca) if known.ca else None
    trusted = read_facts(kept).key_fingerprint if kept is not None else known.fingerprint  # type: ignore[union-attr]
    if facts is None or trusted != facts.key_fingerprint:
        raise UnreachableError(
            f"{address}: this client trusts another CA for it than the invitation names; nothing was sent",
            f"ask the server's admin; {_NEW_CA}",
            Fault.REFUSED,
        )


def _read_file(ca: Path) -> bytes:
    try:
        with ca.open("rb") as file:
            authority = read_authority(file.read(_MAX_FILE))
    except OSError as error:
        raise ConfigError(f"CA file {ca}: {error.strerror}; give the file that the server's admin sent you") from None
    if authority is None:
        raise ConfigError(f"CA file {ca}: does not hold one certificate of a CA; is it the ca.pem of the server?")
    return authority


def _show_mismatch(address: Address, expected: str, found: str) -> None:
    warn(f"-- the invitation is for another CA than the one at {show(str(address))} (pin, and SHA-256 of the key)")
    for what, each in (("expected", expected), ("found   ", found)):
        warn(f"   {what}  {each}  {write_fingerprint(decode_secret(each).hex())}:…")

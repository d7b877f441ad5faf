"""Meeting a server for the first time: its CA is compared by a person, or given as a file, and then remembered.

There is no way to go on without. Nothing is sent to the server before its CA and its host name are verified.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from securechat.client.address import Address
from securechat.client.certificate import (
    LEAST_DIGITS,
    encode_pem,
    find_authority,
    is_fingerprint_of,
    read_facts,
    write_fingerprint,
)
from securechat.client.handshake import look_at
from securechat.client.private import make_private_directory, write_private
from securechat.client.profile import PINNED_CA, KnownServer, server_directory
from securechat.client.trust import build_context
from securechat.errors import ConfigError, Fault, UnreachableError
from securechat.plain.asking import ask
from securechat.plain.printed import warn
from securechat.plain.visible import show

ATTEMPTS: Final = 3
"""How often a fingerprint may be mistyped."""

_HOW: Final = "ask the server's admin for the fingerprint, or for the CA file and give it with --ca FILE"


def meet(home: Path, address: Address, known: KnownServer) -> KnownServer:
    """Find out on a terminal whom to trust for a server that is not known yet, and return what is known then.

    Raises:
        UnreachableError: it cannot be trusted; nothing was sent.
        ConfigError: the CA file that was named is none, or the CA cannot be kept.
    """
    handshake = look_at(address, build_context(None))
    if handshake.failure is None:
        return known
    if handshake.failure.fault is not Fault.UNKNOWN_CA:
        raise _refuse(address, handshake.failure)
    authority = find_authority(handshake.chain)
    _introduce(address, authority)
    for _ in range(ATTEMPTS):
        typed = ask("The admin's fingerprint, or the path of the CA file: ").strip()
        if not typed:
            break
        if authority is not None and is_fingerprint_of(typed, authority):
            return pin(home, address, known, authority)
        path = _find_file(typed)
        if path is not None:
            return adopt(address, known, path)
        warn(f"-- that is neither the fingerprint of this CA ({LEAST_DIGITS} digits of it at least) nor a file;")
        warn("   if it is what the admin gave you, somebody else may be answering here")
    raise UnreachableError(f"{address}: its CA was not compared, so nothing was sent", _HOW, Fault.UNKNOWN_CA)


def adopt(address: Address, known: KnownServer, ca: Path) -> KnownServer:
    """Return what is known with a CA file that was given, once the server has proved to be of it.

    Raises:
        UnreachableError: it has not. ConfigError: the file is none.
    """
    verify(address, ca)
    return replace(known, ca=str(ca.absolute()), fingerprint="")


def fetch(home: Path, address: Address, known: KnownServer) -> KnownServer:
    """Get the CA whose fingerprint stands in the profile from the server that shows it, and keep it.

    Raises:
        UnreachableError: the server shows another one, or none. ConfigError: it cannot be kept.
    """
    authority = find_authority(look_at(address, build_context(None)).chain)
    if authority is None or not is_fingerprint_of(known.fingerprint, authority):
        cause = f"{address}: the server does not show a CA with the fingerprint in the profile"
        raise UnreachableError(cause, _HOW, Fault.UNKNOWN_CA)
    return pin(home, address, known, authority)


def _find_file(typed: str) -> Path | None:
    try:
        path = Path(typed).expanduser()
        return path if path.is_file() else None
    except (OSError, RuntimeError):
        # Longer than any name, behind a door that is closed, or the home of somebody who has none.
        return None


def _introduce(address: Address, authority: bytes | None) -> None:
    facts = None if authority is None else read_facts(authority)
    warn(f"-- first contact with {show(str(address))}: its certificate is from a CA that is not known here")
    if facts is None:
        warn("   The server does not show its CA, so there is nothing to compare: ask its admin for the CA file.")
        return
    warn(f"   CA                  {show(facts.subject)}, until {facts.not_after:%Y-%m-%d}")
    warn(f"   SHA-256 public key  {write_fingerprint(facts.key_fingerprint)}")
    warn(f"   SHA-256 whole       {write_fingerprint(facts.fingerprint)}")
    warn("   Ask the server's admin for the fingerprint by another way than this connection (by phone, in person)")
    warn(f"   and type or paste what you were told, {LEAST_DIGITS} digits of it at least. Nothing is sent before.")


def pin(
    home: Path, address: Address, known: KnownServer, authority: bytes, said: str = "it is the one;"
) -> KnownServer:
    """Keep a CA that was compared, and return what is known with it, once the server has proved to be of it.

    authority: in DER. said: what people are told then, before the words "kept in".

    Raises:
        UnreachableError: it has not. ConfigError: it cannot be kept.
    """
    facts = read_facts(authority)
    assert facts is not None
    directory = server_directory(home, address)
    ca = directory / PINNED_CA
    try:
        make_private_directory(directory)
        write_private(ca, encode_pem(authority))
    except OSError as error:
        raise ConfigError(f"{ca}: cannot be written ({error.strerror}); check its owner and mode") from None
    # Whoever can show the CA's certificate need not be the one it vouches for.
    verify(address, ca)
    warn(f"-- {said} kept in {show(str(ca))}")
    return replace(known, ca=str(ca.relative_to(home)), fingerprint=facts.key_fingerprint)


def verify(address: Address, ca: Path | None) -> None:
    """Connect afresh, with CA and host name verified, and send nothing.

    ca: the only one to trust; None for those of the system.

    Raises:
        UnreachableError: nobody is there, or is who it should be.
    """
    failure = look_at(address, build_context(ca)).failure
    if failure is not None:
        raise _refuse(address, failure)


def _refuse(address: Address, failure: UnreachableError) -> UnreachableError:
    return UnreachableError(f"{address}: {failure}", failure.remedy, failure.fault)

"""`--show-handshake`: what TLS agrees on with a server and who vouches for whom, for people. Nothing is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from securechat.client.certificate import CertificateFacts, read_facts, write_fingerprint
from securechat.client.handshake import Handshake, look_at
from securechat.client.profile import find_home, read_profile
from securechat.client.trust import build_context
from securechat.errors import UnreachableError
from securechat.plain.access import choose_server
from securechat.plain.printed import print_line
from securechat.plain.visible import show

ACCEPTED = "CA, host name and dates are as they must be"


def print_handshake(server: str | None, ca: Path | None) -> int:
    """Shake hands with a server, print what came of it, and return 0.

    Raises:
        UnreachableError: there is no TLS to look at, or a check failed: what there is was printed then.
        ConfigError: no server is named, or the CA file is none.
    """
    home = find_home()
    profile = read_profile(home)
    address = choose_server(server, profile)
    known = profile.find(address)
    handshake = look_at(address, build_context(ca or (home / known.ca if known.ca else None)))
    for line in word_handshake(handshake, datetime.now(UTC)):
        print_line(line)
    failure = handshake.failure
    if failure is not None:
        raise UnreachableError(f"{address}: {failure}", failure.remedy, failure.fault)
    return 0


def word_handshake(handshake: Handshake, now: datetime) -> Iterator[str]:
    """Yield the lines that tell of a handshake."""
    yield f"server       {show(str(handshake.address))}, answered by {handshake.peer}"
    yield f"protocol     {handshake.protocol}"
    yield f"suite        {handshake.suite}, {handshake.bits} bits"
    yield f"group        {handshake.group}"
    yield f"ALPN         {show(handshake.alpn) or 'none'}"
    for number, der in enumerate(handshake.chain, 1):
        yield f"certificate  {number} of {len(handshake.chain)}"
        facts = read_facts(der)
        yield from _word_certificate(facts, now) if facts is not None else ["  cannot be read"]
    failure = handshake.failure
    yield f"checked      {ACCEPTED}" if failure is None else f"checked      FAILED: {show(str(failure))}"
    yield "sent         the handshake and nothing else: no name, no password, no line of chat"


def _word_certificate(facts: CertificateFacts, now: datetime) -> Iterator[str]:
    yield f"  subject    {show(facts.subject) or 'none'}"
    if facts.names:
        yield f"  names      {show(', '.join(facts.names))}"
    yield f"  issued by  {show(facts.issuer)}"
    days = (facts.not_after - now).days
    yield f"  valid      {facts.not_before:%Y-%m-%d %H:%M} to {facts.not_after:%Y-%m-%d %H:%M} UTC, {days} days left"
    yield f"  SHA-256    {write_fingerprint(facts.fingerprint)}"
    yield f"  of its key {write_fingerprint(facts.key_fingerprint)}"

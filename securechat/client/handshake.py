"""A TLS handshake made for looking at: what was agreed on, who vouches for whom, and nothing of ours sent.

The one place where a certificate is looked at that was not accepted. Such a connection exists for as long as the
handshake does, is written to by TLS alone, and never leaves this module. Its context has one other user: `authority`,
which asks for a public file.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final

from securechat.client.address import Address
from securechat.client.trust import explain
from securechat.errors import Fault, UnreachableError

PATIENCE: Final = 15.0
"""Seconds for connecting, and for the whole handshake."""
CHUNK: Final = 65_536
MAX_BYTES: Final = 1 << 20
"""Of a server's answers: a chain of certificates is some kilobytes."""
NOT_TOLD: Final = "not told by this Python"

_GROUPS: Final = {
    0x0017: "P-256",
    0x0018: "P-384",
    0x0019: "P-521",
    0x001D: "X25519",
    0x001E: "X448",
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
}
"""Groups of the key exchange by number. (IANA, TLS Supported Groups)"""
_HANDSHAKE_RECORD, _SERVER_HELLO, _KEY_SHARE = 22, 2, 51
_SKIPPED_IN_HELLO: Final = 2 + 32
_DER: Final = 2


@dataclass(frozen=True, slots=True)
class Handshake:
    """What was agreed on with a server.

    peer: the address that answered. group: of the key exchange. chain: certificates in DER as the server sent them, its
    own first. failure: why the client does not go on, None when everything is as it must be.
    """

    address: Address
    peer: str
    protocol: str
    suite: str
    bits: int
    group: str
    alpn: str
    chain: tuple[bytes, ...]
    failure: UnreachableError | None


def look_at(address: Address, context: ssl.SSLContext) -> Handshake:
    """Shake hands with a server, hang up, and tell.

    When its certificate or version is not accepted it is asked once more without being believed, for its certificates.

    context: from `trust.build_context`.

    Raises:
        UnreachableError: there is no TLS to be looked at.
    """
    try:
        return _shake_hands(address, context, None)
    except (OSError, EOFError, UnicodeError) as error:
        failure = explain(error, address.host)
    if failure.fault in (Fault.UNREACHABLE, Fault.NO_TLS):
        raise UnreachableError(f"{address}: {failure}", failure.remedy, failure.fault)
    try:
        return _shake_hands(address, build_looking_context("irc"), failure)
    except (OSError, EOFError, UnicodeError):
        raise UnreachableError(f"{address}: {failure}", failure.remedy, failure.fault) from None


def read_group(received: bytes) -> str:
    """Return the group that a server chose, read from its first answers as they came over the wire. (RFC 8446, 4.1.3)"""
    shares = [_read_key_share(hello) for hello in _server_hellos(received)]
    number = next((share for share in reversed(shares) if share is not None), None)
    if number is None:
        return NOT_TOLD
    return _GROUPS.get(number, f"0x{number:04x}")


def build_looking_context(protocol: str) -> ssl.SSLContext:
    """Return a context that accepts whoever answers: what comes over it is only to be looked at.

    protocol: which the connection is for, as ALPN names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _shake_hands(address: Address, context: ssl.SSLContext, failure: UnreachableError | None) -> Handshake:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=address.vouched_name)
    received = bytearray()
    with socket.create_connection((address.host, address.port), timeout=PATIENCE) as connection:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
            except ssl.SSLError:
                # The alert says why we do not go on, to whoever runs the server.
                with contextlib.suppress(OSError):
                    connection.sendall(outgoing.read())
                raise
            patience = deadline - time.monotonic()
            if patience <= 0:
                raise TimeoutError
            connection.settimeout(patience)
            chunk = connection.recv(CHUNK)
            received += chunk
            if not chunk or len(received) > MAX_BYTES:
                raise EOFError
            incoming.write(chunk)
        # The handshake's last message; TLS alone has written.
        connection.sendall(outgoing.read())
        peer = str(connection.getpeername()[0])
    suite, _, bits = tls.cipher() or ("", "", 0)
    return Handshake(
        address,
        peer,
        tls.version() or "",
        suite,
        bits,
        read_group(bytes(received)),
        tls.selected_alpn_protocol() or "",
        _read_chain(tls),
        failure,
    )


def _read_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    read: Any = getattr(tls, "get_unverified_chain", None)
    if read is not None:
        return tuple(read())
    # Before Python 3.13 only the object beneath has it; without it there is still the server's own certificate.
    read = getattr(tls._sslobj, "get_unverified_chain", None)  # type: ignore[attr-defined]
    if read is not None:
        return tuple(certificate.public_bytes(_DER) for certificate in read() or ())
    own = tls.getpeercert(binary_form=True)
    return (own,) if own else ()


def _server_hellos(received: bytes) -> list[bytes]:
    """Return the bodies of the ServerHello messages at the beginning; a request to try again is one too."""
    hellos = []
    messages = b""
    while len(received) >= 5 and received[0] != _HANDSHAKE_RECORD + 1:
        length = int.from_bytes(received[3:5])
        if received[0] == _HANDSHAKE_RECORD:
            messages += received[5 : 5 + length]
        received = received[5 + length :]
    while len(messages) >= 4:
        length = int.from_bytes(messages[1:4])
        if messages[0] == _SERVER_HELLO:
            hellos.append(messages[4 : 4 + length])
        messages = messages[4 + length :]
    return hellos


def _read_key_share(hello: bytes) -> int | None:
    """Return the group named in a ServerHello, None when there is none: TLS 1.2 has it elsewhere."""
    session = hello[_SKIPPED_IN_HELLO : _SKIPPED_IN_HELLO + 1]
    # After the session's id: cipher suite, compression, length of the extensions.
    rest = hello[_SKIPPED_IN_HELLO + 1 + int.from_bytes(session) + 2 + 1 + 2 :]
    while len(rest) >= 4:
        kind, length = int.from_bytes(rest[:2]), int.from_bytes(rest[2:4])
        if kind == _KEY_SHARE and length >= 2:
            return int.from_bytes(rest[4:6])
        rest = rest[4 + length :]
    return None

"""Server-side TLS contexts: strict, always built afresh, and checked before they are used."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Literal, TypeAlias

from securechat.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

Demand: TypeAlias = Literal["", "optional", "required"]
"""Whether a listener asks clients for a certificate: not at all, for one they may have, for one they must have."""
ALPN = ["irc", "http/1.1"]
"""Application protocols offered, in the server's order of preference (RFC 7301)."""
TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
GROUP = "X25519"
OLDER_GROUP = "prime256v1"
"""P-256, which every client of TLS 1.3 has (RFC 8446, 9.1): for Pythons that cannot name X25519, Debian 12's 3.11.2 among them."""
FORBIDDEN_GROUPS = ("secp521r1", "secp384r1", "X448", "ffdhe2048")
"""Costly key exchanges that OpenSSL allows by default, each of them a cheap way to keep a server busy."""
FIRST_BYTES = 3
"""How many bytes `may_be_tls` looks at."""
_FLIGHTS = 4
_MISMATCHES = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


def build_context(
    cert: Path, key: Path, *, allow_tls12: bool = False, demand: Demand = "", client_ca: bytes = b""
) -> ssl.SSLContext:
    """Build a server context from a certificate chain and its key, both PEM, and check it.

    A context in use is never changed: loading a mismatched pair into one would break it. Replace it by a new one for
    the connections accepted from then on.

    allow_tls12: accept TLS 1.2 too, with ECDHE and an AEAD cipher only.
    demand: whether clients are asked for a certificate of their own, and have to have one; `client_ca` (PEM): from whom.

    Raises: ConfigError when a file cannot be used or the context does not hold what it should.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if allow_tls12 else ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(TLS12_CIPHERS)
    # Without tickets nothing is sent, or kept, for resumptions that no client of ours makes (RFC 8446, 4.6.1).
    context.num_tickets = 0
    context.set_alpn_protocols(ALPN)
    restrict_groups(context)
    _load_pair(context, cert, key)
    if demand:
        _ask_clients(context, demand, client_ca)
    check_context(context)
    return context


def _ask_clients(context: ssl.SSLContext, demand: Demand, client_ca: bytes) -> None:
    """Have clients asked for a certificate, from this CA and for this purpose, that the handshake verifies."""
    trust_clients_of(context, client_ca)
    context.verify_mode = ssl.CERT_REQUIRED if demand == "required" else ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_STRICT


def trust_clients_of(context: ssl.SSLContext, client_ca: bytes) -> None:
    """Have clients' certificates verified by a CA's certificate (PEM). Raises: ConfigError when it is none."""
    try:
        context.load_verify_locations(cadata=client_ca.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigError("client_ca: no CA's certificate in PEM is in it - name another file") from None


def restrict_groups(context: ssl.SSLContext) -> None:
    """Leave only cheap and strong groups for the key exchange, the hybrid one with ML-KEM where it exists.

    `set_ecdh_curve` takes a single group; `set_groups` is in Python 3.15 and later.
    """
    set_groups = getattr(context, "set_groups", None)
    if set_groups is None:
        try:
            context.set_ecdh_curve(GROUP)
        except ssl.SSLError:
            context.set_ecdh_curve(OLDER_GROUP)
        return
    try:
        set_groups(f"X25519MLKEM768:{GROUP}:P-256")
    except ssl.SSLError:  # an OpenSSL before 3.5
        set_groups(f"{GROUP}:P-256")


def check_context(context: ssl.SSLContext) -> None:
    """Check by handshakes in memory that the restriction of groups holds; takes a few milliseconds.

    Raises: ConfigError when a client that offers only a forbidden group gets in, or an ordinary one does not.
    """
    for group in FORBIDDEN_GROUPS:
        if _agrees_on(context, group):
            raise ConfigError(f"TLS check: the group {group} is accepted - use another build of Python or OpenSSL")
    if not any(_agrees_on(context, group) for group in (GROUP, OLDER_GROUP)):
        raise ConfigError(f"TLS check: the group {GROUP} does not work - use another build of Python or OpenSSL")


def may_be_tls(start: bytes) -> bool:
    """Tell whether a connection that begins so can be TLS: a handshake record of version 3.0 to 3.4 (RFC 8446, 5.1).

    start: its first bytes, at least one for a yes. OpenSSL answers some other beginnings, such as a line that starts
    with a letter beyond ASCII, with an alert.
    """
    return start[:1] == b"\x16" and start[1:2] in (b"", b"\x03") and start[2:3] <= b"\x04"


def _agrees_on(context: ssl.SSLContext, group: str) -> bool:
    """Tell whether a client that offers only this group ends its handshake with the server, in memory."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    try:
        client_context.set_ecdh_curve(group)
    except (ValueError, ssl.SSLError):  # a group that this OpenSSL does not have
        return False
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_FLIGHTS):
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return False
        else:
            return True
        try:
            server.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return False
    return False


def _load_pair(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    """Load certificate and key, telling apart what an operator can have got wrong."""

    def refuse_password() -> str:
        raise ConfigError(f"{key}: the private key is encrypted - decrypt it, or name another with --key")

    _require_pem(cert, "CERTIFICATE-----", "certificate", "--cert")
    _require_pem(key, "PRIVATE KEY-----", "private key", "--key")
    try:
        context.load_cert_chain(cert, key, refuse_password)
    except ssl.SSLError as error:
        if error.reason in _MISMATCHES:
            raise ConfigError(f"{key}: not the key of {cert} - name the two that belong together") from None
        reason = (error.reason or "not understood").replace("_", " ").lower()
        raise ConfigError(f"{cert}, {key}: {reason} - name others with --cert and --key") from None


def _require_pem(path: Path, mark: str, what: str, option: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigError(f"{path}: {reason} - name a {what} that can be read with {option}") from None
    if mark.encode() not in content:
        raise ConfigError(f"{path}: no PEM {what} in it - name one with {option}")

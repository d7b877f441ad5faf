"""A TLS 1.3 handshake in memory, and nothing else: what a client thinks of a certificate."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

# A handshake is judged by the real clock.
NOW = datetime.now(UTC)
NAMES = ["chat.example.org", "127.0.0.1", "::1"]
STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN


def shake_hands(certificate: Path, key: Path, ca: Path, host: str, *, flags: ssl.VerifyFlags | None = None) -> str:
    """Return the TLS version agreed on; raises `ssl.SSLCertVerificationError` where the client refuses."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.minimum_version = ssl.TLSVersion.TLSv1_3
    asking.load_verify_locations(ca)
    if flags is not None:
        asking.verify_flags |= flags
    client, _ = agree(asking, serving, host)
    return client.version() or ""


def show_certificate(directory: Path, certificate: Path, key: Path, *, flags: ssl.VerifyFlags | None = None) -> str:
    """Return the common name that the server of a directory reads in a client's certificate.

    Raises `ssl.SSLCertVerificationError` where it refuses the certificate.
    """
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(directory / "server.pem", directory / "server.key")
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_verify_locations(directory / "ca.pem")
    if flags is not None:
        serving.verify_flags |= flags
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.load_verify_locations(directory / "ca.pem")
    asking.load_cert_chain(certificate, key)
    _, server = agree(asking, serving, NAMES[0])
    shown = server.getpeercert() or {}
    ((_, name),) = (part for group in shown["subject"] for part in group)  # type: ignore[misc]
    return str(name)


def agree(asking: ssl.SSLContext, serving: ssl.SSLContext, host: str) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Return the two ends of a handshake that succeeded."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server, server_hostname=host)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
        if not waiting:
            return client, server
    raise AssertionError("the handshake never ended")


def shake(directory: Path, host: str, *, ca: Path | None = None, flags: ssl.VerifyFlags | None = None) -> str:
    """Shake hands with the server pair of a directory."""
    server = (directory / "server.pem", directory / "server.key")
    return shake_hands(*server, ca or directory / "ca.pem", host, flags=flags)


def read_all(directory: Path) -> dict[str, bytes]:
    """Return what the files of a directory hold, by name."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}

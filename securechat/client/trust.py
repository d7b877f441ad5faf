"""Whom a client trusts: the CA and the host name are verified, always, and what went wrong is said in plain words."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final

from securechat.errors import ConfigError

# X509_V_ERR_…, as `SSLCertVerificationError.verify_code` has them. (OpenSSL, x509_vfy.h)
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21, 7, 30})
_WRONG_NAME: Final = frozenset({62, 63, 64})


def build_context(ca: Path | None) -> ssl.SSLContext:
    """Return a context that speaks TLS 1.3 and verifies CA and host name.

    ca: the file of the only CA to trust; None for those of the system.

    Raises:
        ConfigError: the file cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["irc"])
    if ca is None:
        context.load_default_certs()
    else:
        _load_ca(context, ca)
    return context


def explain(error: BaseException, host: str) -> str:
    """Say in one line why no connection came about and what to do.

    error: what connecting or the handshake raised.
    host: the name that was asked for.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, host)
    if isinstance(error, ssl.SSLError):
        return _explain_handshake(error, host)
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"no address is known for {host!r}: check how the name is written, and the network"
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        return f"nothing listens there: is the server of {host} running, and is the port right?"
    if isinstance(error, TimeoutError):
        return f"{host} does not answer: check the address, the network and firewalls"
    if isinstance(error, ConnectionError | EOFError):
        return f"{host} hung up before TLS was agreed on: is it a securechat server?"
    return f"cannot connect to {host}: {error}"


def is_final(error: BaseException) -> bool:
    """Tell whether trying again is of no use: the certificate was not accepted."""
    return isinstance(error, ssl.SSLCertVerificationError)


def _load_ca(context: ssl.SSLContext, ca: Path) -> None:
    try:
        pem = ca.read_bytes()
    except OSError as error:
        raise ConfigError(f"CA file {ca}: {error.strerror}; give the file that the server's admin sent you") from error
    try:
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"CA file {ca}: holds no certificate in PEM; is it the ca.pem of the server?") from error
    if not context.cert_store_stats()["x509"]:
        raise ConfigError(f"CA file {ca}: holds no certificate in PEM; is it the ca.pem of the server?")


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code in _WRONG_NAME:
        return (
            f"the certificate is for another name than {host!r}: use a name it was made for, or have one made for this"
        )
    if error.verify_code == _EXPIRED:
        return f"the certificate of {host} has expired: its admin must renew it (is this computer's clock right?)"
    if error.verify_code == _NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet: is this computer's clock right?"
    if error.verify_code in _UNKNOWN_ISSUER:
        return (
            f"the certificate of {host} is not from a CA that you trust: give the server's own CA file with --ca FILE"
        )
    return f"the certificate of {host} was not accepted: {error.verify_message}"


def _explain_handshake(error: ssl.SSLError, host: str) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return f"{host} does not speak TLS on this port: check the port"
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return f"{host} does not offer TLS 1.3, and nothing older is accepted"
    if "NO_APPLICATION_PROTOCOL" in reason:
        return f"{host} speaks TLS but not IRC on this port: check the port"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return f"{host} hung up before TLS was agreed on: is it a securechat server?"
    return f"the TLS handshake with {host} failed: {reason or error}"

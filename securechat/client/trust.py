"""Whom a client trusts: the CA and the host name are verified, always, and what went wrong is said in plain words."""

from __future__ import annotations

import errno
import socket
import ssl
from pathlib import Path
from typing import Final, NamedTuple

from securechat.errors import ConfigError, Fault, UnreachableError

GONE: Final = "try again in a minute; if it stays so, ask the server's admin"
NO_SERVER_OF_OURS: Final = "check that it is a securechat server on this port"

_FAULT_OF_CODE: Final = {
    9: Fault.NOT_YET_VALID,
    10: Fault.EXPIRED,
    **dict.fromkeys((2, 7, 18, 19, 20, 21, 30), Fault.UNKNOWN_CA),
    **dict.fromkeys((62, 63, 64), Fault.WRONG_NAME),
}
"""By X509_V_ERR_…, as `SSLCertVerificationError.verify_code` has them. (OpenSSL, x509_vfy.h)"""
_NOT_TLS: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "RECORD_LAYER_FAILURE",
        "PACKET_LENGTH_TOO_LONG",
        "UNEXPECTED_MESSAGE",
        "UNKNOWN_PROTOCOL",
        "BAD_RECORD_TYPE",
    }
)


class _Words(NamedTuple):
    cause: str
    remedy: str


_CERTIFICATE_WORDS: Final = {
    Fault.UNKNOWN_CA: _Words(
        "the certificate of {host} is not from a CA that you trust",
        "give the server's own CA file, which its admin has, with --ca FILE",
    ),
    Fault.WRONG_NAME: _Words(
        "the certificate is for another name than {host!r}",
        "use a name it was made for (--show-handshake lists them), or have its admin make one for this name",
    ),
    Fault.EXPIRED: _Words(
        "the certificate of {host} has expired",
        "have its admin renew it; if this computer's clock is wrong, set it",
    ),
    Fault.NOT_YET_VALID: _Words(
        "the certificate of {host} is not valid yet",
        "set this computer's clock; if it is right, ask the server's admin",
    ),
}


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


def explain(error: BaseException, host: str) -> UnreachableError:
    """Say in one line why no connection came about, in another what to do, and which fault it is.

    error: what connecting or the handshake raised.
    host: the name that was asked for.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, host)
    if isinstance(error, ssl.SSLError):
        return _explain_handshake(error, host)
    if isinstance(error, socket.gaierror | UnicodeError):
        return UnreachableError(f"no address is known for {host!r}", "check how the name is written, and the network")
    # Of several addresses that fail asyncio tells in words only.
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return UnreachableError("nothing listens there", f"check that the server of {host} runs, and the port")
    if isinstance(error, TimeoutError):
        return UnreachableError(f"{host} does not answer", "check the address, the port, the network and firewalls")
    if any(f"[Errno {number}]" in str(error) for number in (errno.EHOSTUNREACH, errno.ENETUNREACH)):
        return UnreachableError(f"there is no way to {host}", "check the network, and the address")
    if isinstance(error, ConnectionError | EOFError):
        return _hung_up(host)
    return UnreachableError(f"cannot connect to {host}: {error}", "check the address and the network")


def explain_loss(error: BaseException) -> UnreachableError:
    """Say in one line why a connection broke after the handshake, and in another what to do."""
    if getattr(error, "reason", None) == "TLSV13_ALERT_CERTIFICATE_REQUIRED":
        return UnreachableError(
            "the server wants a certificate of the client on this port, and this client has none",
            "ask the server's admin for the port on which one signs in by password",
        )
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "the stream ended"
    return UnreachableError(f"the connection broke ({reason})", GONE)


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


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str) -> UnreachableError:
    fault = _FAULT_OF_CODE.get(error.verify_code, Fault.CERTIFICATE)
    words = _CERTIFICATE_WORDS.get(fault)
    if words is None:
        return UnreachableError(
            f"the certificate of {host} was not accepted: {error.verify_message}",
            "tell the server's admin; --show-handshake prints the certificates",
            fault,
        )
    return UnreachableError(words.cause.format(host=host), words.remedy, fault)


def _explain_handshake(error: ssl.SSLError, host: str) -> UnreachableError:
    reason = getattr(error, "reason", None) or ""
    if reason in _NOT_TLS:
        return UnreachableError(
            f"{host} does not speak TLS on this port", "check the port; securechat's is 6697", Fault.NO_TLS
        )
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return UnreachableError(
            f"{host} does not offer TLS 1.3, and nothing older is accepted",
            "have its admin turn on TLS 1.3, and look out for a proxy between you and it",
            Fault.OLD_TLS,
        )
    if "NO_APPLICATION_PROTOCOL" in reason:
        return UnreachableError(f"{host} speaks TLS but not IRC on this port", "check the port; securechat's is 6697")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _hung_up(host)
    return UnreachableError(
        f"the TLS handshake with {host} failed: {reason or error}", "check the port, and ask the server's admin"
    )


def _hung_up(host: str) -> UnreachableError:
    return UnreachableError(
        f"{host} hung up before TLS was agreed on",
        f"{NO_SERVER_OF_OURS}; one with too many strangers at its door lets in more later",
    )

"""Certificates and keys as PEM files, read with one plain line for whatever may be wrong with them."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from securechat.errors import ConfigError


def is_present(path: Path) -> bool:
    """Tell whether a file exists.

    Raises:
        ConfigError: Its directory may not be entered.

    """
    try:
        return path.exists()
    except OSError as error:
        raise _refuse(path, error) from error


def load_certificate(path: Path) -> x509.Certificate:
    """Read the (first) certificate of a PEM file.

    Raises:
        ConfigError: The file is missing, unreadable or holds no certificate.

    """
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError:
        raise ConfigError(f"{path}: is not a certificate in PEM: put the right file back, or move it away") from None


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private key that has no passphrase.

    Raises:
        ConfigError: The file is missing, unreadable or holds no such key.

    """
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):
        raise ConfigError(f"{path}: is not a private key in PEM without a passphrase: put the right one back") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path}: is not an elliptic-curve key: put the one back that securechat made")
    return key


def encode_certificate(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def encode_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM (PKCS #8), without a passphrase: a server has to start by itself."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: is missing: put it back, or run `securechat-admin cert init`") from None
    except OSError as error:
        raise _refuse(path, error) from error


def _refuse(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: cannot be read ({error.strerror}): check its owner and mode")

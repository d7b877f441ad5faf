"""CAs whose certificates can be made anew, under the same key or another one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Root:
    """A CA certificate for `name`, and what it vouches for.

    signer: the key that signs the certificate instead of its own.
    """

    name: str = "a CA"
    key: ec.EllipticCurvePrivateKey = field(default_factory=make_key)
    begins: datetime = NOW - 10 * DAY
    ends: datetime = NOW + 100 * DAY
    is_ca: bool = True
    signer: ec.EllipticCurvePrivateKey | None = None

    def __post_init__(self) -> None:
        builder = self._begin(self.name, self.key.public_key(), self.begins, self.ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=self.is_ca, path_length=None), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
        self.der = builder.sign(self.signer or self.key, hashes.SHA256()).public_bytes(Encoding.DER)
        self.pem = ssl.DER_cert_to_PEM_cert(self.der).encode()

    def make_context(self, *names: str) -> ssl.SSLContext:
        """Return what a server speaks with, by a certificate of this CA."""
        key = make_key()
        builder = self._begin("a server", key.public_key(), NOW - DAY, NOW + DAY)
        hosts = x509.SubjectAlternativeName([x509.DNSName(name) for name in names or ("localhost",)])
        der = builder.add_extension(hosts, critical=False).sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["irc", "http/1.1"])
        chain = ssl.DER_cert_to_PEM_cert(der).encode()
        with trustme.Blob(secret).tempfile() as kept, trustme.Blob(chain).tempfile() as shown:
            context.load_cert_chain(shown, kept)
        return context

    def _begin(
        self, subject: str, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )

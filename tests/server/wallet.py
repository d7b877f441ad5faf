"""Client certificates for the tests: an authority of their own, and a server's listener that asks for them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securechat.pki.authority import Authority
from securechat.pki.pairs import write_new_pair
from securechat.pki.pem import encode_certificate
from securechat.pki.signing import Issued, sign_leaf
from securechat.server.tls import Demand, build_context
from tests.server.harness import RawClient, RunningServer
from tests.server.webclient import open_web

Pair = tuple[Path, Path]


class Wallet:
    """Makes certificates; those that are on record are put there by the test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = Authority.create("people", now=datetime.now(UTC))
        self._count = 0

    @property
    def ca(self) -> bytes:
        return encode_certificate(self._authority.certificate)

    def issue(
        self,
        *uris: str,
        begins: timedelta = timedelta(),
        lasts: timedelta = timedelta(days=1),
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> tuple[Pair, Issued]:
        """Make a certificate that names these URIs."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bob")])
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        now = datetime.now(UTC) + begins
        issued = sign_leaf(
            self._authority.certificate,
            self._authority.key,
            subject,
            purpose,
            names,
            now=now,
            days=lasts / timedelta(days=1),  # type: ignore[arg-type]
        )
        self._count += 1
        certificate, key = write_new_pair(self._directory, issued, f"{self._count}.pem", f"{self._count}.key")
        return (certificate, key), issued

    def issue_for(self, server: RunningServer, name: str, **options: timedelta) -> tuple[Pair, Issued]:
        """Make a certificate that names an account."""
        account = server.node.world.directory.account_named(name)
        assert account is not None
        return self.issue(f"securechat:account:{account.id}", **options)


def ask_for_certificates(server: RunningServer, directory: Path, wallet: Wallet, demand: Demand) -> None:
    """Have whoever connects from now on asked for a certificate."""
    pair = directory / "server.pem", directory / "server.key"
    server.listener.context = build_context(*pair, demand=demand, client_ca=wallet.ca)


def trust_and_show(server: RunningServer, pair: Pair | None, alpn: Sequence[str] = ("irc",)) -> ssl.SSLContext:
    """Return a client's context that trusts the server and shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.ca.configure_trust(context)
    context.set_alpn_protocols(alpn)
    if pair is not None:
        context.load_cert_chain(*pair)
    return context


async def connect(server: RunningServer, pair: Pair | None, way: str = "irc") -> RawClient:
    """Open a connection that shows a certificate and has said nothing yet; by "irc" or "web"."""
    if way == "web":
        return await open_web(server, "text.ircv3.net", ssl=trust_and_show(server, pair, ("http/1.1",)))
    context = trust_and_show(server, pair)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname="localhost", limit=1 << 20
    )
    server.clients.append(RawClient(reader, writer))
    return server.clients[-1]

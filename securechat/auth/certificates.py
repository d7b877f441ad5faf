"""What a client certificate says: which account it is for, its serial, until when it holds.

The account is named by its id in a URI (`securechat:account:<id>`), which stays the same when the account is renamed;
the common name is for people to read and counts for nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from securechat.chat.certificates import PeerCertificate
from securechat.wire.names import ACCOUNT_URI


def read_certificate(shown: Mapping[str, Any] | None) -> PeerCertificate | None:
    """Return what a certificate says, None where there is none.

    shown: as `SSLSocket.getpeercert` returns it, empty or None where the client gave none. Only what a handshake has
    verified may be read. A certificate that names several accounts names none.
    """
    if not shown:
        return None
    uris = [value for kind, value in shown.get("subjectAltName", ()) if kind == "URI"]
    accounts = [uri.removeprefix(ACCOUNT_URI) for uri in uris if uri.startswith(ACCOUNT_URI)]
    expires = int(ssl.cert_time_to_seconds(shown["notAfter"])) * 1000
    return PeerCertificate(f"{int(shown['serialNumber'], 16):x}", accounts[0] if len(accounts) == 1 else "", expires)

"""What is read out of a client certificate, and when it is good no more."""

from __future__ import annotations

from typing import Any

import pytest

from securechat.auth.certificates import read_certificate
from securechat.chat.certificates import PeerCertificate, fault_of

# As `SSLSocket.getpeercert` has it, of a certificate made by `cert issue client`.
SHOWN = {
    "subject": ((("commonName", "alice"),),),
    "issuer": ((("commonName", "securechat CA chat.example.org"),),),
    "version": 3,
    "serialNumber": "0F12C6800441F8F75D65DAED585D3031AA33E771",
    "notBefore": "Nov 22 21:06:53 2026 GMT",
    "notAfter": "Feb 20 21:11:53 2027 GMT",
    "subjectAltName": (("URI", "securechat:account:4hr3vyatqmqpj6wt"),),
}
SERIAL = "f12c6800441f8f75d65daed585d3031aa33e771"
ENDS = 1_803_157_913_000


def with_names(*names: tuple[str, str]) -> dict[str, Any]:
    return {**SHOWN, "subjectAltName": names}


@pytest.mark.parametrize(
    ("shown", "account"),
    [
        (SHOWN, "4hr3vyatqmqpj6wt"),
        (with_names(), ""),
        ({key: value for key, value in SHOWN.items() if key != "subjectAltName"}, ""),
        (with_names(("DNS", "securechat:account:1")), ""),
        (with_names(("URI", "https://example.org/securechat:account:1")), ""),
        (with_names(("URI", "SECURECHAT:account:1")), ""),
        (with_names(("DNS", "a.org"), ("URI", "https://a.org"), ("URI", "securechat:account:1")), "1"),
        (with_names(("URI", "securechat:account:1"), ("URI", "securechat:account:2")), ""),
    ],
)
def test_the_account_is_the_one_that_the_only_uri_of_its_kind_names(shown: dict[str, Any], account: str) -> None:
    assert read_certificate(shown) == PeerCertificate(SERIAL, account, ENDS)


@pytest.mark.parametrize("shown", [None, {}])
def test_who_shows_nothing_or_nothing_verified_has_none(shown: dict[str, Any] | None) -> None:
    assert read_certificate(shown) is None


@pytest.mark.parametrize(
    ("revoked", "now", "fault"),
    [
        ({}, ENDS - 1, None),
        ({"f12": 1}, ENDS - 1, None),
        ({}, ENDS, "your certificate has expired"),
        ({SERIAL: 1}, 0, "your certificate was revoked"),
        ({SERIAL: 1}, ENDS, "your certificate was revoked"),
    ],
)
def test_it_is_good_until_it_is_revoked_or_over(revoked: dict[str, int], now: int, fault: str | None) -> None:
    assert fault_of(PeerCertificate(SERIAL, "1", ENDS), revoked, now) == fault

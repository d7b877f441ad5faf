from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from securechat.errors import ConfigError
from securechat.pki import authority, signing
from securechat.pki.pem import load_certificate
from tests.pki.handshake import NAMES, NOW, STRICT, read_all, shake


def openssl(*arguments: str | Path) -> str:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


# What clients accept


@pytest.mark.parametrize("host", ["chat.example.org", "127.0.0.1", "::1"])
@pytest.mark.parametrize("flags", [None, STRICT], ids=["usual", "strict"])
def test_a_client_that_has_the_ca_accepts_every_name(made: Path, host: str, flags: ssl.VerifyFlags | None) -> None:
    assert shake(made, host, flags=flags) == "TLSv1.3"


@pytest.mark.parametrize("host", ["example.org", "other.example.org", "127.0.0.2", "localhost"])
def test_a_client_refuses_another_name(made: Path, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(Hostname|IP address) mismatch"):
        shake(made, host)


def test_a_client_refuses_another_ca_even_of_the_same_name(made: Path, tmp_path: Path) -> None:
    authority.init(tmp_path / "other", NAMES, now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(made, "chat.example.org", ca=tmp_path / "other" / "ca.pem")


def test_a_client_refuses_a_certificate_that_has_run_out(tmp_path: Path) -> None:
    authority.init(tmp_path, NAMES, now=NOW - timedelta(days=90, minutes=1))
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        shake(tmp_path, "chat.example.org")


def test_strict_checking_refuses_a_certificate_without_an_authority_key_identifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the strict check: a certificate that only the strict flag refuses."""
    real = x509.CertificateBuilder.add_extension

    def leave_out(
        self: x509.CertificateBuilder, extension: x509.ExtensionType, critical: bool
    ) -> x509.CertificateBuilder:
        return self if isinstance(extension, x509.AuthorityKeyIdentifier) else real(self, extension, critical)

    monkeypatch.setattr(x509.CertificateBuilder, "add_extension", leave_out)
    authority.init(tmp_path, NAMES, now=NOW)
    assert shake(tmp_path, "chat.example.org", flags=ssl.VERIFY_X509_PARTIAL_CHAIN) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="Missing Authority Key Identifier"):
        shake(tmp_path, "chat.example.org", flags=STRICT)


def test_openssl_accepts_the_chain_and_shows_what_we_say_of_it(made: Path) -> None:
    ca, server = made / "ca.pem", made / "server.pem"
    checks = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca)
    assert openssl(*checks, "-verify_hostname", "chat.example.org", server) == f"{server}: OK\n"
    assert openssl(*checks, "-verify_ip", "::1", server) == f"{server}: OK\n"
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*checks, "-verify_hostname", "other.example.org", server)
    printed = openssl("x509", "-in", server, "-noout", "-fingerprint", "-sha256").strip()
    known = authority.facts(server, now=NOW)
    assert printed.split("=")[1] == known.fingerprint == authority.fingerprint(server.read_bytes())
    text = openssl("x509", "-in", server, "-noout", "-text")
    assert "DNS:chat.example.org, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1" in text
    assert "TLS Web Server Authentication\n" in text
    assert "ASN1 OID: prime256v1" in text
    ca_text = openssl("x509", "-in", ca, "-noout", "-text")
    assert "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0" in ca_text
    assert "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign" in ca_text


def test_a_name_too_long_for_a_common_name_is_served_all_the_same(tmp_path: Path) -> None:
    host = "a" * 40 + "." + "b" * 40 + ".example.org"
    authority.init(tmp_path, [host], now=NOW)
    assert shake(tmp_path, host, flags=STRICT) == "TLSv1.3"


# What is in them


def test_the_dates_are_those_promised(tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)
    authority.init(tmp_path, NAMES, now=now)
    leaf, ca = (authority.facts(tmp_path / name, now=now) for name in ("server.pem", "ca.pem"))
    assert leaf.not_before == ca.not_before == datetime(2026, 3, 1, 11, 55, tzinfo=UTC)
    assert leaf.not_after == datetime(2026, 5, 30, 12, 0, tzinfo=UTC)
    assert ca.not_after == datetime(2036, 2, 27, 12, 0, tzinfo=UTC)
    assert leaf.days_left == 89
    assert authority.facts(tmp_path / "server.pem", now=leaf.not_after).days_left == 0
    assert leaf.names == ("chat.example.org", "127.0.0.1", "::1")
    assert (leaf.subject, leaf.issuer) == ("CN=chat.example.org", "CN=securechat CA chat.example.org")


def test_a_certificate_ends_with_its_authority_and_none_comes_after_it() -> None:
    born = datetime(2026, 1, 1, tzinfo=UTC)
    ours = authority.Authority.create("ours", now=born)
    last_week = born + timedelta(days=3643)
    leaf = x509.load_pem_x509_certificate(authority.issue_server(ours, ["a.org"], now=last_week).certificate_pem)
    assert leaf.not_valid_after_utc == ours.certificate.not_valid_after_utc
    with pytest.raises(ConfigError, match="the authority expired on 2035-12-30"):
        authority.issue_server(ours, ["a.org"], now=born + timedelta(days=3650))


def test_nothing_is_signed_by_a_clock_from_before_this_version(monkeypatch: pytest.MonkeyPatch) -> None:
    release = datetime(2026, 11, 21, tzinfo=UTC)
    monkeypatch.setattr(signing, "EARLIEST", release)
    early = release - timedelta(seconds=1)
    ours = authority.Authority.create("ours", now=release)
    for sign in (
        lambda now: authority.Authority.create("ours", now=now),
        lambda now: authority.issue_server(ours, ["a.org"], now=now),
        lambda now: authority.issue_client(ours, "alice", "1", now=now),
        lambda now: signing.sign_revocations(ours.certificate, ours.key, {}, now=now, days=7),
    ):
        with pytest.raises(ConfigError, match="the clock shows 2026-11-20, before this version was made"):
            sign(early)
        sign(release)


def test_a_list_of_revoked_certificates_is_believed_by_openssl(made: Path, tmp_path: Path) -> None:
    kept, gone = (
        authority.enrol(made, name, name, out=tmp_path / name, now=NOW, note=lambda _: None) for name in ("kim", "lee")
    )
    serial = load_certificate(gone[0]).serial_number
    (tmp_path / "crl.pem").write_bytes(authority.revocations(made, {serial: NOW}, now=NOW, days=7))
    checks = ("verify", "-crl_check", "-x509_strict", "-CAfile", made / "ca.pem", "-CRLfile", tmp_path / "crl.pem")
    assert openssl(*checks, kept[0]) == f"{kept[0]}: OK\n"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        openssl(*checks, gone[0])
    assert "certificate revoked" in refused.value.stderr


def test_serials_and_keys_are_never_the_same() -> None:
    ours = authority.Authority.create("ours", now=NOW)
    issued = [authority.issue_server(ours, ["a.org"], now=NOW) for _ in range(5)]
    leaves = [x509.load_pem_x509_certificate(one.certificate_pem) for one in issued]
    assert len({leaf.serial_number for leaf in leaves}) == 5
    assert len({one.key_pem for one in issued}) == 5
    assert min(leaf.serial_number for leaf in leaves) > 2**64


def test_no_key_shows_in_a_repr(made: Path) -> None:
    ours = authority.Authority.load(made)
    issued = authority.issue_server(ours, ["a.org"], now=NOW)
    assert "PRIVATE" not in repr(issued)
    assert "key" not in repr(ours).lower().replace("public_key", "")


# Name constraints


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (["example.org"], ["example.org", "chat.example.org"], ["badexample.org", "example.com", "127.0.0.1", "::1"]),
        (["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2", "::1", "example.org"]),
        (["localhost", "::1"], ["localhost", "::1"], ["127.0.0.1", "example.org", "::2"]),
    ],
)
def test_a_constrained_authority_issues_what_clients_accept_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: list[str], inside: list[str], outside: list[str]
) -> None:
    authority.init(tmp_path, allowed, now=NOW, constrain=allowed)
    for name in inside:
        authority.issue(tmp_path, [name], out=tmp_path / name, now=NOW)
        assert shake(tmp_path / name, name, ca=tmp_path / "ca.pem", flags=STRICT) == "TLSv1.3"
    for name in outside:
        with pytest.raises(ConfigError, match="constrained to other names than"):
            authority.issue(tmp_path, [name], out=tmp_path / name, now=NOW)
        assert not (tmp_path / name).exists()
    # Even if we did, no client would accept it.
    monkeypatch.setattr(authority, "require_able", lambda *_: None)
    for name in outside:
        authority.issue(tmp_path, [name], out=tmp_path / name, now=NOW)
        with pytest.raises(ssl.SSLCertVerificationError, match=r"(permitted|excluded) subtree violation"):
            shake(tmp_path / name, name, ca=tmp_path / "ca.pem")


def test_an_authority_is_not_constrained_unless_asked_for(made: Path) -> None:
    with pytest.raises(x509.ExtensionNotFound):
        load_certificate(made / "ca.pem").extensions.get_extension_for_class(x509.NameConstraints)


def test_an_existing_authority_cannot_be_constrained_afterwards(made: Path) -> None:
    before = read_all(made)
    with pytest.raises(ConfigError, match="exists and keeps its constraints"):
        authority.init(made, NAMES, now=NOW, constrain=NAMES)
    assert read_all(made) == before

"""Certificates for people: whom they name, what they are good for, and what a server makes of them."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from securechat.errors import ConfigError
from securechat.pki import authority
from securechat.pki.pem import load_certificate
from securechat.pki.signing import Issued
from tests.pki.handshake import NAMES, NOW, STRICT, read_all, shake, show_certificate


def enrol(directory: Path, name: str, *, out: Path, now: datetime) -> list[Path]:
    return authority.enrol(directory, name, "4hr3vyatqmqpj6wt", out=out, now=now, note=lambda _: None)


def test_it_names_the_account_is_for_clients_alone_and_lasts_90_days(made: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    written = enrol(made, "alice", out=tmp_path / "alice", now=now)
    assert written == [tmp_path / "alice" / "alice.pem", tmp_path / "alice" / "alice.key"]
    certificate = load_certificate(written[0])
    assert certificate.subject.rfc4514_string() == "CN=alice"
    assert [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["alice"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    (uri,) = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert uri == x509.UniformResourceIdentifier("securechat:account:4hr3vyatqmqpj6wt")
    assert certificate.not_valid_after_utc == now + timedelta(days=90)
    known = authority.facts(written[0], now=now)
    assert (known.kind, known.names, known.days_left) == ("client", (), 90)
    assert [authority.facts(made / name, now=now).kind for name in ("ca.pem", "server.pem")] == ["authority", "server"]


def test_its_key_is_private_from_the_first_moment(made: Path, tmp_path: Path) -> None:
    enrol(made, "alice", out=tmp_path / "alice", now=NOW)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "alice").iterdir()}
    assert modes == {"alice.pem": 0o644, "alice.key": 0o600}
    assert stat.S_IMODE((tmp_path / "alice").stat().st_mode) == 0o700


@pytest.mark.parametrize("constrain", [None, NAMES])
def test_a_server_that_asks_for_certificates_learns_the_name(tmp_path: Path, constrain: list[str] | None) -> None:
    authority.init(tmp_path, NAMES, now=NOW, constrain=constrain)
    pair = enrol(tmp_path, "alice", out=tmp_path / "alice", now=NOW)
    assert show_certificate(tmp_path, *pair, flags=STRICT) == "alice"


def test_a_server_refuses_one_of_another_authority_one_that_ran_out_and_a_servers(made: Path, tmp_path: Path) -> None:
    authority.init(tmp_path / "other", NAMES, now=NOW)
    foreign = enrol(tmp_path / "other", "alice", out=tmp_path / "foreign", now=NOW)
    old = enrol(made, "alice", out=tmp_path / "old", now=NOW - timedelta(days=90, minutes=1))
    for pair in (foreign, old, [made / "server.pem", made / "server.key"]):
        with pytest.raises(ssl.SSLCertVerificationError):
            show_certificate(made, *pair)


def test_it_serves_nobody_as_a_server(made: Path, tmp_path: Path) -> None:
    certificate, key = enrol(made, "alice", out=tmp_path / "alice", now=NOW)
    (made / "server.pem").write_bytes(certificate.read_bytes())
    (made / "server.key").write_bytes(key.read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(made, "alice")


@pytest.mark.parametrize("name", ["", "1st", "al ice", "alice@example.org", "a/b", "../alice", "x" * 33, "älice"])
def test_what_is_no_account_name_gets_none(made: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be an account's name: a letter, then up to 31 letters"):
        enrol(made, name, out=tmp_path / "out", now=NOW)
    assert not (tmp_path / "out").exists()


def test_one_that_exists_is_left_alone_and_so_is_the_authority(made: Path, tmp_path: Path) -> None:
    enrol(made, "alice", out=tmp_path / "alice", now=NOW)
    before = read_all(tmp_path / "alice")
    with pytest.raises(ConfigError, match=r"alice\.pem: exists already: move it away or choose another directory"):
        enrol(made, "alice", out=tmp_path / "alice", now=NOW)
    assert read_all(tmp_path / "alice") == before
    ours = read_all(made)
    with pytest.raises(ConfigError, match=r"ca\.pem: exists already"):
        enrol(made, "ca", out=made, now=NOW)
    assert read_all(made) == ours


def test_it_is_on_record_before_anybody_can_have_it(made: Path, tmp_path: Path) -> None:
    noted: list[Issued] = []

    def note(issued: Issued) -> None:
        noted.append(issued)
        raise ConfigError("the record cannot be kept")

    with pytest.raises(ConfigError, match="the record cannot be kept"):
        authority.enrol(made, "alice", "1", out=tmp_path / "alice", now=NOW, note=note)
    assert list((tmp_path / "alice").iterdir()) == []
    made_of = x509.load_pem_x509_certificate(noted[0].certificate_pem)
    assert (int(noted[0].serial, 16), noted[0].not_after) == (made_of.serial_number, made_of.not_valid_after_utc)

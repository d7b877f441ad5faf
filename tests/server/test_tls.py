"""Server contexts: what they refuse, and that a restriction which does not hold is noticed."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from securechat.errors import ConfigError
from securechat.server.tls import build_context, check_context, may_be_tls, restrict_groups
from tests.server.loopback import AUTHORITY, LEAF, write_pair

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_pair(tmp_path / "certs")


def make_unrestricted_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    LEAF.configure_cert(context)
    return context


def test_a_context_speaks_tls_1_3_alone_and_hands_out_no_tickets(pair: tuple[Path, Path]) -> None:
    context = build_context(*pair)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.num_tickets == 0
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_tls_1_2_when_allowed_has_forward_secrecy_and_authenticated_ciphers_only(pair: tuple[Path, Path]) -> None:
    context = build_context(*pair, allow_tls12=True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert {cipher["name"] for cipher in context.get_ciphers()} == {
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    }


def test_the_check_takes_a_moment_only(pair: tuple[Path, Path]) -> None:
    context = build_context(*pair)
    began = time.process_time()
    check_context(context)
    assert time.process_time() - began < 0.1


def test_a_context_without_the_restriction_of_groups_fails_the_check() -> None:
    with pytest.raises(ConfigError, match="secp521r1 is accepted"):
        check_context(make_unrestricted_context())


@pytest.mark.parametrize("group", ["secp384r1", "secp256k1"])
def test_a_context_that_ordinary_clients_cannot_use_fails_the_check(group: str) -> None:
    context = make_unrestricted_context()
    context.set_ecdh_curve(group)
    with pytest.raises(ConfigError, match="TLS check"):
        check_context(context)


class ContextOfDebian12(ssl.SSLContext):
    """Knows the curves that have an old name, and X25519 not, as Python 3.11.2 does."""

    def set_ecdh_curve(self, name: str) -> None:
        if name == "X25519":
            raise ssl.SSLError("[EC: UNKNOWN_GROUP] unknown group")
        super().set_ecdh_curve(name)


def test_a_python_that_cannot_name_x25519_serves_with_p_256() -> None:
    context = ContextOfDebian12(ssl.PROTOCOL_TLS_SERVER)
    LEAF.configure_cert(context)
    restrict_groups(context)
    check_context(context)


class ContextOfLaterPythons:
    """Has `set_groups`, and knows the hybrid group or does not."""

    def __init__(self, *, hybrid: bool) -> None:
        self.groups = ""
        self._hybrid = hybrid

    def set_groups(self, groups: str) -> None:
        if "MLKEM" in groups and not self._hybrid:
            raise ssl.SSLError("no such group")
        self.groups = groups


@pytest.mark.parametrize(("hybrid", "groups"), [(True, "X25519MLKEM768:X25519:P-256"), (False, "X25519:P-256")])
def test_where_several_groups_can_be_set_the_hybrid_one_comes_first(hybrid: bool, groups: str) -> None:
    context = ContextOfLaterPythons(hybrid=hybrid)
    restrict_groups(context)  # type: ignore[arg-type]
    assert context.groups == groups


def encrypt(key: Path) -> None:
    private = load_pem_private_key(key.read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))


def test_a_certificate_that_is_missing_is_named(pair: tuple[Path, Path]) -> None:
    pair[0].unlink()
    with pytest.raises(ConfigError) as caught:
        build_context(*pair)
    assert str(caught.value) == (
        f"{pair[0]}: no such file or directory - name a certificate that can be read with --cert"
    )


def test_a_key_that_cannot_be_read_is_named(pair: tuple[Path, Path]) -> None:
    pair[1].unlink()
    pair[1].mkdir()
    with pytest.raises(ConfigError) as caught:
        build_context(*pair)
    assert str(caught.value) == f"{pair[1]}: is a directory - name a private key that can be read with --key"


@pytest.mark.parametrize(("which", "what"), [(0, "certificate"), (1, "private key")])
def test_a_file_that_is_no_pem_is_named(pair: tuple[Path, Path], which: int, what: str) -> None:
    pair[which].write_bytes(b"\x30\x82\x01\x0anot PEM")
    with pytest.raises(ConfigError, match=f"no PEM {what} in it") as caught:
        build_context(*pair)
    assert str(caught.value).startswith(f"{pair[which]}: ")


@pytest.mark.parametrize("which", [0, 1])
def test_pem_with_nonsense_in_it_is_refused_in_one_line(pair: tuple[Path, Path], which: int) -> None:
    lines = pair[which].read_text().splitlines()
    pair[which].write_text("\n".join([lines[0], "AAAA", lines[-1]]) + "\n")
    with pytest.raises(ConfigError) as caught:
        build_context(*pair)
    assert str(pair[which]) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [trustme.KeyType.ECDSA, trustme.KeyType.RSA])
def test_the_key_of_another_certificate_is_refused(
    pair: tuple[Path, Path], tmp_path: Path, kind: trustme.KeyType
) -> None:
    other = write_pair(tmp_path / "other", AUTHORITY.issue_cert("localhost", key_type=kind))
    with pytest.raises(ConfigError) as caught:
        build_context(pair[0], other[1])
    assert str(caught.value) == f"{other[1]}: not the key of {pair[0]} - name the two that belong together"


def test_an_encrypted_key_is_refused_without_asking_for_its_password(
    pair: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    encrypt(pair[1])
    with pytest.raises(ConfigError) as caught:
        build_context(*pair)
    assert str(caught.value) == f"{pair[1]}: the private key is encrypted - decrypt it, or name another with --key"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"\x16\x03\x01", True),
        (b"\x16\x03\x03", True),
        (b"\x16\x03", True),
        (b"\x16", True),
        (b"", False),
        (b"\x16\x03H", False),
        (b"\x16\x02\x01", False),
        (b"\x16H", False),
        (b"NIC", False),
        (b"GET", False),
        (b"\x15\x03\x01", False),
        (b"\x80\x2e\x01", False),
        ("Ä\x01".encode(), False),
    ],
)
def test_tls_is_told_by_its_first_bytes(start: bytes, answer: bool) -> None:
    assert may_be_tls(start) is answer

"""Looking at a handshake: what is told is true, and nothing is sent."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from securechat.client import handshake
from securechat.client.address import Address
from securechat.client.handshake import NOT_TOLD, look_at, read_group
from securechat.client.trust import build_context
from securechat.errors import Fault, UnreachableError
from tests.client.tlsserver import YESTERDAY, Counter, make_context, serving, speak_plainly, speak_tls

ROOT = Path(__file__).parents[2]


def der_of(pem: trustme.Blob) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.bytes().decode())


@pytest.mark.parametrize("shows_authority", [False, True])
def test_what_was_agreed_on_is_told_and_nothing_is_sent(
    authority: trustme.CA, ca_file: Path, shows_authority: bool
) -> None:
    with serving(speak_tls(make_context(authority, shows_authority=shows_authority))) as server:
        handshake = look_at(Address("localhost", server.port), build_context(ca_file))
    assert handshake.failure is None
    assert (handshake.protocol, handshake.suite, handshake.bits) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
    assert (handshake.alpn, handshake.peer) == ("irc", "127.0.0.1")
    assert handshake.group in ("X25519", "X25519MLKEM768")
    assert len(handshake.chain) == 1 + shows_authority
    assert (der_of(authority.cert_pem) in handshake.chain) is shows_authority
    assert (server.visits, server.said) == (1, b"")


@pytest.mark.parametrize("group", ["X25519", "prime256v1", "secp384r1"])
def test_the_group_is_the_one_that_the_server_chose(authority: trustme.CA, ca_file: Path, group: str) -> None:
    context = make_context(authority)
    try:
        context.set_ecdh_curve(group)
    except ssl.SSLError:
        pytest.skip(f"this Python cannot choose {group}")
    with serving(speak_tls(context)) as server:
        handshake = look_at(Address("localhost", server.port), build_context(ca_file))
    assert handshake.group == {"prime256v1": "P-256", "secp384r1": "P-384"}.get(group, group)


FAULTS = [
    ({"names": ("elsewhere.example",)}, Fault.WRONG_NAME),
    ({"not_after": YESTERDAY}, Fault.EXPIRED),
    ({"newest": ssl.TLSVersion.TLSv1_2}, Fault.OLD_TLS),
]


@pytest.mark.parametrize(("options", "fault"), FAULTS)
def test_a_failed_check_is_told_with_the_certificates_and_nothing_is_sent_on_either_connection(
    authority: trustme.CA, ca_file: Path, options: dict[str, object], fault: Fault
) -> None:
    options = dict(options)
    names = options.pop("names", ())
    context = make_context(authority, *names, shows_authority=True, **options)  # type: ignore[arg-type, misc]
    with serving(speak_tls(context)) as server:
        handshake = look_at(Address("localhost", server.port), build_context(ca_file))
    assert handshake.failure is not None
    assert handshake.failure.fault is fault
    assert len(handshake.chain) == 2
    assert handshake.protocol == ("TLSv1.2" if fault is Fault.OLD_TLS else "TLSv1.3")
    assert (server.visits, server.said) == (2, b"")


def test_an_unknown_ca_is_shown_and_nothing_is_sent(ca_file: Path) -> None:
    stranger = trustme.CA()
    with serving(speak_tls(make_context(stranger, shows_authority=True))) as server:
        handshake = look_at(Address("localhost", server.port), build_context(ca_file))
    assert handshake.failure is not None
    assert handshake.failure.fault is Fault.UNKNOWN_CA
    assert handshake.chain[1] == der_of(stranger.cert_pem)
    assert server.said == b""


def test_control_what_is_said_after_a_handshake_is_counted(authority: trustme.CA, ca_file: Path) -> None:
    with (
        serving(speak_tls(make_context(authority))) as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        build_context(ca_file).wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"hello")
    assert server.said == b"hello"


def test_where_there_is_no_tls_there_is_nothing_to_look_at(ca_file: Path) -> None:
    with serving(speak_plainly(b"220 mail.example ESMTP\r\n")) as server, pytest.raises(UnreachableError) as raised:
        look_at(Address("localhost", server.port), build_context(ca_file))
    assert raised.value.fault is Fault.NO_TLS


HELLO = "160303003a02000036" + "0303" + "11" * 32 + "00" + "1301" + "00" + "000e" + "002b00020304" + "00330004001d0000"
RECORDS = [
    (bytes.fromhex(HELLO), "X25519"),
    (bytes.fromhex(HELLO.replace("001d0000", "eeee0000")), "0xeeee"),
    (bytes.fromhex(HELLO + HELLO.replace("001d0000", "00170000")), "P-256"),
    (bytes.fromhex(HELLO)[:40], NOT_TOLD),
    (b"", NOT_TOLD),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10, NOT_TOLD),
    (b"\x16\x03\x03\x00\x00" * 1000, NOT_TOLD),
    (b"\x16\x03\x03\xff\xff\x02\xff\xff\xff" + b"\xff" * 100, NOT_TOLD),
]


@pytest.mark.parametrize(("received", "group"), RECORDS)
def test_the_group_is_read_from_whatever_a_server_sends(received: bytes, group: str) -> None:
    assert read_group(received) == group


def test_nowhere_else_is_a_certificate_accepted_unseen() -> None:
    sources = [*(ROOT / "securechat" / "client").rglob("*.py"), *(ROOT / "securechat" / "plain").rglob("*.py")]
    careless = ("CERT_NONE", "CERT_OPTIONAL", "check_hostname = False", "_create_unverified_context")
    named = {path.name for path in sources if any(word in path.read_text("utf-8") for word in careless)}
    assert named == {"handshake.py"}
    used = {path.name for path in sources if "build_looking_context" in path.read_text("utf-8")}
    assert used == {"handshake.py", "authority.py"}


def test_a_server_that_drips_is_not_waited_for_longer_than_one_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, ca_file: Path
) -> None:
    monkeypatch.setattr(handshake, "PATIENCE", 0.3)
    gave_up = threading.Event()

    def drip(_: Counter, connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while not gave_up.wait(0.002):
            connection.sendall(b"\x02")

    with serving(drip) as server:
        with pytest.raises(UnreachableError, match="does not answer"):
            look_at(Address("localhost", server.port), build_context(ca_file))
        gave_up.set()

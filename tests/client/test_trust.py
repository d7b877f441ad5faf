"""Whom a client trusts, and how it says that it does not."""

from __future__ import annotations

import socket
import ssl
from datetime import datetime
from pathlib import Path

import pytest
import trustme

from securechat.client.trust import build_context, explain, explain_loss, is_final
from securechat.errors import ConfigError, Fault
from tests.client.tlsserver import TOMORROW, YESTERDAY


def fail_handshake(
    authority: trustme.CA,
    trusted: ssl.SSLContext,
    host: str = "localhost",
    *,
    version: ssl.TLSVersion | None = None,
    begins: datetime | None = None,
    expires: datetime | None = None,
) -> ssl.SSLError:
    """Return what a client's handshake in memory raises."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version is not None:
        server.maximum_version = version
    authority.issue_cert("localhost", not_before=begins, not_after=expires).configure_cert(server)
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    ends = [
        trusted.wrap_bio(pipes[0], pipes[1], server_hostname=host),
        server.wrap_bio(pipes[1], pipes[0], server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                if end is ends[0]:
                    return error
    raise AssertionError("the handshake succeeded")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return build_context(tmp_path / "ca.pem")


def test_a_context_verifies_and_speaks_nothing_older_than_tls_1_3(trusted: ssl.SSLContext) -> None:
    for context in (trusted, build_context(None)):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert trusted.cert_store_stats()["x509"] == 1


def test_control_a_handshake_that_should_succeed_does(authority: trustme.CA, trusted: ssl.SSLContext) -> None:
    with pytest.raises(AssertionError, match="the handshake succeeded"):
        fail_handshake(authority, trusted)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "No such file"),
        (b"", "no certificate"),
        (b"hello\n", "no certificate"),
        (b"\xff\xfe", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate"),
    ],
)
def test_a_ca_file_that_is_none_is_one_plain_line(tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        build_context(path)
    assert word in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_key_or_a_directory_is_no_ca_file(tmp_path: Path, authority: trustme.CA) -> None:
    authority.issue_cert("localhost").private_key_pem.write_to_path(str(tmp_path / "ca.pem"))
    for path in (tmp_path, tmp_path / "ca.pem"):
        with pytest.raises(ConfigError):
            build_context(path)


def test_each_fault_of_a_certificate_is_named_with_its_remedy(authority: trustme.CA, trusted: ssl.SSLContext) -> None:
    faults = [
        (fail_handshake(trustme.CA(), trusted), Fault.UNKNOWN_CA, "not from a CA that you trust", "--ca FILE"),
        (
            fail_handshake(authority, trusted, "elsewhere"),
            Fault.WRONG_NAME,
            "another name than 'elsewhere'",
            "made for",
        ),
        (
            fail_handshake(authority, trusted, "127.0.0.1"),
            Fault.WRONG_NAME,
            "another name than '127.0.0.1'",
            "made for",
        ),
        (fail_handshake(authority, trusted, expires=YESTERDAY), Fault.EXPIRED, "has expired", "renew"),
        (fail_handshake(authority, trusted, begins=TOMORROW), Fault.NOT_YET_VALID, "not valid yet", "clock"),
    ]
    for error, fault, cause, remedy in faults:
        said = explain(error, cause.split("'")[1] if "'" in cause else "localhost")
        assert said.fault is fault
        assert cause in str(said)
        assert remedy in said.remedy
        assert is_final(error)


def test_a_fault_that_has_no_words_of_its_own_is_told_in_those_of_openssl() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 79, "invalid CA certificate"
    said = explain(error, "localhost")
    assert said.fault is Fault.CERTIFICATE
    assert str(said) == "the certificate of localhost was not accepted: invalid CA certificate"


def test_an_older_tls_is_named(authority: trustme.CA, trusted: ssl.SSLContext) -> None:
    error = fail_handshake(authority, trusted, version=ssl.TLSVersion.TLSv1_2)
    said = explain(error, "localhost")
    assert str(said) == "localhost does not offer TLS 1.3, and nothing older is accepted"
    assert said.fault is Fault.OLD_TLS
    assert not is_final(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1)"), "nothing listens there"),
        (socket.gaierror(-2, "Name or service not known"), "no address is known for 'chat.example'"),
        (UnicodeError("label empty or too long"), "no address is known for 'chat.example'"),
        (TimeoutError(), "does not answer"),
        (ConnectionResetError(104, "reset"), "hung up before TLS"),
        (ssl.SSLEOFError(8, "EOF"), "hung up before TLS"),
        (TimeoutError(110, "Connect call failed ('10.0.0.1', 6697)"), "does not answer"),
        (OSError(101, "Network is unreachable"), "there is no way to chat.example"),
        (OSError(113, "Connect call failed ('10.0.0.1', 6697)"), "there is no way to chat.example"),
        (OSError("Multiple exceptions: [Errno 101] Connect call failed ('::1', 1), [Errno 113] …"), "there is no way"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_each_way_of_not_arriving_is_one_plain_line_and_one_of_remedy(error: BaseException, words: str) -> None:
    said = explain(error, "chat.example")
    assert words in str(said)
    assert said.fault is Fault.UNREACHABLE
    assert said.remedy
    assert "\n" not in str(said) + said.remedy


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] some words (_ssl.c:2580)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "cause", "remedy"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "(Connection reset by peer)", "try again"),
        (EOFError(), "(the stream ended)", "try again"),
        (alert("WRONG_VERSION_NUMBER"), "(WRONG_VERSION_NUMBER)", "try again"),
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "wants a certificate of the client", "the port on which"),
    ],
)
def test_a_connection_that_breaks_later_is_one_plain_line_and_one_of_remedy(
    error: BaseException, cause: str, remedy: str
) -> None:
    said = explain_loss(error)
    assert cause in str(said)
    assert remedy in said.remedy
    assert "_ssl.c" not in str(said)
    assert said.fault is Fault.UNREACHABLE

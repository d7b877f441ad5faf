"""Whom a client trusts, and how it says that it does not."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from securechat.client.trust import build_context, explain, is_final
from securechat.errors import ConfigError


def fail_handshake(
    authority: trustme.CA,
    trusted: ssl.SSLContext,
    host: str = "localhost",
    *,
    version: ssl.TLSVersion | None = None,
    expires: datetime | None = None,
) -> ssl.SSLError:
    """Return what a client's handshake in memory raises."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version is not None:
        server.maximum_version = version
    authority.issue_cert("localhost", not_after=expires).configure_cert(server)
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
    yesterday = datetime.now(UTC) - timedelta(days=1)
    faults = [
        (fail_handshake(trustme.CA(), trusted), "not from a CA that you trust", "--ca FILE"),
        (fail_handshake(authority, trusted, "elsewhere"), "for another name than 'elsewhere'", "made for"),
        (fail_handshake(authority, trusted, "127.0.0.1"), "for another name than '127.0.0.1'", "made for"),
        (fail_handshake(authority, trusted, expires=yesterday), "has expired", "renew"),
    ]
    for error, cause, remedy in faults:
        said = explain(error, error_host(cause))
        assert cause in said
        assert remedy in said
        assert is_final(error)


def error_host(cause: str) -> str:
    return cause.split("'")[1] if "'" in cause else "localhost"


def test_an_older_tls_is_named(authority: trustme.CA, trusted: ssl.SSLContext) -> None:
    error = fail_handshake(authority, trusted, version=ssl.TLSVersion.TLSv1_2)
    assert explain(error, "localhost") == "localhost does not offer TLS 1.3, and nothing older is accepted"
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
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
    ],
)
def test_each_way_of_not_arriving_is_one_plain_line(error: BaseException, words: str) -> None:
    said = explain(error, "chat.example")
    assert words in said
    assert "\n" not in said

"""The CA that a server hands out: one, whole, of a CA, within bounds; and whether it may take another's place."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from securechat.client import authority as module
from securechat.client.address import Address
from securechat.client.authority import fetch_authority
from securechat.client.certificate import may_succeed, names_issuer, pin_authority, read_authority, read_facts
from securechat.errors import Fault, UnreachableError
from securechat.wire.invitation import decode_secret
from tests.client.authorities import DAY, NOW, Root, make_key
from tests.client.tlsserver import Counter, hang_up, make_context, serving, speak_plainly

OK = b"HTTP/1.1 200 OK\r\n"
KEY = make_key()
ROOT = Root(key=KEY)
LEAF = trustme.CA().issue_cert("localhost").cert_chain_pems[0].bytes()
# Apart, so that this file has no mark of a key in it.
SECRET = b"-----BEGIN %s-----\nAAAA\n-----END %s-----\n" % ((b"PRIVATE KEY",) * 2)


def answer_with(context: ssl.SSLContext, answer: bytes) -> Callable[[Counter, socket.socket], None]:
    """Return what answers every request so, and closes."""

    def serve(counter: Counter, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            while b"\r\n\r\n" not in counter.said:
                counter.said += tls.recv(65536)
            tls.sendall(answer)

    return serve


def fetch(answer: bytes) -> tuple[bytes, Counter]:
    """Fetch from a server that nobody vouches for."""
    with serving(answer_with(make_context(trustme.CA(), "elsewhere.example"), answer)) as server:
        return asyncio.run(fetch_authority(Address("localhost", server.port))), server


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"\r\n" + ROOT.pem,
        OK + b"Content-Length: %d\r\n\r\n" % len(ROOT.pem) + ROOT.pem,
        OK + b"content-length:%d\r\nX: y\r\n\r\n" % len(ROOT.pem) + ROOT.pem + b"and more",
        b"HTTP/1.0 200 \r\nContent-Type: text/plain\r\n\r\n\r\n" + ROOT.pem.replace(b"\n", b"\r\n"),
    ],
)
def test_the_ca_is_fetched_from_whoever_answers_and_nothing_but_the_request_is_sent(answer: bytes) -> None:
    fetched, server = fetch(answer)
    assert fetched == ROOT.der
    host = f"localhost:{server.port}".encode()
    assert server.said == b"GET /ca.pem HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"NOTICE * :who are you?\r\n",
        ROOT.pem,
        b"HTTP/1.1 404 Not Found\r\n\r\n" + ROOT.pem,
        b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/ca.pem\r\n\r\n" + ROOT.pem,
        b"HTTP/1.1 2000 OK\r\n\r\n" + ROOT.pem,
        b"HTTP/2 200\r\n\r\n" + ROOT.pem,
        OK + ROOT.pem,
        OK + b"\r\n",
        OK + b"\r\n" + ROOT.pem[:-60],
        OK + b"\r\n" + ROOT.pem + ROOT.pem,
        OK + b"\r\n" + ROOT.pem + Root().pem,
        OK + b"\r\n" + LEAF,
        OK + b"\r\n" + LEAF + ROOT.pem,
        OK + b"\r\n" + ROOT.pem + SECRET,
        OK + b"\r\n" + Root(is_ca=False).pem,
        OK + b"\r\n" + Root(key=KEY, signer=make_key()).pem,
        OK + b"\r\n" + b"\xff" * 1000,
        OK + b"\r\n" + b"A" * 200_000 + b"\n" + ROOT.pem,
    ],
)
def test_what_is_not_one_ca_is_none(answer: bytes) -> None:
    with pytest.raises(UnreachableError) as raised:
        fetch(answer)
    assert raised.value.fault is Fault.UNKNOWN_CA
    assert "does not hand out a CA" in str(raised.value)


@pytest.mark.parametrize(
    ("serve", "fault"), [(speak_plainly(b"hello\r\n"), Fault.NO_TLS), (hang_up, Fault.UNREACHABLE)]
)
def test_where_there_is_no_tls_that_is_said(serve: Callable[[Counter, socket.socket], None], fault: Fault) -> None:
    with serving(serve) as server, pytest.raises(UnreachableError) as raised:
        asyncio.run(fetch_authority(Address("localhost", server.port)))
    assert raised.value.fault is fault


def test_a_server_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    context, gave_up = make_context(trustme.CA()), threading.Event()

    def drip(counter: Counter, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.sendall(OK)
            while not gave_up.wait(0.002):
                tls.sendall(b"x")

    with serving(drip) as server:
        with pytest.raises(UnreachableError, match="does not answer") as raised:
            asyncio.run(fetch_authority(Address("localhost", server.port)))
        gave_up.set()
    assert raised.value.fault is Fault.UNREACHABLE


def test_a_file_may_have_words_around_its_certificate(tmp_path: Path) -> None:
    assert read_authority(b"# the CA of our chat\n" + ROOT.pem + b"\n") == ROOT.der
    assert read_authority(b"") is None


def test_the_pin_is_the_beginning_of_the_fingerprint_of_the_key() -> None:
    facts = read_facts(ROOT.der)
    assert facts is not None
    assert decode_secret(pin_authority(ROOT.der)).hex() == facts.key_fingerprint[:32]
    assert pin_authority(ROOT.der) == pin_authority(Root("another name", KEY, NOW - DAY).der)
    assert pin_authority(ROOT.der) != pin_authority(Root().der)


SUCCESSORS = [
    ("another name", Root("another CA", KEY, NOW - DAY), True),
    ("another end", Root("a CA", KEY, ROOT.begins, NOW + 500 * DAY), True),
    ("the same", ROOT, False),
    ("another key", Root(begins=NOW - DAY), False),
    ("the key, signed by another", Root(key=KEY, begins=NOW - DAY, signer=make_key()), False),
    ("no CA", Root("another CA", KEY, NOW - DAY, is_ca=False), False),
    ("an earlier one", Root("another CA", KEY, NOW - 11 * DAY), False),
    ("an expired one", Root("another CA", KEY, NOW - 5 * DAY, NOW - DAY), False),
    ("not valid yet", Root("another CA", KEY, NOW + DAY), False),
]


@pytest.mark.parametrize(("what", "offered", "may"), SUCCESSORS)
def test_only_a_later_certificate_of_the_same_key_takes_a_kept_ones_place(what: str, offered: Root, may: bool) -> None:
    assert may_succeed(ROOT.der, offered.der, NOW) is may, what


def test_a_certificate_names_the_key_that_it_claims_to_be_signed_by() -> None:
    issuer = trustme.CA()
    leaf, root = (
        ssl.PEM_cert_to_DER_cert(blob.bytes().decode())
        for blob in (issuer.issue_cert("localhost").cert_chain_pems[0], issuer.cert_pem)
    )
    assert names_issuer(leaf, root)
    assert not names_issuer(leaf, ROOT.der)
    assert not names_issuer(b"nonsense", root)
    assert not names_issuer(leaf, leaf)


def test_what_cannot_be_read_takes_nobodys_place() -> None:
    assert not may_succeed(ROOT.der, b"nonsense", NOW)
    assert not may_succeed(b"nonsense", ROOT.der, NOW)

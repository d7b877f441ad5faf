"""The load generator's end of a TLS connection, against the standard library's."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme

from tests.bench.tls import TLSLink


@pytest.fixture
def ends() -> Iterator[tuple[TLSLink, ssl.SSLSocket]]:
    """A link and what it is connected to."""
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    theirs.num_tickets = 0
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    near, far = socket.socketpair()
    near.settimeout(10)
    far.settimeout(10)
    accepted: list[ssl.SSLSocket] = []
    shaking = threading.Thread(target=lambda: accepted.append(theirs.wrap_socket(far, server_side=True)))
    shaking.start()
    link = TLSLink(near, ours, "localhost")
    shaking.join(10)
    yield link, accepted[0]
    link.close()
    accepted[0].close()


def test_all_records_that_have_come_are_returned_at_once(ends: tuple[TLSLink, ssl.SSLSocket]) -> None:
    link, peer = ends
    for text in (b"one\n", b"two\n", b"three\n"):
        peer.sendall(text)
    assert link.recv() == b"one\ntwo\nthree\n"


def test_nothing_whole_is_no_end(ends: tuple[TLSLink, ssl.SSLSocket]) -> None:
    link, peer = ends
    link.setblocking(False)
    with pytest.raises(BlockingIOError):
        link.recv()
    peer.sendall(b"more")
    assert link.recv() == b"more"


def test_the_end_is_empty(ends: tuple[TLSLink, ssl.SSLSocket]) -> None:
    link, peer = ends
    peer.sendall(b"last")
    peer.close()
    assert link.recv() == b"last"
    assert link.recv() == b""


def test_what_the_kernel_refuses_leaves_later_in_order(ends: tuple[TLSLink, ssl.SSLSocket]) -> None:
    link, peer = ends
    link.setblocking(False)
    sent = bytes(range(256)) * 8192
    link.sendall(sent)
    heard = b""
    while len(heard) < len(sent):
        heard += peer.recv(65_536)
        link.flush()
    assert heard == sent

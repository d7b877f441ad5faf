"""What a stranger on the wire sees of a talk: a copy of every packet of loopback, in which no word of it occurs."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.scenario.people import Place
from tests.scenario.processes import PASSWORD, Programs, port_of

ALL_PROTOCOLS = 0x0003
"""ETH_P_ALL. (linux/if_ether.h)"""
ETHERNET, IPV4, TCP = 14, 0x0800, 6
WORDS = "the tide turns at noon"


class Capture:
    """Frames of the loopback device."""

    def __init__(self, tap: socket.socket) -> None:
        self._tap = tap
        self._frames: list[bytes] = []
        self._fence = b"end of capture"

    def collect(self) -> None:
        """Take frames until one has the fence in it."""
        while not self._frames or self._fence not in self._frames[-1]:
            self._frames.append(self._tap.recv(65_600))

    def end(self, collecting: threading.Thread) -> None:
        """Have every packet taken that was sent so far, and none after: a datagram of ours comes behind them."""
        with socket.socket(type=socket.SOCK_DGRAM) as fence:
            # Again, for the kernel drops packets for whoever takes them too slowly.
            while collecting.is_alive():
                fence.sendto(self._fence, ("127.0.0.1", 9))
                collecting.join(0.1)

    def payloads_of(self, port: int) -> bytes:
        """Return what TCP carried from and to a port, packet after packet."""
        return b"".join(payload for frame in self._frames if (payload := read_tcp(frame, port)) is not None)


def read_tcp(frame: bytes, port: int) -> bytes | None:
    """Return what a frame carries over TCP from or to a port, or None when it is something else. (RFC 791, RFC 9293)"""
    if len(frame) < ETHERNET + 40 or struct.unpack_from("!H", frame, 12) != (IPV4,) or frame[ETHERNET + 9] != TCP:
        return None
    segment = ETHERNET + (frame[ETHERNET] & 0x0F) * 4
    if port not in struct.unpack_from("!HH", frame, segment):
        return None
    end = ETHERNET + struct.unpack_from("!H", frame, ETHERNET + 2)[0]
    return frame[segment + (frame[segment + 12] >> 4) * 4 : end]


@contextmanager
def capturing() -> Iterator[Capture]:
    """Copy what crosses loopback meanwhile."""
    if sys.platform != "linux":
        pytest.skip("packets of loopback can be copied so on Linux only")
    try:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    except PermissionError:
        pytest.skip("copying packets takes root; docs/lab.md does it with a relay, and so does its test")
    with tap:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        tap.bind(("lo", 0))
        capture = Capture(tap)
        collecting = threading.Thread(target=capture.collect)
        collecting.start()
        try:
            yield capture
        finally:
            capture.end(collecting)


def test_a_copy_of_all_packets_of_a_talk_has_no_word_of_it(programs: Programs, tmp_path: Path) -> None:
    server = programs.server(tmp_path / "data")
    (address,) = server.wait_ready()
    programs.add_people(tmp_path / "data", "alice", "bob")
    place = Place(programs, address, tmp_path / "data" / "ca.pem")
    with capturing() as capture:
        tail = place.follow("bob", "#general")
        place.send("alice", "#general", WORDS)
        tail.wait_for(WORDS)
    copied = capture.payloads_of(port_of(address))
    # Two handshakes, two sign-ins and a message: there is much to be looked through.
    assert len(copied) > 4000
    assert copied.count(b"\x16\x03\x01") >= 2
    for word in (WORDS, PASSWORD, "alice", "#general", "PRIVMSG", "AUTHENTICATE"):
        assert word.encode() not in copied


def test_control_the_same_words_without_tls_are_found() -> None:
    with capturing() as capture, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as writer, server.accept()[0] as reader:
            writer.sendall(f"PRIVMSG #general :{WORDS}\r\n".encode())
            assert reader.recv(100)
    assert WORDS.encode() in capture.payloads_of(port)
    # And what went to another port is not taken for it.
    assert capture.payloads_of(1) == b""

"""WebSocket frames by hypothesis: however they are cut, the same lines come out, and nothing is raised."""

from __future__ import annotations

import asyncio
import itertools
import struct
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from websockets.server import ServerProtocol

from securechat.server.web import Site, answer
from securechat.server.websocket import WebSocket

HEAD = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
OPCODES = st.sampled_from([0, 1, 1, 1, 2, 2, 8, 9, 10])
PAYLOADS = (
    st.binary(max_size=40)
    | st.text(max_size=20).map(str.encode)
    | st.just(b"PING x\r\n")
    | st.binary(min_size=126, max_size=200)
)
FRAMES = st.tuples(OPCODES, st.booleans(), PAYLOADS).map(lambda parts: frame(*parts))
STREAMS = st.lists(FRAMES | st.binary(max_size=12), max_size=8).map(b"".join)


def frame(opcode: int, is_whole: bool, payload: bytes) -> bytes:
    """Return a masked frame; whether its bits are right for its type is chance."""
    first = opcode | (0x80 if is_whole else 0)
    size = (
        struct.pack("!BB", first, 0x80 | len(payload))
        if len(payload) < 126
        else struct.pack("!BBH", first, 0xFE, len(payload))
    )
    return size + b"abcd" + bytes(byte ^ b"abcd"[at % 4] for at, byte in enumerate(payload))


class Line:
    """Both ends of a WebSocket without a socket: what the transport is told, and what the connection gets."""

    def __init__(self) -> None:
        self.lines = self.sent = b""
        self.ended = 0
        self.queued = 0

    def received(self, lines: bytes, size: int) -> None:
        self.lines += lines

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self, last: bytes = b"") -> None:
        self.sent += last

    def closed(self, reason: str) -> None:
        self.ended += 1

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


def take(pieces: list[bytes]) -> Line:
    """Let a WebSocket take bytes in such pieces."""
    answered = answer(HEAD, Site())
    assert isinstance(answered, ServerProtocol)
    answered.data_to_send()
    line, loop = Line(), asyncio.new_event_loop()
    try:
        socket = WebSocket(loop, line, answered, line)  # type: ignore[arg-type]
        for piece in pieces:
            socket.received(piece)
        socket.closed("the end")
    finally:
        loop.close()
    return line


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    """Cut bytes at some places."""
    places = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(places)]


@given(STREAMS, st.lists(st.integers(0, 2000), max_size=6))
def test_however_frames_are_cut_the_same_lines_come_out_of_them(stream: bytes, at: list[int]) -> None:
    """Expected: whole lines, each ended once, without NUL's relatives in them; the same end, if it is one."""
    whole, pieces = take([stream]), take(cut(stream, at))
    assert pieces.lines == whole.lines
    assert pieces.ended >= 1
    assert whole.lines == b"" or whole.lines.endswith(b"\r\n")
    for said in whole.lines.split(b"\r\n"):
        assert b"\r" not in said
        assert b"\n" not in said


@given(st.lists(PAYLOADS.filter(lambda payload: b"\0" not in payload), min_size=1, max_size=5))
def test_each_whole_binary_frame_is_one_line(payloads: list[bytes]) -> None:
    lines = take([frame(2, True, payload) for payload in payloads]).lines
    assert lines.count(b"\r\n") == len(payloads)


@pytest.mark.parametrize("wanted", [b"PING x\r\nPING x\r\n", b"\0"])
def test_control_the_streams_hold_what_matters(wanted: bytes) -> None:
    assert find(STREAMS, lambda stream: wanted in take([stream]).lines)

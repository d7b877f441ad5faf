"""Lines cut out of a stream: the limits, and that the way the bytes arrive makes no difference."""

from __future__ import annotations

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from securechat.wire.framing import MAX_CLIENT_TAGS, MAX_REST, MAX_TAGS, LineSplitter, Overlong

LONG_TAGS = Overlong(tags=True)
LONG_REST = Overlong(tags=False)


def test_the_limits_are_those_of_the_specifications() -> None:
    assert (MAX_TAGS, MAX_CLIENT_TAGS, MAX_REST) == (8191, 4096, 512)


# Every ending, empty lines, and lines at and beyond each limit of a splitter for 12 bytes of tags and 10 of the rest.
STREAM: list[tuple[bytes, list[bytes | Overlong]]] = [
    (b"one\r\n", [b"one"]),
    (b"two\n", [b"two"]),
    (b"three\r", [b"three"]),
    (b"\n\n\r\n\r\r\n", []),
    (b" \r\n", [b" "]),
    (b"12345678\r\n", [b"12345678"]),
    (b"12345678\n", [b"12345678"]),
    (b"123456789\r\n", [LONG_REST]),
    (b"123456789\n", [LONG_REST]),
    (b"after\r\n", [b"after"]),
    (b"@234567890a 12345678\r\n", [b"@234567890a 12345678"]),
    (b"@234567890a 123456789\r\n", [LONG_REST]),
    (b"@234567890ab 1\r\n", [LONG_TAGS]),
    (b"@234567890a\n", [b"@234567890a"]),
    (b"@234567890ab\n", [LONG_TAGS]),
    (b"@a  123456\n", [b"@a  123456"]),
    (b"@a" + b" " * 9 + b"\n", [b"@a" + b" " * 9]),
    (b"@a" + b" " * 10 + b"\n", [LONG_REST]),
    (b"@\n", [b"@"]),
    (b"x" * 300 + b"\r", [LONG_REST]),
    (b"@" + b"x" * 300 + b" y\n", [LONG_TAGS]),
    (b"@" * 300 + b"\n", [LONG_TAGS]),
    ("größe\r\n".encode(), ["größe".encode()]),
    (b"\xff\x00\xfe\r\n", [b"\xff\x00\xfe"]),
    (b"last\r\n", [b"last"]),
]
BYTES = b"".join(given_bytes for given_bytes, _ in STREAM)
LINES = [line for _, lines in STREAM for line in lines]


def split_in_chunks(data: bytes, size: int) -> tuple[list[bytes | Overlong], LineSplitter]:
    splitter = LineSplitter(max_tags=12, max_rest=10)
    lines: list[bytes | Overlong] = []
    for start in range(0, len(data), size):
        lines += splitter.feed(data[start : start + size])
    return lines, splitter


def test_a_mixed_stream_gives_the_same_lines_at_every_chunk_size() -> None:
    for size in range(1, len(BYTES) + 1):
        lines, splitter = split_in_chunks(BYTES, size)
        assert lines == LINES, f"chunks of {size}"
        assert splitter.pending == 0


@given(st.lists(st.integers(0, len(BYTES)), max_size=20).map(sorted))
def test_a_mixed_stream_gives_the_same_lines_wherever_it_is_cut(cuts: list[int]) -> None:
    splitter = LineSplitter(max_tags=12, max_rest=10)
    lines: list[bytes | Overlong] = []
    for start, end in zip([0, *cuts], [*cuts, len(BYTES)], strict=True):
        lines += splitter.feed(BYTES[start:end])
    assert lines == LINES


chunks_of_noise = st.lists(st.text("ab@ \r\n", max_size=15).map(str.encode), max_size=12)


@given(chunks_of_noise)
def test_any_stream_gives_the_same_lines_whole_as_in_pieces(chunks: list[bytes]) -> None:
    splitter = LineSplitter(max_tags=6, max_rest=6)
    in_pieces = [line for chunk in chunks for line in splitter.feed(chunk)]
    whole = LineSplitter(max_tags=6, max_rest=6)
    assert whole.feed(b"".join(chunks)) == in_pieces
    assert whole.pending == splitter.pending


def split_without_memory(data: bytes) -> list[bytes]:
    return [line for line in data.splitlines() if line]


def test_control_a_splitter_without_memory_is_found_out() -> None:
    def differs(chunks: list[bytes]) -> bool:
        in_pieces = [line for chunk in chunks for line in split_without_memory(chunk)]
        return in_pieces != split_without_memory(b"".join(chunks))

    assert find(chunks_of_noise, differs)


def test_a_line_of_exactly_the_limits_passes_and_one_byte_more_does_not() -> None:
    tags, text = b"@" + b"t" * (MAX_TAGS - 2) + b" ", b"x" * (MAX_REST - 2)
    for ending in (b"\r\n", b"\n", b"\r"):
        assert LineSplitter().feed(tags + text + ending) == [tags + text]
        assert LineSplitter().feed(tags + text + b"x" + ending) == [LONG_REST]
        assert LineSplitter().feed(b"@t" + tags[1:] + text + ending) == [LONG_TAGS]
        assert LineSplitter().feed(text + ending) == [text]
        assert LineSplitter().feed(text + b"x" + ending) == [LONG_REST]


def test_a_server_holds_clients_to_their_share_of_the_tags() -> None:
    allowed = b"@" + b"t" * 4094 + b" PING"
    assert LineSplitter(max_tags=MAX_CLIENT_TAGS).feed(allowed + b"\r\n") == [allowed]
    assert LineSplitter(max_tags=MAX_CLIENT_TAGS).feed(b"@t" + allowed[1:] + b"\r\n") == [LONG_TAGS]


def test_an_overlong_line_is_reported_before_it_ends_and_only_once() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"x" * 511) == [LONG_REST]
    for _ in range(100):
        assert splitter.feed(b"x" * 1000) == []
        assert splitter.pending == 0
    assert splitter.feed(b"x\r") == []
    assert splitter.feed(b"\nPING\r\n") == [b"PING"]


@pytest.mark.parametrize("byte", [b"x", b"@", b" "])
def test_what_is_held_never_exceeds_the_limits(byte: bytes) -> None:
    splitter = LineSplitter()
    highest = 0
    for _ in range(20_000):
        splitter.feed(byte)
        highest = max(highest, splitter.pending)
    assert highest <= MAX_TAGS + MAX_REST
    assert splitter.pending == 0


def test_pending_counts_the_unfinished_line() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"PING\r\nPO") == [b"PING"]
    assert splitter.pending == 2
    assert splitter.feed(b"") == []
    assert splitter.feed(b"NG\n") == [b"PONG"]
    assert splitter.pending == 0

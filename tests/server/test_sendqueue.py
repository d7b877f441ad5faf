"""The queue of one reader, without a socket."""

from __future__ import annotations

import pytest

from securechat.server.sendqueue import SendQueue


def fill(*pieces: tuple[bytes, bool]) -> SendQueue:
    queue = SendQueue()
    for piece, live in pieces:
        (queue.append if live else queue.append_own)(piece)
    return queue


def test_an_empty_queue_has_nothing_to_write() -> None:
    queue = SendQueue()
    assert (queue.size, queue.live, bytes(queue.head())) == (0, 0, b"")


def test_small_pieces_leave_joined_in_their_order() -> None:
    queue = fill((b"one ", True), (b"two ", False), (b"three", True))
    assert (queue.size, queue.live) == (13, 9)
    assert bytes(queue.head()) == b"one two three"
    queue.advance(13)
    assert (queue.size, queue.live, bytes(queue.head())) == (0, 0, b"")


def test_a_single_piece_is_written_without_copying_it() -> None:
    piece = b"x" * 100_000
    queue = fill((piece, True))
    assert queue.head() is piece


def test_a_line_to_many_slow_readers_is_in_memory_once() -> None:
    line = b"x" * 400
    queues = [fill((b"y" * 16_384, True), (line, True)) for _ in range(3)]
    for queue in queues:
        assert bytes(queue.head()) == b"y" * 16_384
        queue.advance(16_384)
    assert all(queue.head() is line for queue in queues)


def test_the_head_stays_the_same_until_it_advances_although_more_is_queued() -> None:
    queue = fill((b"abc", True))
    first = queue.head()
    queue.append(b"def")
    assert queue.head() is first
    queue.advance(1)
    assert bytes(queue.head()) == b"bc"
    queue.append(b"ghi")
    queue.advance(2)
    assert bytes(queue.head()) == b"defghi"


@pytest.mark.parametrize(
    ("sizes", "records"),
    [
        ((16_384, 1), (16_384, 1)),
        ((16_383, 1, 1), (16_384, 1)),
        ((10_000, 10_000, 6_384), (10_000, 16_384)),
        ((40_000, 10, 20), (40_000, 30)),
        ((10, 40_000, 20), (10, 40_000, 20)),
    ],
)
def test_no_more_is_joined_than_one_record_holds(sizes: tuple[int, ...], records: tuple[int, ...]) -> None:
    queue = fill(*((b"x" * size, True) for size in sizes))
    taken = []
    while queue.size:
        taken.append(len(queue.head()))
        queue.advance(taken[-1])
    assert tuple(taken) == records


def test_what_others_caused_is_counted_apart_to_the_byte() -> None:
    queue = fill((b"m" * 20_000, False), (b"l" * 30_000, True), (b"m" * 5_000, False))
    seen = []
    while queue.size:
        seen.append((queue.size, queue.live))
        queue.advance(min(16_384, len(queue.head())))
    assert seen == [(55_000, 30_000), (38_616, 30_000), (35_000, 30_000), (18_616, 13_616), (5_000, 0)]
    assert queue.live == 0


def test_a_record_of_both_kinds_that_has_left_in_part_is_still_counted_to_the_byte() -> None:
    queue = fill((b"mmm", False), (b"llll", True), (b"mm", False), (b"m", False), (b"l", True))
    seen = []
    queue.head()
    for _ in range(11):
        seen.append(queue.live)
        queue.advance(1)
    assert seen == [5, 5, 5, 5, 4, 3, 2, 1, 1, 1, 1]

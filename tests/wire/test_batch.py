"""Batches opened, closed and collected, one inside the other, and never without end."""

from __future__ import annotations

import pytest

from securechat.errors import ProtocolError
from securechat.wire.batch import Batch, BatchCollector, close_batch, open_batch
from securechat.wire.message import Message, encode, parse


def collect(*lines: str) -> list[Message | Batch]:
    collector = BatchCollector()
    return [item for line in lines for item in collector.feed(parse(line.encode()))]


def test_a_batch_is_opened_and_closed_as_the_specification_says() -> None:
    assert encode(open_batch("r1", "chathistory", "#a", source="irc.host")) == b":irc.host BATCH +r1 chathistory #a\r\n"
    assert encode(close_batch("r1", "irc.host")) == b":irc.host BATCH -r1\r\n"


def test_a_simple_batch_is_delivered_whole_and_the_line_beside_it_at_once() -> None:
    assert collect(
        ":irc.host BATCH +yX netsplit irc.hub other.host",
        "@batch=yX :aji!a@a QUIT :irc.hub other.host",
        ":nick!user@host PRIVMSG #channel :now",
        "@batch=yX :jilles!a@a QUIT :irc.hub other.host",
        ":irc.host BATCH -yX",
    ) == [
        Message("PRIVMSG", ("#channel", "now"), "nick!user@host"),
        Batch(
            "yX",
            "netsplit",
            ("irc.hub", "other.host"),
            (
                Message("QUIT", ("irc.hub other.host",), "aji!a@a", {"batch": "yX"}),
                Message("QUIT", ("irc.hub other.host",), "jilles!a@a", {"batch": "yX"}),
            ),
            {},
        ),
    ]


def test_interleaved_batches_are_delivered_in_the_order_in_which_they_end() -> None:
    assert collect(
        "BATCH +1 foo", "@batch=1 A", "BATCH +2 foo", "@batch=2 B", "@batch=1 C", "BATCH -1", "@batch=2 D", "BATCH -2"
    ) == [
        Batch("1", "foo", (), (Message("A", tags={"batch": "1"}), Message("C", tags={"batch": "1"})), {}),
        Batch("2", "foo", (), (Message("B", tags={"batch": "2"}), Message("D", tags={"batch": "2"})), {}),
    ]


def test_an_inner_batch_becomes_a_part_of_the_outer_one() -> None:
    inner = Batch("i", "bar", (), (Message("B", tags={"batch": "i"}),), {"batch": "o"})
    assert collect(
        "@label=7 BATCH +o foo x", "@batch=o A", "@batch=o BATCH +i bar", "@batch=i B", "@batch=o BATCH -i", "BATCH -o"
    ) == [Batch("o", "foo", ("x",), (Message("A", tags={"batch": "o"}), inner), {"label": "7"})]


def test_an_empty_batch_is_a_batch() -> None:
    assert collect("BATCH +1 foo", "BATCH -1") == [Batch("1", "foo", (), (), {})]


def test_a_reference_may_be_used_again_once_its_batch_has_ended() -> None:
    assert len(collect("BATCH +1 foo", "BATCH -1", "BATCH +1 foo", "BATCH -1")) == 2


def test_a_line_of_a_batch_that_is_not_open_is_not_lost() -> None:
    assert collect("@batch=x A", "BATCH +1 foo", "@batch=x B") == [
        Message("A", tags={"batch": "x"}),
        Message("B", tags={"batch": "x"}),
    ]


def test_an_inner_batch_that_outlives_its_outer_one_is_not_lost() -> None:
    ended = collect("BATCH +o foo", "@batch=o BATCH +i bar", "BATCH -o", "BATCH -i")
    assert [item.ref for item in ended if isinstance(item, Batch)] == ["o", "i"]


def test_a_batch_inside_itself_ends_like_any_other() -> None:
    assert collect("@batch=1 BATCH +1 foo", "BATCH -1") == [Batch("1", "foo", (), (), {"batch": "1"})]


@pytest.mark.parametrize(
    "lines",
    [
        ["BATCH"],
        ["BATCH 1"],
        ["BATCH +"],
        ["BATCH + foo"],
        ["BATCH +1"],
        ["BATCH -1"],
        ["BATCH +1 foo", "BATCH +1 foo"],
        ["BATCH +1 foo", "BATCH -2"],
        ["BATCH +1 foo", "BATCH -1", "BATCH -1"],
    ],
)
def test_a_batch_line_that_makes_no_sense_is_refused(lines: list[str]) -> None:
    with pytest.raises(ProtocolError):
        collect(*lines)


def test_no_more_batches_are_open_than_allowed() -> None:
    collector = BatchCollector(max_open=2)
    collector.feed(open_batch("1", "a", source=""))
    collector.feed(open_batch("2", "a", source=""))
    with pytest.raises(ProtocolError):
        collector.feed(open_batch("3", "a", source=""))


def fill(collector: BatchCollector, ref: str, lines: int) -> None:
    collector.feed(open_batch(ref, "a", source=""))
    for _ in range(lines):
        collector.feed(Message("A", tags={"batch": ref}))


def test_no_more_lines_are_held_than_allowed_in_all_batches_together() -> None:
    collector = BatchCollector(max_messages=10)
    fill(collector, "1", 4)
    fill(collector, "2", 4)
    with pytest.raises(ProtocolError):
        collector.feed(Message("A", tags={"batch": "1"}))


def test_inner_batches_count_for_the_outer_one_even_when_they_are_empty() -> None:
    collector = BatchCollector(max_messages=10)
    collector.feed(open_batch("o", "a", source=""))
    for _ in range(9):
        collector.feed(Message("BATCH", ("+i", "a"), tags={"batch": "o"}))
        collector.feed(close_batch("i", ""))
    with pytest.raises(ProtocolError):
        collector.feed(Message("BATCH", ("+i", "a"), tags={"batch": "o"}))


def test_what_was_delivered_is_no_longer_held() -> None:
    collector = BatchCollector(max_messages=10)
    for _ in range(100):
        collector.feed(open_batch("o", "a", source=""))
        collector.feed(Message("BATCH", ("+i", "a"), tags={"batch": "o"}))
        for _ in range(8):
            collector.feed(Message("A", tags={"batch": "i"}))
        collector.feed(close_batch("i", ""))
        assert len(collector.feed(close_batch("o", ""))) == 1

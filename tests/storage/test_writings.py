"""What every store finds of what an account has written, page by page."""

from __future__ import annotations

import pytest

from securechat.chat.events import Dropped, Left, ModeSet, Posted, TopicSet
from securechat.chat.ports import WritingsQuery
from securechat.storage.sqlite import writings
from tests.storage.nodes import ROOM, Node


async def all_of(node: Node, account: str, limit: int) -> tuple[list[tuple[str, str]], dict[str, str], int]:
    """Return (stream, text) of all an account wrote, the names of channels, and how many pages that took."""
    found, names, pages, after = [], {}, 0, None
    while True:
        page = await node.history.writings(WritingsQuery(account, after, limit))
        assert len(page.records) <= limit
        pages += 1
        assert all(isinstance(record.event, Posted) and record.event.account == account for record in page.records)
        found += [(record.stream, record.event.text) for record in page.records]  # type: ignore[union-attr]
        names |= page.names
        after = page.after
        if after is None:
            return found, names, pages


async def tell(node: Node) -> list[tuple[str, str]]:
    """Have alice write here and there, and bob in between; return what she wrote, in the order of streams."""
    await node.register("alice", "bob")
    await node.open_room("bob", "alice")
    await node.open_room("alice", stream="c/gone")
    for number in range(5):
        await node.say("alice", f"room {number}")
        await node.say("bob", "bob's", stream="d/alice/bob")
        await node.say("alice", f"direct {number}", stream="d/alice/bob")
        await node.say("bob", "bob's")
        await node.say("alice", f"gone {number}", stream="c/gone")
    await node.do(Dropped(forced=True), stream="c/gone")
    await node.do(ModeSet("bob", on="i"), Left("alice"))
    names = [(ROOM, "room"), ("c/gone", "gone"), ("d/alice/bob", "direct")]
    return [(stream, f"{word} {number}") for stream, word in names for number in range(5)]


@pytest.mark.parametrize("limit", [1, 2, 5, 7, 100])
async def test_all_that_was_written_is_found_once_wherever_it_is(node: Node, limit: int) -> None:
    expected = await tell(node)
    found, names, pages = await all_of(node, "alice", limit)
    assert found == expected
    assert names == {ROOM: "#room", "c/gone": "#gone"}
    assert pages >= len(expected) // limit


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
async def test_a_page_looks_through_a_bounded_piece_of_the_history(
    node: Node, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(writings, "SEQS_AT_ONCE", at_once)
    expected = await tell(node)
    assert (await all_of(node, "alice", 100))[0] == expected


async def test_topics_are_words_of_who_set_them(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("bob", "alice")
    await node.do(TopicSet("alice", "hers"), TopicSet("bob", "his"), TopicSet("alice", ""))
    await node.say("alice", "word")
    (page,) = [await node.history.writings(WritingsQuery("alice"))]
    assert [record.event for record in page.records] == [
        *(TopicSet("alice", "hers"), TopicSet("alice", "")),
        Posted("alice", "PRIVMSG", "word"),
    ]
    assert page.names == {ROOM: "#room"}


async def test_who_wrote_nothing_has_written_nothing(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice")
    await node.say("alice", "word")
    assert await all_of(node, "bob", 10) == ([], {}, 1)
    assert await all_of(node, "nobody", 10) == ([], {}, 1)

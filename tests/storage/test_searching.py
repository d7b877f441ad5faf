"""Searching: the newest messages with the words asked for, wherever they may be read; in the index or not yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from securechat.chat.events import Deleted, Ignored, Joined, Kicked, Left, ModeSet, Posted, Redacted, RoleSet
from securechat.chat.ports import Found, SearchQuery, Store, Verdict
from securechat.chat.searchwords import read_asked
from securechat.storage.sqlite import SqliteStore
from tests.storage.nodes import ROOM, Clock, Node


@pytest.fixture(params=["not indexed", "indexed"])
def settle(request: pytest.FixtureRequest, store: Store) -> Callable[[], Awaitable[None]]:
    """Have the index come as far as the history, or nowhere."""

    async def work() -> None:
        if request.param == "indexed":
            await catch_up(store)

    return work


async def catch_up(store: Store) -> None:
    if isinstance(store, SqliteStore):
        indexing = store._writer._indexing
        while not await asyncio.wrap_future(store._writer.call(lambda _: indexing.is_complete)):
            await asyncio.wrap_future(store._writer.call(lambda _: indexing.step()))


def texts(found: Found) -> list[str]:
    return [record.event.text for record in found.records if isinstance(record.event, Posted)]


async def find(node: Node, account: str, words: str = "", **more: object) -> list[str]:
    query = SearchQuery(account, read_asked(words).phrases, **more)  # type: ignore[arg-type]
    return texts(await node.history.search(query))


@pytest.fixture
async def room(node: Node) -> Node:
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    return node


Settle = Callable[[], Awaitable[None]]


async def test_words_phrases_and_beginnings_are_found(room: Node, settle: Settle) -> None:
    for text in ("Crème brûlée, please", "a creme for the brulees", "the please brings Creme"):
        await room.say("alice", text)
    await settle()
    assert await find(room, "bob", "creme") == [
        "Crème brûlée, please",
        "a creme for the brulees",
        "the please brings Creme",
    ]
    assert await find(room, "bob", "BRULEE") == ["Crème brûlée, please"]
    assert await find(room, "bob", "brul*") == ["Crème brûlée, please", "a creme for the brulees"]
    assert await find(room, "bob", "br*") == [
        "Crème brûlée, please",
        "a creme for the brulees",
        "the please brings Creme",
    ]
    assert await find(room, "bob", '"brulee please"') == ["Crème brûlée, please"]
    assert await find(room, "bob", '"the brul"*') == ["a creme for the brulees"]
    assert await find(room, "bob", "please creme") == ["Crème brûlée, please", "the please brings Creme"]
    assert await find(room, "bob", "brulee missing") == []
    assert await find(room, "bob", "missing*") == []


async def test_who_wrote_it_when_and_where_narrow_a_search(room: Node, settle: Settle, clock: Clock) -> None:
    await room.open_room("alice", stream="c/two")
    start = clock.now
    for number, (author, stream) in enumerate(
        [("alice", ROOM), ("bob", ROOM), ("alice", "c/two"), ("alice", "d/alice/bob"), ("bob", ROOM)]
    ):
        clock.now = start + 10 * number
        await room.put((stream, Posted(author, "PRIVMSG", f"word {number}")))
    await settle()
    assert await find(room, "alice", "word") == [f"word {number}" for number in range(5)]
    assert await find(room, "alice", "word", author="bob") == ["word 1", "word 4"]
    assert await find(room, "alice", author="bob") == ["word 1", "word 4"]
    assert await find(room, "alice", stream=ROOM) == ["word 0", "word 1", "word 4"]
    assert await find(room, "alice", "word", stream="d/alice/bob") == ["word 3"]
    assert await find(room, "alice", "word", start=start + 10, end=start + 30) == ["word 1", "word 2", "word 3"]
    assert await find(room, "alice", "word", start=start + 11, end=start + 29) == ["word 2"]
    assert await find(room, "alice", start=start + 31) == ["word 4"]
    assert await find(room, "bob", "word") == ["word 0", "word 1", "word 3", "word 4"]
    assert await find(room, "bob", "word", stream="c/two") == []
    assert await find(room, "carol", "word") == []
    assert await find(room, "carol", "word", stream="d/alice/bob") == []
    assert await find(room, "carol", "word", stream="c/nowhere") == []


async def test_of_too_many_the_newest_are_found_and_that_there_are_more_is_said(room: Node, settle: Settle) -> None:
    for number in range(6):
        await room.say("alice", f"word {number}")
    await settle()
    phrases = read_asked("word").phrases
    found = await room.history.search(SearchQuery("bob", phrases, limit=4))
    assert (texts(found), found.whole) == (["word 2", "word 3", "word 4", "word 5"], False)
    found = await room.history.search(SearchQuery("bob", phrases, limit=6))
    assert (len(found.records), found.whole) == (6, True)


async def test_what_was_said_behind_closed_doors_stays_there(room: Node, settle: Settle) -> None:
    await room.say("alice", "word open")
    await room.put((ROOM, ModeSet("alice", "i", "", None, None)))
    await room.say("alice", "word closed")
    await room.put((ROOM, Joined("carol")))
    await room.say("alice", "word with carol")
    await settle()
    assert await find(room, "carol", "word") == ["word open", "word with carol"]
    await room.put((ROOM, Kicked("carol", "alice")))
    assert await find(room, "carol", "word") == []
    await room.say("alice", "word after the kick")
    await room.put((ROOM, Joined("carol")))
    assert await find(room, "carol", "word") == ["word open", "word with carol"]
    assert await find(room, "bob", "word") == ["word open", "word closed", "word with carol", "word after the kick"]


async def test_what_an_ignored_account_says_directly_is_not_found(room: Node, settle: Settle) -> None:
    await room.put(("d/alice/bob", Posted("bob", "PRIVMSG", "word before")))
    await room.put(("a/alice", Ignored("bob")))
    await room.put(("d/alice/bob", Posted("bob", "PRIVMSG", "word unheard")))
    await room.put(("d/alice/bob", Posted("alice", "PRIVMSG", "word mine")))
    await settle()
    assert await find(room, "alice", "word") == ["word before", "word mine"]
    assert await find(room, "bob", "word") == ["word before", "word unheard", "word mine"]


async def test_what_was_redacted_or_erased_is_not_found(room: Node, settle: Settle) -> None:
    (first,) = await room.say("alice", "word gone")
    await room.say("bob", "word stays")
    await room.say("alice", "word erased")
    await settle()
    await room.put((ROOM, Redacted(first.msgid, "alice", "")))
    assert await find(room, "bob", "word") == ["word stays", "word erased"]
    assert await find(room, "bob", "gone") == []
    leaving = ((ROOM, Left("alice", "", "q")), (ROOM, RoleSet("bob", "q", "")))
    assert (await room.put(*leaving, ("a/alice", Deleted(erase=True)))).verdict is Verdict.STORED
    assert await find(room, "bob", "word") == ["word stays"]
    await room.say("bob", "word again")
    await settle()
    assert await find(room, "bob", "word") == ["word stays", "word again"]

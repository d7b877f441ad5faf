"""What is older than it is to be kept is gone from every byte, in small steps; what follows from it stays."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from securechat.chat.events import Dropped, Joined, Left, ModeSet, Posted, Reacted, RetentionSet, TopicSet
from securechat.chat.ports import Form, SearchQuery, Verdict, WritingsQuery
from securechat.chat.searchwords import Phrase
from securechat.storage.retention import DAY, FOR_EVER, Retention
from securechat.storage.sqlite import SqliteStore, expiring
from tests.storage.conftest import FACTORIES, make_sqlite
from tests.storage.nodes import ROOM, Clock, Node, once

OLD, NEW = "OLDWORDS", "newer words"
DIRECT = "d/alice/bob"
START = 1_000_000


@pytest.fixture(params=FACTORIES)
async def kept(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Any]:
    """A store in which channels are kept for ten days and direct conversations for twenty."""
    store: Any = FACTORIES[request.param](tmp_path, clock, Retention(10, 20))  # type: ignore[call-arg]
    yield store
    await store.close()


async def expire(store: Any) -> None:
    """Have all that is due taken away."""
    if not isinstance(store, SqliteStore):
        store.expire()
        return
    writer = store._writer

    def work(_connection: object) -> None:
        while not writer._indexing.is_complete:
            writer._indexing.step()
        writer._expiring.note(0)
        while not writer._expiring.patience(1):
            writer._expiring.step(1)

    await asyncio.wrap_future(writer.call(work))


async def live(store: Any, clock: Clock) -> Node:
    """Have alice and bob say something on the first day, and again fifteen days later."""
    node = await Node(store.attach()).start()
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    await node.do(TopicSet("alice", "the topic"), ModeSet("alice", on="m"))
    message = Posted("alice", "PRIVMSG", f"{OLD} of alice", {"+tag": OLD})
    record = (await node.put((ROOM, message), once=once("alice", "id", "DIGEST of it"))).records[0]
    await node.do(Reacted("bob", record.msgid, OLD))
    await node.say("bob", OLD, stream=DIRECT)
    clock.now += 15 * DAY
    await node.say("bob", NEW)
    await node.say("alice", NEW, stream=DIRECT)
    return node


async def test_what_is_old_is_gone_and_what_it_made_stays(kept: Any, clock: Clock) -> None:
    node = await live(kept, clock)
    await expire(kept)
    assert await node.texts("bob") == [NEW]
    assert await node.texts("bob", stream=DIRECT) == [OLD, NEW]
    fresh = await Node(kept.attach()).start()
    room = fresh.directory.channels["room"]
    assert (room.topic, room.modes, room.written) == ("the topic", "mnt", True)
    assert {name: member.role for name, member in room.members.items()} == {"alice": "q", "bob": ""}
    clock.now += 6 * DAY
    await expire(kept)
    assert await node.texts("bob", stream=DIRECT) == [NEW]


async def test_the_next_record_goes_on_where_the_numbers_were(kept: Any, clock: Clock) -> None:
    node = await live(kept, clock)
    clock.now += 20 * DAY
    await expire(kept)
    assert await node.texts("bob") == []
    (record,) = await node.say("alice", "again")
    assert record.seq == node.told()[-2] + 1
    assert await node.texts("bob") == ["again"]


async def test_a_message_that_was_sent_again_is_not_stored_again(kept: Any, clock: Clock) -> None:
    node = await live(kept, clock)
    await expire(kept)
    for says in ("DIGEST of it", "a wrong guess"):
        again = await node.put((ROOM, Posted("alice", "PRIVMSG", "x")), once=once("alice", "id", says))
        assert (again.verdict, again.records) == (Verdict.REDACTED, ())


async def test_below_the_floor_a_request_starts_there_or_is_refused_and_is_never_answered_with_nothing(
    kept: Any, clock: Clock
) -> None:
    node = await live(kept, clock)
    gone = next(record for record in node.records if isinstance(record.event, Posted))
    newest = next(record for record in node.records[::-1] if record.stream == ROOM)
    await expire(kept)
    # From there, or from the beginning.
    for start in (START - 5, gone.time + 1):
        assert await node.texts("bob", Form.AFTER, start) == [NEW]
        assert await node.texts("bob", Form.LATEST, start) == [NEW]
        assert await node.texts("bob", Form.BETWEEN, start, newest.time + 1) == [NEW]
    # A msgid that is gone is none that is known.
    assert not (await node.page("bob", Form.AFTER, gone)).known
    # Nothing is left of what is asked for.
    for form, *bounds in ((Form.BEFORE, newest), (Form.BEFORE, newest.time), (Form.BETWEEN, START - 5, gone.time + 1)):
        assert (await node.page("bob", form, *bounds)).expired
    # Control: where nothing is gone there simply is nothing.
    assert not (await node.page("bob", Form.AFTER, newest)).expired
    assert not (await node.page("bob", Form.BETWEEN, newest.time + 1, newest.time + 9)).expired
    assert not (await node.page("carol", Form.BEFORE, newest.time)).expired
    assert not (await node.page("bob", Form.BEFORE, START - 5, stream=DIRECT)).expired


async def test_a_channel_goes_by_what_was_set_for_it_even_after_it_was_dropped(kept: Any, clock: Clock) -> None:
    node = await live(kept, clock)
    await node.do(RetentionSet(0))
    await expire(kept)
    assert len(await node.texts("bob")) == 2
    await node.do(RetentionSet(20))
    fresh = await Node(kept.attach()).start()
    assert fresh.directory.channels["room"].retention == 20
    await node.do(Dropped(forced=True))
    writings = await node.history.writings(WritingsQuery("bob"))
    assert [record.stream for record in writings.records] == [ROOM, DIRECT]
    clock.now += 21 * DAY
    await expire(kept)
    assert (await node.history.writings(WritingsQuery("bob"))).records == ()


async def test_spans_in_which_nothing_is_left_are_forgotten(tmp_path: Path, clock: Clock) -> None:
    store: Any = make_sqlite(tmp_path, clock, Retention(10, 20))
    node = await Node(store.attach()).start()
    await node.register("alice", "bob")
    await node.open_room("alice")
    for _ in range(3):
        await node.do(Joined("bob"), ModeSet("alice", on="i"))
        await node.say("alice", "x")
        await node.do(ModeSet("alice", off="i"), Left("bob"))
    count = "SELECT (SELECT count(*) FROM former_members), (SELECT count(*) FROM closures)"
    assert ask(store, count) == [(3, 3)]
    clock.now += 11 * DAY
    await expire(store)
    assert ask(store, count) == [(0, 0)]
    await store.close()


def ask(store: Any, statement: str) -> list[tuple[Any, ...]]:
    def work(connection: apsw.Connection) -> list[tuple[Any, ...]]:
        return connection.execute(statement).fetchall()

    return store._writer.call(work).result(10)


def marks(directory: Path) -> dict[str, int]:
    found = {path.name: path.read_bytes().lower() for path in directory.iterdir()}
    return {
        name: content.count(OLD.lower().encode()) + content.count(b"digest of it") for name, content in found.items()
    }


async def test_no_byte_of_it_is_left_in_the_files_nor_a_word_in_the_index(tmp_path: Path, clock: Clock) -> None:
    store: Any = make_sqlite(tmp_path, clock, Retention(10, 10))
    node = await live(store, clock)
    await expire(store)
    assert ask(store, "SELECT count(*) FROM vocabulary WHERE term = 'oldwords'") == [(0,)]
    assert ask(store, "SELECT count(*) FROM vocabulary WHERE term = 'newer'") == [(1,)]
    assert ask(store, "SELECT count(*) FROM traces") == [(0,)]
    assert sum(marks(tmp_path).values()) == 0
    found = await node.history.search(SearchQuery("bob", (Phrase(("newer",)),)))
    assert len(found.records) == 2
    await store.close()
    assert sum(marks(tmp_path).values()) == 0


@pytest.mark.parametrize("step", ["_forget_digests", "_compact_words"])
async def test_control_without_one_of_its_steps_something_is_left(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(expiring.Expiring, step, lambda _self: iter(()))
    store: Any = make_sqlite(tmp_path, clock, Retention(10, 10))
    await live(store, clock)
    await expire(store)
    assert sum(marks(tmp_path).values()) > 0
    await store.close()


async def test_what_was_under_way_when_the_server_ended_is_done_when_it_begins_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_self: object) -> Any:
        raise apsw.BusyError("the server ends here")
        yield

    monkeypatch.setattr(expiring.Expiring, "_forget_digests", nothing)
    store: Any = make_sqlite(tmp_path, clock, Retention(10, 10))
    await live(store, clock)
    with pytest.raises(apsw.BusyError):
        await expire(store)
    await store.close()
    assert sum(marks(tmp_path).values()) > 0
    monkeypatch.undo()
    store = make_sqlite(tmp_path, clock, FOR_EVER)
    await expire(store)
    assert sum(marks(tmp_path).values()) == 0
    await store.close()


async def test_it_is_done_by_itself_in_quiet_moments_and_nobody_waits_for_a_step(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securechat.storage.sqlite.writer.QUIET_SECONDS", 0.01)
    longest = 0.0
    step = expiring.Expiring.step

    def timed(self: expiring.Expiring, now: float) -> None:
        nonlocal longest
        begun = time.thread_time()
        step(self, now)
        longest = max(longest, time.thread_time() - begun)

    monkeypatch.setattr(expiring.Expiring, "step", timed)
    store = SqliteStore.open(
        tmp_path / "history.db", clock=clock, randbytes=random.Random(1).randbytes, retention=Retention(10)
    )
    node = await Node(store.attach()).start()
    await node.register("alice")
    await node.open_room("alice")
    words = itertools.cycle(f"word{number}" for number in range(997))
    texts = [" ".join(itertools.islice(words, 10)) for _ in range(3000)]
    await asyncio.gather(*(node.submit((ROOM, Posted("alice", "PRIVMSG", text))) for text in texts))
    clock.now += 11 * DAY
    await node.do(RetentionSet(5))
    async with asyncio.timeout(20):
        while ask(store, "SELECT floor, (SELECT count(*) FROM traces) FROM streams WHERE name = 'c/room'") != [
            (3002, 0)
        ]:
            await asyncio.sleep(0.05)
    assert ask(store, "SELECT count(*) FROM records JOIN streams ON streams.id = stream WHERE name = 'c/room'") == [
        (1,)
    ]
    # Of its own work; with room for a machine that has other things to do.
    assert longest < 0.05
    await store.close()


async def test_who_closes_and_opens_or_comes_and_goes_for_ever_leaves_no_more_than_was_said(
    tmp_path: Path, clock: Clock
) -> None:
    store: Any = make_sqlite(tmp_path, clock)
    node = await Node(store.attach()).start()
    await node.register("alice", "bob")
    await node.open_room("alice")
    for _ in range(300):
        await node.do(Joined("bob"), ModeSet("alice", on="i"), ModeSet("alice", off="i"), Left("bob"))
    assert ask(store, "SELECT (SELECT count(*) FROM former_members), (SELECT count(*) FROM closures)") == [(100, 100)]
    # What was said while it was closed, and nobody else was there, is hidden still; the rest is not.
    await node.say("alice", "open")
    await node.do(ModeSet("alice", on="i"))
    await node.say("alice", "closed")
    await node.do(ModeSet("alice", off="i"), Joined("bob"))
    await node.say("alice", "open again")
    await node.do(Left("bob"), Joined("bob"))
    assert await node.texts("bob") == ["open", "open again"]
    assert ask(store, "SELECT (SELECT count(*) FROM former_members), (SELECT count(*) FROM closures)") == [(101, 101)]
    await store.close()

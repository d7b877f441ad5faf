"""SQLite: committed and flushed before anybody is told; and what happens when that fails."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import apsw
import pytest

from securechat.chat.events import Joined, Kicked, Posted
from securechat.chat.ports import Lane, Outcome, Verdict
from securechat.errors import StorageError
from securechat.storage.sqlite import SqliteStore, writer
from tests.storage.disk import Disk
from tests.storage.nodes import ROOM, Clock, Node, once

NOTES = "d/alice/alice"
COUNT_MESSAGES = "SELECT count(*) FROM records WHERE kind = 'Posted'"


def posted(text: str) -> tuple[str, Posted]:
    return NOTES, Posted("alice", "PRIVMSG", text)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def store(path: Path, disk: Disk, clock: Clock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(path, clock=clock, randbytes=random.Random(1).randbytes)
    yield store
    disk.full = disk.broken = False
    await store.close()


@pytest.fixture
async def node(store: SqliteStore) -> Node:
    node = await Node(store.attach()).start()
    await node.register("alice")
    # Even where somebody is told too early (see tests/controls), this commit is over before the tests go on.
    await on_writer(store, lambda connection: connection.pragma("synchronous"))
    return node


async def on_writer(store: SqliteStore, work: Callable[[apsw.Connection], object]) -> object:
    return await asyncio.wrap_future(store._writer.call(work))


def count_messages(path: Path) -> int:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.execute(COUNT_MESSAGES).fetchone()[0])
    finally:
        connection.close()


class Gate:
    """Holds the flush of every commit up until it is opened."""

    def __init__(self, disk: Disk) -> None:
        self.entered = asyncio.Event()
        self.opened = threading.Event()
        self._loop = asyncio.get_running_loop()
        disk.on_sync = self._wait

    def _wait(self) -> None:
        # What was handed to the loop before this flush runs there before this.
        self._loop.call_soon_threadsafe(self.entered.set)
        self.opened.wait(10)


# ── commit first ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_is_told_before_the_commit_has_returned(node: Node, path: Path, disk: Disk) -> None:
    gate = Gate(disk)
    future = node.submit(posted("hello"))
    await gate.entered.wait()
    told, stored = future.done(), count_messages(path)
    gate.opened.set()
    assert (told, stored) == (False, 0)
    assert (await future).verdict is Verdict.STORED


async def test_another_connection_sees_the_record_when_the_sink_does(store: SqliteStore, path: Path) -> None:
    seen = []
    node = Node(store.attach())
    take = node._take
    node._take = lambda outcomes: (seen.append(count_messages(path)), take(outcomes))  # type: ignore[method-assign]
    await node.start()
    await node.register("alice")
    for number in range(20):
        await node.put(posted(str(number)))
    assert seen == list(range(21))


@pytest.mark.parametrize(("synchronous", "expected"), [("full", "sync"), ("off", "write")], ids=["full", "control"])
async def test_what_was_written_is_flushed_before_anybody_is_told(
    store: SqliteStore, node: Node, disk: Disk, synchronous: str, expected: str
) -> None:
    await on_writer(store, lambda connection: connection.pragma("synchronous", synchronous))
    last: list[tuple[str, str]] = []
    take = node._take
    node.history._follower._sink = lambda outcomes: (last.extend(disk.trace[-1:]), take(outcomes))  # type: ignore[attr-defined]
    for number in range(10):
        disk.trace.clear()
        await node.put(posted(str(number)))
    assert last == [(expected, "history.db-wal")] * 10


async def test_what_queues_during_a_commit_is_the_next_transaction(node: Node, disk: Disk) -> None:
    gate = Gate(disk)
    node.batches.clear()
    futures = [node.submit(posted("first"))]
    await gate.entered.wait()
    futures += [node.submit(posted(str(number))) for number in range(100)]
    gate.opened.set()
    for future in futures:
        await future
    assert node.batches == [1, 100]


async def test_a_transaction_has_a_bounded_size_and_the_order_stays(
    node: Node, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_BATCH", 40)
    gate = Gate(disk)
    node.batches.clear()
    futures = [node.submit(posted("first"))]
    await gate.entered.wait()
    futures += [node.submit(posted(str(number))) for number in range(100)]
    gate.opened.set()
    outcomes = [await future for future in futures]
    assert node.batches == [1, 40, 40, 20]
    assert [outcome.records[0].seq for outcome in outcomes] == list(range(1, 102))


def test_what_was_told_survives_being_killed(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import asyncio, os, sys, time
        from pathlib import Path
        from securechat.chat.events import Posted
        from securechat.storage.sqlite import SqliteStore
        from tests.storage.nodes import Node

        async def talk():
            store = SqliteStore.open(Path(sys.argv[1]), clock=lambda: time.time_ns() // 10**6, randbytes=os.urandom)
            node = await Node(store.attach()).start()
            await node.register("alice")
            number = 0
            while True:
                batch = [node.submit(("d/alice/alice", Posted("alice", "PRIVMSG", str(number + n)))) for n in range(5)]
                number += 5
                for future in batch:
                    print((await future).records[0].event.text, flush=True)

        asyncio.run(talk())
    """)
    path = tmp_path / "history.db"
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    complete = [line for line in told if line.endswith("\n")]
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    rows = connection.execute("SELECT seq, body ->> 'text' FROM records WHERE kind = 'Posted' ORDER BY seq").fetchall()
    connection.close()
    assert rows[: len(complete)] == [(number + 1, str(number)) for number in range(len(complete))]
    assert [int(line) for line in complete] == list(range(len(complete)))


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_flush_that_fails_is_fatal_once_and_nothing_is_acknowledged_after_it(
    store: SqliteStore, node: Node, disk: Disk
) -> None:
    other = await Node(store.attach()).start()
    node.outcomes.clear()
    disk.broken = True
    node.submit(posted("lost"), once=once("alice", "1", "lost"))
    await node.failed.wait()
    await other.failed.wait()
    disk.broken = False
    node.submit(posted("never tried again"))
    node.submit(once=once("alice", "1", "lost"))
    other.submit(posted("nor this"))
    await node.history.close()
    await other.history.close()
    assert [type(error) for error in node.failures + other.failures] == [StorageError, StorageError]
    assert "the flush failed" in str(node.failures[0])
    assert node.outcomes == other.outcomes == []


async def test_a_write_that_is_refused_for_another_reason_is_fatal(store: SqliteStore, node: Node) -> None:
    node.outcomes.clear()
    await on_writer(store, lambda connection: connection.pragma("query_only", True))
    node.submit(posted("lost"))
    await node.failed.wait()
    assert node.outcomes == []


async def test_nobody_starts_on_a_history_that_has_failed(store: SqliteStore, node: Node, disk: Disk) -> None:
    disk.broken = True
    node.submit(posted("lost"))
    await node.failed.wait()
    with pytest.raises(StorageError):
        await store.attach().start(lambda _outcomes: None, lambda _error: None)


async def test_a_full_disk_refuses_the_batch_and_the_store_goes_on_when_there_is_room(
    node: Node, disk: Disk, path: Path
) -> None:
    await node.open_room("alice")
    lane = Lane()
    key = once("alice", "1", "x")
    disk.full = True
    futures = [
        node.submit((ROOM, Posted("alice", "PRIVMSG", "x")), once=key, lane=lane),
        node.submit((ROOM, Joined("alice")), lane=lane),
        node.submit((ROOM, Kicked("alice", "alice")), (ROOM, Posted("alice", "PRIVMSG", "y")), lane=lane),
    ]
    outcomes: list[Outcome] = [await future for future in futures]
    assert [(outcome.verdict.value, outcome.records) for outcome in outcomes] == [("unavailable", ())] * 3
    assert (node.failures, lane.refused, count_messages(path)) == ([], -1, 0)

    disk.full = False
    again = await node.put((ROOM, Posted("alice", "PRIVMSG", "x")), expects={ROOM: 0}, once=key, lane=lane)
    assert (again.verdict, again.records[0].seq) == (Verdict.STORED, 3)
    assert await node.texts("alice") == ["x"]


async def test_a_database_that_may_not_grow_refuses_the_batch(store: SqliteStore, node: Node) -> None:
    await on_writer(store, lambda connection: connection.pragma("max_page_count", connection.pragma("page_count")))
    big = "x" * 400
    futures = [node.submit(posted(big)) for _ in range(1000)]
    assert {(await future).verdict for future in futures} == {Verdict.UNAVAILABLE}
    await on_writer(store, lambda connection: connection.pragma("max_page_count", 10**6))
    assert (await node.put(posted("fits"))).records[0].seq == 1


async def test_somebody_elses_lock_refuses_the_batch_and_no_more(store: SqliteStore, node: Node, path: Path) -> None:
    await on_writer(store, lambda connection: connection.set_busy_timeout(1))
    intruder = apsw.Connection(str(path))
    intruder.execute("BEGIN IMMEDIATE")
    assert (await node.put(posted("kept out"))).verdict is Verdict.UNAVAILABLE
    intruder.execute("ROLLBACK")
    intruder.close()
    assert (await node.put(posted("let in"))).verdict is Verdict.STORED


async def test_a_node_whose_loop_has_ended_does_not_hinder_the_others(store: SqliteStore, node: Node) -> None:
    def follow_and_vanish() -> None:
        asyncio.run(Node(store.attach()).start())  # type: ignore[arg-type]

    await asyncio.to_thread(follow_and_vanish)
    assert (await node.put(posted("hello"))).verdict is Verdict.STORED
    assert (await node.put(posted("again"))).verdict is Verdict.STORED
    assert len(store._writer._followers) == 1

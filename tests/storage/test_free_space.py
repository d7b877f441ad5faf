"""The free-space mark: when there is room and when not, what is refused meanwhile, and how it ends."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.chat.events import Joined, Posted
from securechat.chat.ports import Outcome
from securechat.errors import ConfigError
from securechat.storage.sqlite import FreeSpace, SqliteStore, free_bytes
from tests.storage.nodes import ROOM, Clock, Node, once


class Meter:
    """A file system whose free bytes are set, and what was told of it."""

    def __init__(self, free: int, mark: int = 1000) -> None:
        self.free = free
        self.looks = 0
        self.now = 0.0
        self.broken = False
        self.told: list[tuple[bool, int]] = []
        self.turned = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.space = FreeSpace(mark, self.look, self.note, lambda: self.now)

    def listen(self) -> None:
        """Set `turned` on this loop whenever something is told, from whichever thread."""
        self._loop = asyncio.get_running_loop()

    def look(self) -> int:
        self.looks += 1
        if self.broken:
            raise OSError(5, "Input/output error")
        return self.free

    def note(self, room: bool, free: int) -> None:
        self.told.append((room, free))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.turned.set)


@pytest.mark.parametrize(
    ("free", "expected", "told"),
    [
        ([1000], [True], []),
        ([999], [False], [(False, 999)]),
        ([5000, 1000, 999, 0], [True, True, False, False], [(False, 999)]),
        # Once below, the mark itself is not enough: a quarter more is.
        ([999, 1000, 1249, 1250, 1000], [False, False, False, True, True], [(False, 999), (True, 1250)]),
        ([999, 1250, 999], [False, True, False], [(False, 999), (True, 1250), (False, 999)]),
    ],
)
def test_below_the_mark_there_is_no_room_until_there_is_a_quarter_more(
    free: list[int], expected: list[bool], told: list[tuple[bool, int]]
) -> None:
    meter = Meter(0)
    found = []
    for meter.free in free:
        meter.now += 1
        found.append(meter.space.suffices())
    assert (found, meter.told) == (expected, told)


def test_a_look_is_believed_for_a_second_and_no_longer() -> None:
    meter = Meter(5000)
    found = []
    for meter.now, meter.free in [(0.0, 5000), (0.5, 0), (0.999, 0), (1.0, 0), (1.5, 5000), (2.0, 5000)]:
        found.append((meter.space.suffices(), meter.looks))
    assert found == [(True, 1), (True, 1), (True, 1), (False, 2), (False, 2), (True, 3)]


def test_what_is_in_doubt_is_looked_at_again_at_once() -> None:
    meter = Meter(5000)
    assert meter.space.suffices()
    meter.free = 0
    meter.space.doubt()
    assert not meter.space.suffices()


def test_a_disk_that_cannot_be_asked_changes_nothing() -> None:
    meter = Meter(0)
    assert not meter.space.suffices()
    meter.now, meter.broken, meter.free = 1.0, True, 5000
    assert not meter.space.suffices()
    meter.broken = False
    assert meter.space.suffices()


def test_without_a_mark_nobody_looks() -> None:
    meter = Meter(0, mark=0)
    assert meter.space.suffices()
    assert meter.space.admits_beginning()
    assert (meter.looks, meter.told) == (0, [])


def test_what_is_free_is_what_this_user_may_take(tmp_path: Path) -> None:
    # Others use the same disk meanwhile.
    assert free_bytes(tmp_path) == pytest.approx(shutil.disk_usage(tmp_path).free, abs=1 << 30)


@pytest.fixture
def meter() -> Meter:
    return Meter(5000)


@pytest.fixture
async def node(tmp_path: Path, meter: Meter) -> AsyncIterator[Node]:
    """A node on a store whose file system the meter is; there is room."""
    meter.listen()
    store = SqliteStore.open(
        tmp_path / "history.db", clock=Clock(), randbytes=random.Random(1).randbytes, space=meter.space
    )
    node = await Node(store.attach()).start()
    await node.register("alice", "bob")
    await node.open_room("alice")
    yield node
    await store.close()


async def test_without_room_what_was_stored_is_found_and_nothing_is_added(node: Node, meter: Meter) -> None:
    hello = (ROOM, Posted("alice", "PRIVMSG", "hello"))
    stored = await node.put(hello, once=once("alice", "1", "hello"))
    meter.free, meter.now = 999, 1.0
    outcomes: list[Outcome] = [
        await node.put(hello, once=once("alice", "1", "hello")),
        await node.put((ROOM, Posted("alice", "PRIVMSG", "more")), once=once("alice", "1", "more")),
        await node.put(once=once("alice", "2", "hello")),
        await node.put(hello, once=once("alice", "2", "hello")),
        await node.put((ROOM, Joined("bob"))),
    ]
    assert [(outcome.verdict.value, len(outcome.records)) for outcome in outcomes] == [
        ("repeated", 1),
        ("mismatched", 0),
        ("absent", 0),
        ("unavailable", 0),
        ("unavailable", 0),
    ]
    assert outcomes[0].records == stored.records
    assert await node.texts("alice") == ["hello"]


async def test_it_is_found_out_that_there_is_room_again_though_nobody_asks(node: Node, meter: Meter) -> None:
    meter.free, meter.now = 999, 1.0
    assert (await node.put((ROOM, Joined("bob")))).verdict.value == "unavailable"
    meter.turned.clear()
    meter.free, meter.now = 1250, 2.0
    async with asyncio.timeout(10):
        await meter.turned.wait()
    assert meter.told == [(False, 999), (True, 1250)]
    assert (await node.put((ROOM, Joined("bob")))).verdict.value == "stored"


def test_a_new_database_is_not_begun_without_room_and_an_old_one_is_opened(tmp_path: Path) -> None:
    def open_store(meter: Meter) -> SqliteStore:
        return SqliteStore.open(
            tmp_path / "history.db", clock=Clock(), randbytes=random.Random(1).randbytes, space=meter.space
        )

    with pytest.raises(ConfigError, match=r"history\.db: the disk is too full to begin \(see limits\.free_space\)"):
        open_store(Meter(999))
    assert list(tmp_path.iterdir()) == []
    asyncio.run(open_store(Meter(1000)).close())
    asyncio.run(open_store(Meter(999)).close())

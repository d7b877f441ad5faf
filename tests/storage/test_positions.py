"""What devices were sent and accounts have read is kept beside the history, in both stores alike."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import apsw

from securechat.chat.arrears import Arrear, Arrears, ArrearsQuery, MissedQuery, Position, ReadMark
from securechat.chat.events import Created, Deleted, DeviceAdded, DeviceRevoked, Joined, Posted
from securechat.storage.sqlite import SqliteStore
from tests.storage.nodes import ROOM, Clock, Node


async def arrears(node: Node, device: str = "phone", account: str = "alice") -> Arrears:
    return await node.history.arrears(ArrearsQuery(account, device, 3, 5, 10))


def come(node: Node, time: int, device: str = "phone", account: str = "alice") -> None:
    node.history.note(Position(account, device, f"a/{account}", time))


async def test_a_device_that_never_came_is_shown_the_newest_messages(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    assert await arrears(node) == Arrears(False, [Arrear(ROOM, 3, 3)])
    records = await node.say("bob", "1", "2", "3", "4", "5")
    assert await arrears(node) == Arrears(False, [Arrear(ROOM, records[1].seq, 8)])


async def test_a_device_that_comes_back_goes_on_where_it_was(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    records = await node.say("bob", *"123456789")
    come(node, 1)
    node.history.note(Position("alice", "phone", ROOM, records[5].seq))
    node.history.note(Position("alice", "phone", ROOM, records[4].seq))
    assert await arrears(node) == Arrears(True, [Arrear(ROOM, records[5].seq, 12)])
    missed = await node.history.missed(MissedQuery("alice", ROOM, records[5].seq, 2))
    assert ([each.seq for each in missed.records], missed.through, missed.is_full) == ([10, 11], 11, True)
    missed = await node.history.missed(MissedQuery("alice", ROOM, 11, 2))
    assert ([each.seq for each in missed.records], missed.through, missed.is_full) == ([12], 12, False)


async def test_what_is_too_much_is_left_out_and_counted(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    come(node, 1)
    await node.say("bob", *"123456789")
    assert await arrears(node) == Arrears(True, [Arrear(ROOM, 7, 12, 4)])
    node.history.note(Position("alice", "phone", ROOM, 7))
    assert await arrears(node) == Arrears(True, [Arrear(ROOM, 7, 12)])


async def test_a_conversation_that_began_meanwhile_is_missing_whole(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("bob")
    come(node, 1)
    await node.say("bob", "before")
    await node.do(Joined("alice"))
    await node.say("bob", "after")
    await node.do(Posted("bob", "PRIVMSG", "hello"), stream="d/alice/bob")
    found = await arrears(node)
    assert (found.known, sorted(found.conversations)) == (True, [Arrear(ROOM, 3, 5), Arrear("d/alice/bob", 0, 1)])


async def test_nothing_is_missed_where_one_may_not_read(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await node.say("bob", "hello")
    await node.kick("bob")
    missed = await node.history.missed(MissedQuery("bob", ROOM, 0, 5))
    assert (missed.records, missed.through, missed.is_full) == ((), 5, False)
    assert await arrears(node, account="bob") == Arrears(False, [])


async def test_a_revoked_device_and_a_deleted_account_leave_no_places(node: Node) -> None:
    await node.register("alice", "bob")
    await node.do(DeviceAdded("d1", "label", "digest"), stream="a/alice")
    come(node, 1, "d1")
    come(node, 1)
    assert (await arrears(node, "d1")).known
    await node.do(Posted("alice", "PRIVMSG", "takes the notes along"), stream="d/alice/bob")
    await node.do(DeviceRevoked("d1"), stream="a/alice")
    assert not (await arrears(node, "d1")).known
    assert (await arrears(node)).known
    await node.do(Deleted(), stream="a/alice")
    assert not (await arrears(node)).known


async def test_the_places_of_a_hundred_devices_are_kept(node: Node) -> None:
    await node.register("alice")
    for number in range(101):
        come(node, 1000 + number, f"device {number}")
    await node.do(Posted("alice", "PRIVMSG", "takes the notes along"), stream="d/alice/alice")
    known = [number for number in range(101) if (await arrears(node, f"device {number}")).known]
    assert known == list(range(1, 101))


async def test_marks_are_loaded_with_the_state_and_never_go_back(node: Node, join_node) -> None:
    await node.register("alice")
    node.history.note(ReadMark("alice", ROOM, 5))
    node.history.note(ReadMark("alice", ROOM, 3))
    await node.do(Posted("alice", "PRIVMSG", "takes the notes along"), stream="d/alice/alice")
    node.history.note(ReadMark("alice", ROOM, 4))
    await node.do(Posted("alice", "PRIVMSG", "takes the notes along"), stream="d/alice/alice")
    other = node.history._store.attach()
    snapshot = await other.start(lambda _: None, print)
    assert list(snapshot.marks) == [ReadMark("alice", ROOM, 5)]


async def test_a_note_is_on_disk_a_second_later_though_nothing_is_said(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "history.db", clock=Clock(), randbytes=random.Random(1).randbytes)
    node = await Node(store.attach()).start()
    await node.register("alice")
    node.history.note(ReadMark("alice", ROOM, 5))
    reader = apsw.Connection(str(tmp_path / "history.db"), flags=apsw.SQLITE_OPEN_READONLY)
    assert reader.execute("SELECT * FROM marks").fetchall() == []
    async with asyncio.timeout(5):
        while not reader.execute("SELECT * FROM marks").fetchall():
            await asyncio.sleep(0.05)
    reader.close()
    await store.close()


async def test_a_store_that_closes_takes_its_notes_along(tmp_path: Path) -> None:
    for expected in ([], [ReadMark("alice", ROOM, 5)]):
        store = SqliteStore.open(tmp_path / "history.db", clock=Clock(), randbytes=random.Random(1).randbytes)
        node = await Node(store.attach()).start()
        snapshot = await store.attach().start(lambda _: None, print)
        assert list(snapshot.marks) == expected
        if not expected:
            await node.register("alice")
            await node.do(Created("#x", "alice"), stream="c/x")
            node.history.note(ReadMark("alice", ROOM, 5))
        await store.close()

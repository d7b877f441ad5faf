"""What every store does with a message that is sent again."""

from __future__ import annotations

from securechat.chat.events import Posted
from securechat.chat.ports import Verdict
from tests.storage.nodes import ROOM, Node, once


def posted(account: str, text: str = "hello") -> Posted:
    return Posted(account, "PRIVMSG", text)


async def test_the_same_id_is_stored_once_and_repeated_with_the_first_record(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    key = once("alice", "uuid", "hello")
    first = await node.put((ROOM, posted("alice")), once=key)
    again = await node.put((ROOM, posted("alice")), once=key)
    look_up = await node.put(once=key)
    assert first.verdict is Verdict.STORED
    assert (again.verdict, again.records) == (Verdict.REPEATED, first.records)
    assert (look_up.verdict, look_up.records) == (Verdict.REPEATED, first.records)
    assert await node.texts("bob") == ["hello"]


async def test_a_repeat_in_the_same_batch_is_found(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    key = once("alice", "uuid", "hello")
    futures = [node.submit((ROOM, posted("alice")), once=key) for _ in range(3)]
    outcomes = [await future for future in futures]
    assert [outcome.verdict.value for outcome in outcomes] == ["stored", "repeated", "repeated"]
    assert {outcome.records[0].seq for outcome in outcomes} == {4}


async def test_the_same_id_with_other_content_is_mismatched(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await node.put((ROOM, posted("alice")), once=once("alice", "uuid", "hello"))
    outcome = await node.put((ROOM, posted("alice", "bye")), once=once("alice", "uuid", "bye"))
    assert (outcome.verdict, outcome.records) == (Verdict.MISMATCHED, ())
    assert await node.texts("bob") == ["hello"]


async def test_ids_are_each_accounts_own(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    assert (await node.put((ROOM, posted("alice")), once=once("alice", "1", "x"))).verdict is Verdict.STORED
    assert (await node.put((ROOM, posted("bob")), once=once("bob", "1", "y"))).verdict is Verdict.STORED


async def test_a_look_up_stores_nothing(node: Node) -> None:
    await node.register("alice")
    key = once("alice", "uuid", "hello")
    assert (await node.put(once=key)).verdict is Verdict.ABSENT
    assert (await node.put(once=key)).verdict is Verdict.ABSENT


async def test_a_repeat_is_found_after_its_sender_was_kicked(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    key = once("bob", "uuid", "hello")
    first = await node.put((ROOM, posted("bob")), expects={ROOM: 0}, once=key)
    await node.kick("bob")
    again = await node.put((ROOM, posted("bob")), expects={ROOM: 0}, once=key)
    assert (again.verdict, again.records) == (Verdict.REPEATED, first.records)


async def test_the_id_of_a_stale_message_is_not_used_up(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    key = once("bob", "uuid", "hello")
    assert (await node.put((ROOM, posted("bob")), expects={ROOM: 3}, once=key)).verdict is Verdict.STALE
    assert (await node.put((ROOM, posted("bob")), expects={ROOM: 0}, once=key)).verdict is Verdict.STORED

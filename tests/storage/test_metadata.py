"""What every store does with what people say of themselves: it lasts, and ends with the account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from securechat.chat.events import Deleted, MetadataSet
from securechat.chat.ports import Verdict
from securechat.storage.memory import MemoryStore
from tests.storage.conftest import make_sqlite
from tests.storage.nodes import Clock, Node

JoinNode = Callable[[], Awaitable[Node]]


async def test_the_last_value_of_each_key_lasts(node: Node, join_node: JoinNode) -> None:
    await node.register("alice", "bob")
    await node.do(
        MetadataSet("status", "one"), MetadataSet("color", "#000000"), MetadataSet("status", "two"), stream="a/alice"
    )
    await node.do(MetadataSet("color"), MetadataSet("pronouns"), stream="a/alice")
    fresh = (await join_node()).directory
    assert fresh.accounts["alice"].metadata == {"status": "two"}
    assert fresh.accounts["bob"].metadata == {}
    assert fresh.accounts == node.directory.accounts


async def test_it_takes_no_right_away(node: Node) -> None:
    await node.register("alice")
    await node.do(MetadataSet("status", "one"), stream="a/alice")
    assert (await node.put(("a/alice", MetadataSet("status", "two")), expects={"a/alice": 0})).verdict is Verdict.STORED


async def test_nobody_says_anything_of_who_is_not_there_or_gone(node: Node, join_node: JoinNode) -> None:
    await node.register("alice")
    assert (await node.put(("a/nobody", MetadataSet("status", "x")))).verdict is Verdict.STALE
    await node.do(MetadataSet("status", "one"), stream="a/alice")
    await node.do(Deleted(), stream="a/alice")
    assert (await node.put(("a/alice", MetadataSet("status", "x")))).verdict is Verdict.STALE
    assert (await join_node()).directory.accounts["alice"].metadata == {}


@pytest.mark.parametrize("erase", [False, True])
async def test_what_a_deleted_account_said_of_itself_is_in_no_row(tmp_path: Path, erase: bool) -> None:
    store = make_sqlite(tmp_path, Clock())
    node = await Node(store.attach()).start()
    await node.register("alice", "bob")
    await node.do(MetadataSet("status", "an earlier secret"), MetadataSet("status", "a secret"), stream="a/alice")
    await node.do(MetadataSet("status", "mine"), stream="a/bob")
    assert rows(tmp_path) == ["an earlier secret", "a secret", "mine", "a secret", "mine"]
    # What is said and taken away in one append is no exception.
    await node.put(("a/alice", MetadataSet("color", "last")), ("a/alice", Deleted(erase)))
    assert rows(tmp_path) == [None, None, None, "mine", "mine"]
    await store.close()


def rows(directory: Path) -> list[str | None]:
    """Return the values in the records, by account and seq, then those of the table."""
    connection = apsw.Connection(str(directory / "history.db"), flags=apsw.SQLITE_OPEN_READONLY)
    said = """
        SELECT json_extract(body, '$.value') FROM records JOIN accounts USING (stream)
        WHERE kind = 'MetadataSet' ORDER BY id, seq"""
    found = [*connection.execute(said), *connection.execute("SELECT value FROM metadata ORDER BY account")]
    connection.close()
    return [value for (value,) in found]


async def test_the_reference_forgets_it_too() -> None:
    store = MemoryStore(Clock(), lambda n: bytes(n))
    node = await Node(store.attach()).start()
    await node.register("alice")
    await node.do(MetadataSet("status", "a secret"), stream="a/alice")
    await node.do(Deleted(), stream="a/alice")
    assert [record.event for record in store.state.streams["a/alice"][1:]] == [MetadataSet("status"), Deleted()]

"""SQLite: erased text is in no byte of the files, whatever pages it has wandered through; and the schema before."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import apsw
import pytest

from securechat.chat.events import ChannelRenamed, Deleted, Joined, Kicked, Left, Posted, RoleSet, TopicSet
from securechat.chat.ports import Verdict
from securechat.storage.sqlite import SqliteStore, database, erasure
from securechat.storage.sqlite.migrations import MIGRATIONS
from tests.storage.nodes import ROOM, Clock, Node

MARK = b"ERASE-ME"


def open_store(path: Path) -> SqliteStore:
    return SqliteStore.open(path, clock=Clock(), randbytes=random.Random(1).randbytes)


async def write_much(path: Path) -> tuple[SqliteStore, Node]:
    """Have two people fill pages of several streams by turns, with long tags now and then, so that pages are split."""
    store = open_store(path)
    node = await Node(store.attach()).start()
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    await node.open_room("bob", stream="c/two")
    chance = random.Random(2)
    futures = []
    for number in range(3000):
        writer = chance.choice(["alice", "bob"])
        stream = chance.choice([ROOM, "c/two", "d/alice/bob"] if writer == "alice" else [ROOM, "d/bob/carol"])
        word = MARK.decode() if writer == "alice" else "keep-me"
        tags = {"+long": word * 400} if chance.random() < 0.03 else {}
        text = f"{word} {number} {'x' * chance.choice([10, 60, 300, 400])}"
        futures.append(node.submit((stream, Posted(writer, "PRIVMSG", text, tags))))
        if chance.random() < 0.05:
            await futures[-1]
    assert {(await future).verdict for future in futures} == {Verdict.STORED}
    return store, node


async def erase(node: Node) -> None:
    leaving = ((ROOM, Left("alice", "", "q")), (ROOM, RoleSet("bob", "q", "")))
    assert (await node.put(*leaving, ("a/alice", Deleted(erase=True)))).verdict is Verdict.STORED


def count_marks(directory: Path, mark: bytes = MARK) -> dict[str, int]:
    return {path.name: path.read_bytes().count(mark) for path in directory.iterdir()}


async def test_erased_text_is_in_no_byte_of_the_files_once_it_is_acknowledged(tmp_path: Path) -> None:
    store, node = await write_much(tmp_path / "history.db")
    assert sum(count_marks(tmp_path).values()) > 1000
    before = await node.texts("bob", stream="d/bob/carol")
    await erase(node)
    marks = count_marks(tmp_path)
    assert {"history.db", "history.db-wal"} <= set(marks)
    assert sum(marks.values()) == 0
    assert await node.texts("bob", stream="d/bob/carol") == before
    assert sum(count_marks(tmp_path, b"keep-me").values()) > 1000
    await node.say("bob", "and on it goes")
    await store.close()
    assert sum(count_marks(tmp_path).values()) == 0
    store = open_store(tmp_path / "history.db")
    assert (await (await Node(store.attach()).start()).texts("bob"))[-1] == "and on it goes"
    await store.close()


async def test_topics_and_reasons_are_erased_with_the_messages_and_nobody_elses(tmp_path: Path) -> None:
    store = open_store(tmp_path / "history.db")
    node = await Node(store.attach()).start()
    await node.register("alice", "bob", "carol")
    await node.open_room("bob", "alice", "carol")
    mark = MARK.decode()
    for event in (
        *(TopicSet("alice", mark), TopicSet("bob", "keep-me"), Kicked("carol", "alice", mark), Left("alice", mark)),
        *(Joined("carol"), Left("carol", "keep-me"), Joined("alice"), Kicked("alice", "bob", "keep-me")),
        *(ChannelRenamed("#b", "#room", "alice", mark), ChannelRenamed("#c", "#b", "bob", "keep-me")),
    ):
        assert (await node.put((ROOM, event))).verdict is Verdict.STORED
    assert sum(count_marks(tmp_path).values()) >= 3
    kept = sum(count_marks(tmp_path, b"keep-me").values())
    assert (await node.put(("a/alice", Deleted(erase=True)))).verdict is Verdict.STORED
    assert sum(count_marks(tmp_path).values()) == 0
    assert kept >= sum(count_marks(tmp_path, b"keep-me").values()) >= 4
    await store.close()


async def test_control_overwriting_alone_leaves_copies_in_pages_that_were_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_the_wal(connection: apsw.Connection) -> None:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    monkeypatch.setattr(erasure, "scrub", cut_the_wal)
    store, node = await write_much(tmp_path / "history.db")
    await erase(node)
    assert sum(count_marks(tmp_path).values()) > 0
    await store.close()
    # What was due when the server ended is done when it begins again.
    monkeypatch.undo()
    store = open_store(tmp_path / "history.db")
    assert sum(count_marks(tmp_path).values()) == 0
    connection = store._writer.call(erasure.is_due)
    assert await asyncio.wrap_future(connection) is False
    await store.close()


async def test_without_room_the_account_is_deleted_and_the_files_are_scrubbed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, node = await write_much(tmp_path / "history.db")

    class Full:
        def execute(self, _statement: str) -> None:
            raise apsw.FullError

    scrub = erasure.scrub
    monkeypatch.setattr(erasure, "scrub", lambda _connection: scrub(Full()))  # type: ignore[arg-type]
    await erase(node)
    assert node.directory.accounts["alice"].deleted
    assert [text for text in await node.texts("bob") if MARK.decode() in text] == []
    await node.say("bob", "and on it goes")
    assert await asyncio.wrap_future(store._writer.call(erasure.is_due)) is True
    await store.close()
    monkeypatch.undo()
    await open_store(tmp_path / "history.db").close()
    assert sum(count_marks(tmp_path).values()) == 0


async def test_a_database_of_the_first_schema_goes_on_with_all_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.db"
    first = apsw.Connection(str(path))
    first.execute(MIGRATIONS[0])
    first.pragma("application_id", database.APPLICATION_ID)
    first.pragma("user_version", 1)
    first.execute(
        """INSERT INTO streams VALUES (1, 'a/alice', 0, 1, 1000), (2, 'a/bob', 0, 1, 1000), (3, 'c/room', 0, 4, 1003);
        INSERT INTO records VALUES
            (1, 1, '01', 1000, 'Registered', '{"type":"Registered","name":"alice"}'),
            (2, 1, '02', 1000, 'Registered', '{"type":"Registered","name":"bob"}'),
            (3, 1, '03', 1000, 'Created', '{"type":"Created","name":"#room","account":"alice"}'),
            (3, 2, '04', 1001, 'Joined', '{"type":"Joined","account":"alice","role":"q"}'),
            (3, 3, '05', 1002, 'Joined', '{"type":"Joined","account":"bob"}'),
            (3, 4, '06', 1003, 'Posted', '{"type":"Posted","account":"alice","command":"PRIVMSG","text":"ERASE-ME"}');
        INSERT INTO accounts VALUES ('alice', 1, 'alice', 'member', '$1', 1, 1000), ('bob', 2, 'bob', 'admin', '', 0, 1000);
        INSERT INTO names VALUES ('alice', 'allce', 'alice'), ('bob', 'bob', 'bob');
        INSERT INTO channels (stream, id, name, folded, created, modes, written)
            VALUES (3, 'room', '#room', '#room', 1000, 'nt', 1);
        INSERT INTO members VALUES (3, 'alice', 'q', 2), (3, 'bob', '', 3);"""
    )
    first.close()
    store = open_store(path)
    node = await Node(store.attach()).start()
    assert {account.name: (account.deleted, account.skeletons) for account in node.directory.accounts.values()} == {
        "alice": (False, {"allce"}),
        "bob": (False, {"bob"}),
    }
    assert await node.texts("bob") == ["ERASE-ME"]
    await erase(node)
    assert await node.texts("bob") == []
    # What it was before the migration is somebody else's to throw away.
    path.with_name(f"{path.name}.before-{len(MIGRATIONS)}").unlink()
    assert sum(count_marks(tmp_path).values()) == 0
    await store.close()

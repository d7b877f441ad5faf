"""SQLite: how the index of words keeps up, what leaves it, and which way a search takes through it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from securechat.chat.events import Deleted, Left, Posted, Redacted, RoleSet
from securechat.chat.ports import SearchQuery, Verdict
from securechat.chat.searchwords import read_asked
from securechat.storage.sqlite import SqliteStore, database, erasure, finding, fulltext, indexing, writer
from securechat.storage.sqlite.migrations import MIGRATIONS
from tests.storage.nodes import ROOM, Clock, Node

# Nothing else begins with these letters: the index would keep what differs from the word before it alone.
MARK = "zqxjkv"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def open_store(path: Path) -> SqliteStore:
    return SqliteStore.open(path, clock=Clock(), randbytes=random.Random(1).randbytes)


async def begin(path: Path) -> tuple[SqliteStore, Node]:
    store = open_store(path)
    node = await Node(store.attach()).start()
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    return store, node


async def ask(store: SqliteStore, work: Callable[[apsw.Connection], object]) -> object:
    return await asyncio.wrap_future(store._writer.call(work))


async def catch_up(store: SqliteStore) -> None:
    while not await ask(store, lambda _: store._writer._indexing.is_complete):
        await ask(store, lambda _: store._writer._indexing.step())


async def find(node: Node, words: str, account: str = "bob", **more: object) -> list[str]:
    found = await node.history.search(SearchQuery(account, read_asked(words).phrases, **more))  # type: ignore[arg-type]
    assert found.whole
    return [record.event.text for record in found.records]  # type: ignore[union-attr]


async def count_indexed(store: SqliteStore, word: str) -> int:
    statement = "SELECT count(*) FROM words WHERE words MATCH ?"
    found = await ask(store, lambda connection: connection.execute(statement, (f'"{word}"',)).fetchone()[0])
    assert isinstance(found, int)
    return found


def count_marks(directory: Path) -> int:
    return sum(path.read_bytes().lower().count(MARK.encode()) for path in directory.iterdir())


async def test_a_quiet_moment_is_enough_for_the_index_to_catch_up(path: Path) -> None:
    store, node = await begin(path)
    await node.say("alice", *(f"word {number}" for number in range(indexing.WORTHWHILE)))
    deadline = time.monotonic() + 10
    # Asked of a reading thread: a question to the writer is no quiet moment.
    statement = "SELECT count(*) FROM words WHERE words MATCH 'word'"
    while await store.read(lambda reader: reader._connection.execute(statement).fetchone()) != (indexing.WORTHWHILE,):
        assert time.monotonic() < deadline
    await store.close()


async def test_a_message_is_never_kept_waiting_for_the_index_unless_it_is_far_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUIET_SECONDS", 1000.0)
    monkeypatch.setattr(indexing, "FAR_BEHIND", 50)
    store, node = await begin(path)
    await node.say("alice", *(f"word {number}" for number in range(40)))
    assert await count_indexed(store, "word") == 0
    assert len(await find(node, "word")) == 40
    await node.say("alice", *(f"word {number}" for number in range(40)))
    assert await count_indexed(store, "word") > 0
    assert len(await find(node, "word", limit=100)) == 80
    await store.close()


async def test_one_step_takes_a_bounded_number_of_messages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUIET_SECONDS", 1000.0)
    store, node = await begin(path)
    future = [node.submit((ROOM, Posted("alice", "PRIVMSG", f"word {number}"))) for number in range(1000)]
    await asyncio.gather(*future)
    await ask(store, lambda _: store._writer._indexing.step())
    assert await count_indexed(store, "word") == indexing.MESSAGES_AT_ONCE
    await catch_up(store)
    assert await count_indexed(store, "word") == 1000
    await store.close()


async def test_what_was_not_indexed_at_the_end_is_found_and_indexed_after_the_start(path: Path) -> None:
    store, node = await begin(path)
    await node.say("alice", "first word")
    await catch_up(store)
    await node.say("alice", "second word")
    await store.close()
    store = open_store(path)
    node = await Node(store.attach()).start()
    assert await find(node, "word") == ["first word", "second word"]
    await catch_up(store)
    assert await count_indexed(store, "word") == 2
    assert await find(node, "word") == ["first word", "second word"]
    await store.close()


async def test_a_database_from_before_there_was_an_index_is_searched_at_once_and_indexed_by_and_by(path: Path) -> None:
    old = apsw.Connection(str(path))
    old.execute("".join(MIGRATIONS[:2]))
    old.pragma("application_id", database.APPLICATION_ID)
    old.pragma("user_version", 2)
    old.execute(
        """INSERT INTO streams VALUES (1, 'a/alice', 0, 1, 1000), (2, 'c/room', 0, 4, 1003);
        INSERT INTO records VALUES
            (1, 1, '01', 1000, 'Registered', '{"type":"Registered","name":"alice"}'),
            (2, 1, '03', 1000, 'Created', '{"type":"Created","name":"#room","account":"alice"}'),
            (2, 2, '04', 1001, 'Joined', '{"type":"Joined","account":"alice","role":"q"}'),
            (2, 3, '05', 1002, 'Posted', '{"type":"Posted","account":"alice","command":"PRIVMSG","text":"old word"}'),
            (2, 4, '06', 1003, 'Posted', '{"type":"Posted","account":"alice","command":"PRIVMSG","text":"old"}');
        INSERT INTO accounts VALUES ('alice', 1, 'alice', 'member', '', 1, 1000, 0);
        INSERT INTO names VALUES ('alice', 'allce', 'alice');
        INSERT INTO channels (stream, id, name, folded, created, modes, written)
            VALUES (2, 'room', '#room', '#room', 1000, 'nt', 1);
        INSERT INTO members VALUES (2, 'alice', 'q', 2);"""
    )
    old.close()
    store = open_store(path)
    node = await Node(store.attach()).start()
    assert await find(node, "wor*", "alice") == ["old word"]
    await catch_up(store)
    assert await count_indexed(store, "old") == 2
    assert await find(node, "wor*", "alice") == ["old word"]
    await store.close()


async def test_an_index_made_by_other_rules_is_made_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, node = await begin(path)
    await node.say("alice", "some word")
    await catch_up(store)
    await store.close()
    monkeypatch.setattr(fulltext, "RULES", "others")
    for expected in (0, 1):
        store = open_store(path)
        assert await count_indexed(store, "word") == expected
        assert await find(await Node(store.attach()).start(), "word") == ["some word"]
        await catch_up(store)
        assert await count_indexed(store, "word") == 1
        await store.close()


WAYS = [
    (finding, "RARE", 0),
    (fulltext, "MOST_ENDINGS", 1),
    (indexing, "PAGES_AT_ONCE", 1),
    (indexing, "TEXT_AT_ONCE", 1),
]


@pytest.mark.parametrize(("module", "name", "value"), WAYS)
async def test_every_way_through_the_index_finds_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, value: int
) -> None:
    monkeypatch.setattr(module, name, value)
    store, node = await begin(path)
    await node.open_room("alice", "bob", stream="c/two")
    for number in range(12):
        store._writer._clock.now += 1  # type: ignore[attr-defined]
        stream = (ROOM, "c/two", "d/alice/bob")[number % 3]
        await node.say("alice", f"message {number} messenger messy"[: 20 + number], stream=stream)
    await catch_up(store)
    store._writer._clock.now += 1  # type: ignore[attr-defined]
    await node.say("alice", "message last")
    everything = await find(node, "mess*")
    assert [text.split()[1] for text in everything] == [*map(str, range(12)), "last"]
    assert await find(node, "mess*", limit=13) == everything
    assert await find(node, "messe*") == [text for text in everything if "messe" in text]
    assert await find(node, "messz*") == []
    await store.close()


async def test_a_search_says_what_it_has_when_its_time_is_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, node = await begin(path)
    await node.say("alice", "word")
    monkeypatch.setattr(finding, "SEARCH_SECONDS", -1.0)
    found = await node.history.search(SearchQuery("bob", read_asked("word").phrases))
    assert (found.records, found.whole) == ((), False)
    await store.close()


async def write_marks(store: SqliteStore, node: Node) -> list[str]:
    """Write much, some of it with the mark, and have all of it indexed; return the msgids of what has it."""
    chance = random.Random(3)
    futures = []
    for number in range(1500):
        word = MARK if number % 50 == 7 else "keep"
        text = " ".join([word, *(chance.choice("abcdefgh") * chance.randint(1, 9) for _ in range(20))])
        futures.append(node.submit((ROOM, Posted("alice", "PRIVMSG", text))))
    records = [(await future).records[0] for future in futures]
    await catch_up(store)
    assert await count_indexed(store, MARK) == 30
    return [record.msgid for record in records if MARK in record.event.text]  # type: ignore[union-attr]


async def redact(store: SqliteStore, node: Node, msgids: list[str]) -> None:
    for msgid in msgids:
        assert (await node.put((ROOM, Redacted(msgid, "alice")))).verdict is Verdict.STORED
    await ask(store, erasure.settle)


async def test_words_of_redacted_messages_are_in_no_byte_of_the_files(path: Path) -> None:
    store, node = await begin(path)
    await redact(store, node, await write_marks(store, node))
    assert await count_indexed(store, MARK) == 0
    assert await find(node, f"{MARK[:4]}*") == []
    assert count_marks(path.parent) == 0
    await store.close()
    assert count_marks(path.parent) == 0


async def test_control_words_that_are_not_taken_out_are_there_though_nothing_finds_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext, "forget_message", lambda run, key, seq: None)
    store, node = await begin(path)
    await redact(store, node, await write_marks(store, node))
    assert await find(node, f"{MARK[:4]}*") == []
    assert count_marks(path.parent) > 0
    await store.close()


async def erase(store: SqliteStore, node: Node) -> None:
    leaving = ((ROOM, Left("alice", "", "q")), (ROOM, RoleSet("bob", "q", "")))
    assert (await node.put(*leaving, ("a/alice", Deleted(erase=True)))).verdict is Verdict.STORED


async def test_words_of_an_erased_account_are_in_no_byte_of_the_files(path: Path) -> None:
    store, node = await begin(path)
    await write_marks(store, node)
    await node.say("bob", "keep this")
    await catch_up(store)
    await erase(store, node)
    assert count_marks(path.parent) == 0
    assert await count_indexed(store, "keep") == 1
    assert await find(node, "keep") == ["keep this"]
    await ask(store, lambda connection: connection.execute("INSERT INTO words (words) VALUES ('integrity-check')"))
    await store.close()
    assert count_marks(path.parent) == 0


async def test_control_marked_as_gone_they_would_still_be_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fulltext, "settle", lambda run: None)
    store, node = await begin(path)
    await write_marks(store, node)
    await erase(store, node)
    assert count_marks(path.parent) > 0
    await store.close()

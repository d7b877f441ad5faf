"""A copy of the database is of one moment while others write; what is not whole is found; before a migration one is kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from securechat.chat.events import Posted, TopicSet
from securechat.errors import ConfigError
from securechat.server.footprint import occupy
from securechat.storage.archive import BadArchiveError
from securechat.storage.sqlite import backup, database
from securechat.storage.sqlite.backup import copy_database, open_snapshot
from securechat.storage.sqlite.database import APPLICATION_ID, open_writer
from securechat.storage.sqlite.inspection import inspect_database, read_heads
from securechat.storage.sqlite.migrations import MIGRATIONS
from tests.storage.conftest import make_sqlite
from tests.storage.nodes import ROOM, Clock, Node


@contextlib.contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(path))
    try:
        yield connection
    finally:
        connection.close()


async def talk(node: Node, count: int) -> None:
    await asyncio.gather(*(node.submit((ROOM, Posted("alice", "PRIVMSG", f"message {n} " * 20))) for n in range(count)))


async def make_history(tmp_path: Path) -> tuple[Any, Node]:
    store = make_sqlite(tmp_path, Clock())
    node = await Node(store.attach()).start()
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await talk(node, 300)
    return store, node


async def test_a_copy_is_of_the_moment_it_was_begun_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_AT_ONCE", 4)
    store, node = await make_history(tmp_path)
    stored = len(node.told())
    source, copy = open_snapshot(tmp_path / "history.db"), tmp_path / "copy.db"
    advanced: list[int] = []
    said = 0

    def speak(done: int) -> None:
        """Have something committed, by another thread, between any two steps of the copy."""
        nonlocal said
        advanced.append(done)
        said += 1
        asyncio.run_coroutine_threadsafe(node.say("bob", f"meanwhile {said}"), loop).result(5)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(copy_database, source, copy, speak)
    heads = read_heads(source)
    source.close()
    assert heads[ROOM].seq == stored
    assert said > 5
    assert sum(advanced) == copy.stat().st_size
    assert len(node.told()) == stored + said
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir() if "copy" in each.name) == ["copy.db"]
    inspect_database(copy, heads)
    await store.close()


DAMAGE = {
    "a record is missing": ("DELETE FROM records WHERE seq = 17", "the history has a gap"),
    "the newest is missing": ("DELETE FROM records WHERE seq = 303", "the history has a gap"),
    "the head is too low": ("UPDATE streams SET seq = 300 WHERE name = 'c/room'", "the history has a gap"),
    "the floor is too high": ("UPDATE streams SET floor = 5 WHERE name = 'c/room'", "the history has a gap"),
    "time runs backwards": ("UPDATE records SET time = 5 WHERE seq = 99", "out of order"),
    "a member of nothing": ("INSERT INTO members VALUES (99, 'alice', '', 1)", "belongs to none"),
    "a membership of tomorrow": ("UPDATE members SET since = 5000", "points past its history"),
    "a table of somebody else's": ("CREATE TABLE evil (x)", "tables that are not ours"),
    "a trigger": (
        "CREATE TRIGGER evil AFTER INSERT ON records BEGIN DELETE FROM accounts; END",
        "tables that are not ours",
    ),
    "a record that is none": ("UPDATE records SET body = replace(body, '{', '[') WHERE seq = 17", "17 cannot be read"),
    "a record of another kind": ("UPDATE records SET kind = 'TopicSet' WHERE seq = 17", "17 cannot be read"),
    "a record of no text": ("UPDATE records SET body = CAST(x'ff' AS TEXT) WHERE seq = 17", "damaged"),
    "an older head": ("UPDATE streams SET time = time + 1 WHERE name = 'c/room'", "manifest"),
}


@pytest.fixture
async def whole(tmp_path: Path) -> Path:
    store, _ = await make_history(tmp_path)
    await store.close()
    return tmp_path / "history.db"


@pytest.mark.parametrize("damage", DAMAGE)
async def test_what_is_not_whole_is_found(whole: Path, damage: str) -> None:
    with opened(whole) as connection:
        heads = read_heads(connection)
    # Control: it was whole before.
    inspect_database(whole, heads)
    statement, words = DAMAGE[damage]
    with opened(whole) as connection:
        connection.execute(statement)
    with pytest.raises(BadArchiveError, match=words):
        inspect_database(whole, heads)


async def test_damaged_pages_are_found(whole: Path) -> None:
    with opened(whole) as connection:
        heads = read_heads(connection)
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'records_by_msgid'").fetchall()
    content = bytearray(whole.read_bytes())
    content[int(page) * 4096 - 1000 : int(page) * 4096] = os.urandom(1000)
    whole.write_bytes(content)
    with pytest.raises(BadArchiveError, match="damaged"):
        inspect_database(whole, heads)


def make_old(path: Path) -> Path:
    """Make a database of the schema before this one, with something in it."""
    with opened(path) as old:
        for step in MIGRATIONS[:3]:
            old.execute(step)
        old.execute("INSERT INTO streams (name, seq) VALUES ('d/old/old', 0)")
        old.pragma("application_id", APPLICATION_ID)
        old.pragma("user_version", 3)
    return path


async def test_before_a_migration_the_database_is_copied_and_only_the_newest_copy_stays(tmp_path: Path) -> None:
    path = make_old(tmp_path / "history.db")
    (tmp_path / "history.db.before-3").write_bytes(b"of the migration before")
    store = make_sqlite(tmp_path, Clock())
    copy = tmp_path / "history.db.before-4"
    assert sorted(each.name for each in tmp_path.iterdir() if "before" in each.name) == [copy.name]
    assert copy.stat().st_mode & 0o777 == 0o600
    with opened(copy) as kept, opened(path) as new:
        assert (kept.pragma("user_version"), new.pragma("user_version")) == (3, 4)
        assert kept.execute("SELECT name FROM streams").fetchall() == [("d/old/old",)]
    await store.close()  # type: ignore[attr-defined]
    copy.unlink()
    # Nothing was migrated, so nothing is copied; nor of a database that is only made now.
    await make_sqlite(tmp_path, Clock()).close()
    assert not copy.exists()


async def test_without_room_for_the_copy_nothing_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_old(tmp_path / "history.db")
    monkeypatch.setattr(backup, "free_bytes", lambda _directory: 100_000)
    with pytest.raises(
        ConfigError, match=r"must be copied first, but for the \d+ bytes of that there are 100000; make room"
    ):
        make_sqlite(tmp_path, Clock())
    # A disk that becomes full meanwhile.
    monkeypatch.setattr(backup, "free_bytes", lambda _directory: 10**12)

    def fail(*_: object) -> None:
        raise apsw.FullError("full")

    monkeypatch.setattr(backup, "_copy_pages", fail)
    with pytest.raises(ConfigError, match="make room"):
        make_sqlite(tmp_path, Clock())
    assert [each.name for each in tmp_path.iterdir() if "before" in each.name] == []
    with opened(path) as connection:
        assert connection.pragma("user_version") == 3


def test_a_migration_that_fails_half_way_leaves_the_schema_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.db"
    with opened(path) as old:
        for step in MIGRATIONS[:2]:
            old.execute(step)
        old.pragma("application_id", APPLICATION_ID)
        old.pragma("user_version", 2)
        before = old.execute("SELECT sql FROM sqlite_schema").fetchall()
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS[:3], "CREATE TABLE accounts (already)"))
        with pytest.raises(ConfigError, match="cannot be opened"):
            open_writer(path)
    with opened(path) as kept:
        assert kept.pragma("user_version") == 2
        assert kept.execute("SELECT sql FROM sqlite_schema").fetchall() == before
    # Control: all steps lead to the end.
    open_writer(path).close()
    with opened(path) as new:
        assert new.pragma("user_version") == 4


async def test_topics_and_all_else_are_in_a_copy_too(whole: Path, tmp_path: Path) -> None:
    store = make_sqlite(tmp_path, Clock())
    node = await Node(store.attach()).start()
    await node.do(TopicSet("alice", "a topic"))
    with contextlib.closing(open_snapshot(whole)) as snapshot:
        copy_database(snapshot, tmp_path / "copy.db")
    await store.close()
    with opened(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT topic FROM channels").fetchall() == [("a topic",)]


def test_a_start_that_fails_keeps_the_copy_of_a_database_that_was_migrated(tmp_path: Path) -> None:
    make_old(tmp_path / "securechat.db")
    with pytest.raises(ConfigError, match="later"), occupy(tmp_path):
        migrate_and_fail(tmp_path / "securechat.db")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["securechat.db", "securechat.db.before-4"]


def migrate_and_fail(path: Path) -> None:
    open_writer(path).close()
    path.with_name("made-by-this-start").touch()
    raise ConfigError("something is in the way later")

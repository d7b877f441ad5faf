"""SQLite: the file, its modes, its schema, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import stat
from pathlib import Path

import apsw
import pytest

from securechat.chat.events import DeviceAdded, Invited, Kicked, ModeSet, PasswordSet, Posted
from securechat.chat.ports import Form, Verdict
from securechat.errors import ConfigError, StorageError
from securechat.storage.sqlite import SqliteStore, arrears, check_database, database, reader
from securechat.storage.sqlite.migrations import MIGRATIONS
from tests.storage.nodes import ROOM, Clock, Node, once


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def open_store(path: Path, now: int = 1_000_000) -> SqliteStore:
    return SqliteStore.open(path, clock=Clock(now), randbytes=random.Random(now).randbytes)


def query(path: Path, statement: str) -> list[tuple]:
    connection = apsw.Connection(str(path))
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def list_directory(directory: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in directory.iterdir()}


async def test_the_promised_settings_are_in_force(path: Path) -> None:
    store = open_store(path)
    settings = {
        name: await asyncio.wrap_future(store._writer.call(lambda connection, name=name: connection.pragma(name)))
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")
    }
    await store.close()
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "secure_delete": 1,
    }


def test_a_setting_that_sqlite_does_not_take_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"history\.db: SQLite refuses journal_mode=wal here \(it says memory\)"):
        database._harden(apsw.Connection(":memory:"), Path("history.db"))


async def test_readers_cannot_write(path: Path) -> None:
    store = open_store(path)
    with pytest.raises(apsw.ReadOnlyError):
        await store.read(lambda reader: reader._connection.execute("DELETE FROM records"))
    await store.close()


async def test_what_is_asked_before_the_end_is_answered_and_nothing_afterwards(path: Path) -> None:
    store = open_store(path)
    answers = [store.read(lambda _reader, number=number: number) for number in range(100)]
    await store.close()
    assert await asyncio.gather(*answers) == list(range(100))
    with pytest.raises(StorageError, match="the history is closed"):
        store.read(lambda _reader: None)


async def test_a_crash_while_the_wal_was_being_taken_back_is_in_nobodys_way(path: Path, tmp_path: Path) -> None:
    store = open_store(path)
    node = await Node(store.attach()).start()
    await node.register("alice")
    await node.open_room("alice")
    await node.say("alice", *(f"{number} {'x' * 300}" for number in range(50)))
    cut = tmp_path / "cut.db"
    cut.with_name("cut.db-wal").write_bytes(path.with_name("history.db-wal").read_bytes())
    await store.close()
    # The first page says how many there are, and is written before the last ones are.
    cut.write_bytes(path.read_bytes()[:4096])
    check_database(cut)
    again = open_store(cut)
    node = await Node(again.attach()).start()
    assert len(await node.texts("alice")) == 50
    await again.close()


@pytest.mark.parametrize("umask", [0o000, 0o277])
async def test_the_files_are_the_owners_alone_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = open_store(path)
        node = await Node(store.attach()).start()
        await node.register("alice")
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
        await store.close()
    finally:
        os.umask(before)
    assert modes == {"history.db": 0o600, "history.db-wal": 0o600, "history.db-shm": 0o600}


async def test_closing_leaves_the_database_alone_in_its_directory(path: Path) -> None:
    store = open_store(path)
    node = await Node(store.attach()).start()
    await node.register("alice")
    await node.texts("alice")
    await store.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["history.db"]


async def test_a_database_opened_again_has_everything(path: Path) -> None:
    store = open_store(path)
    node = await Node(store.attach()).start()
    await node.register("alice", "bob", "carol")
    await node.do(PasswordSet("$argon2"), DeviceAdded("d1", "phone", "00"), stream="a/alice")
    await node.open_room("alice", "bob")
    said = await node.say("alice", "one", "two")
    key = once("bob", "1", "three")
    stored = await node.put((ROOM, Posted("bob", "PRIVMSG", "three")), once=key)
    await node.do(ModeSet("alice", on="i"), Kicked("bob", "alice"), Invited("carol", "alice"))
    await node.say("alice", "private", stream="d/alice/bob")
    before = node.directory
    await store.close()

    store = open_store(path, 2_000_000)
    node = await Node(store.attach()).start()
    assert (node.directory.accounts, node.directory.channels) == (before.accounts, before.channels)
    assert await node.texts("alice", Form.AFTER, said[0]) == ["two", "three"]
    assert await node.texts("bob") == []
    assert await node.conversations("alice") == [("d/alice/bob", 1_000_000), ("c/room", 1_000_005)]
    assert await node.history.verifier("alice") == ("$argon2", 1)
    again = await node.put(once=key)
    assert (again.verdict, again.records) == (Verdict.REPEATED, stored.records)
    late = await node.put((ROOM, Posted("bob", "PRIVMSG", "late")), expects={ROOM: 0})
    assert late.verdict is Verdict.STALE
    (next_one,) = await node.say("alice", "four")
    assert (next_one.seq, next_one.time) == (10, 2_000_000)
    await store.close()


def test_the_first_schema_is_frozen() -> None:
    digest = hashlib.sha256(MIGRATIONS[0].encode()).hexdigest()
    assert digest == "8c28f3e89e3996deb8da0dfbd2ecc198728cc4b92996c9da05450d8425827805", (
        "a released schema is never edited; add a migration"
    )


async def test_an_older_database_is_brought_forward_with_what_it_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(path)
    node = await Node(store.attach()).start()
    await node.register("alice")
    await store.close()
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, "ALTER TABLE accounts ADD COLUMN title TEXT; SELECT 1"))
    await open_store(path).close()
    assert query(path, "PRAGMA user_version") == [(5,)]
    assert query(path, "SELECT id, title FROM accounts") == [("alice", None)]


async def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await open_store(path).close()
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE half (x); SELECT * FROM nowhere"))
    with pytest.raises(ConfigError, match=r"cannot be opened \(.*nowhere"):
        open_store(path)
    assert query(path, "PRAGMA user_version") == [(4,)]
    assert query(path, "SELECT name FROM sqlite_schema WHERE name = 'half'") == []


async def test_a_newer_versions_database_is_refused_and_left_alone(path: Path) -> None:
    await open_store(path).close()
    query(path, "PRAGMA user_version = 7")
    before = list_directory(path.parent)
    with pytest.raises(
        ConfigError, match=r"history\.db: was written by a newer securechat \(schema 7, this one knows 4\);"
    ):
        open_store(path)
    assert list_directory(path.parent) == before


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    query(path, "CREATE TABLE recipes (name TEXT)")
    before = list_directory(path.parent)
    with pytest.raises(ConfigError, match=r"history\.db: is another program's database; move it away"):
        open_store(path)
    assert list_directory(path.parent) == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at as one " * 40)
    before = list_directory(path.parent)
    with pytest.raises(ConfigError, match=r"history\.db: is not a database; move it away") as caught:
        open_store(path)
    assert "\n" not in str(caught.value)
    assert list_directory(path.parent) == before


def test_a_directory_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"nowhere/history\.db: cannot be created \(No such file or directory\); check"
    ):
        open_store(tmp_path / "nowhere" / "history.db")
    assert list_directory(tmp_path) == {}


@pytest.mark.parametrize("statement", [reader._MESSAGES, f"SELECT seq {arrears._WITHIN}"])
async def test_a_page_of_messages_costs_no_look_at_what_is_none(path: Path, statement: str) -> None:
    """Somebody may have put a hundred thousand masks into a channel, and taken them out."""
    store = open_store(path)
    for order in ("ASC", "DESC"):
        plan = str(query(path, f"EXPLAIN QUERY PLAN {statement.replace('?', '1')} ORDER BY seq {order}"))
        assert "INDEX messages" in plan
        assert "TEMP B-TREE" not in plan
    await store.close()

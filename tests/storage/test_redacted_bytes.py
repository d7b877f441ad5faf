"""SQLite: redacted text leaves the database and the WAL, in its own time and at nobody's cost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import apsw
import pytest

from securechat.chat.events import Posted, Reacted, Record, Redacted
from securechat.chat.ports import Form, Verdict
from securechat.storage.sqlite import SqliteStore, erasure
from securechat.storage.sqlite.erasure import REST_SECONDS, Settling
from securechat.storage.sqlite.tables import _REACTIONS
from tests.storage.nodes import ROOM, Clock, Node, once

MARK = "REDACT-ME"


def open_store(path: Path) -> SqliteStore:
    return SqliteStore.open(path, clock=Clock(), randbytes=random.Random(1).randbytes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = open_store(path)
    yield store
    await store.close()


async def begin(store: SqliteStore) -> tuple[Node, Record]:
    """Have alice say something with tags and an id, and bob react to it in the same words."""
    node = await Node(store.attach()).start()
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await node.say("bob", "before")
    message = Posted("alice", "PRIVMSG", f"{MARK} text", {"+tag": f"{MARK} tag"})
    record = (await node.put((ROOM, message), once=once("alice", "uuid", "a digest of it"))).records[0]
    await node.say("bob", "after")
    return node, record


def count_marks(path: Path, mark: str = MARK) -> dict[str, int]:
    return {each.name: each.read_bytes().count(mark.encode()) for each in path.parent.iterdir()}


def nothing(_connection: object) -> Generator[None, None, bool]:
    """Take it for done: a writer that cuts nothing."""
    yield
    return True


async def settled(store: SqliteStore) -> None:
    """Wait until the writer has done what it does by itself after what was stored so far."""
    while await asyncio.wrap_future(store._writer.call(lambda _connection: store._writer._settling._pieces)):
        pass


def ask(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def test_redacted_text_tags_and_digest_are_in_no_byte_of_the_files(store: SqliteStore, path: Path) -> None:
    node, record = await begin(store)
    (reaction,) = (await node.do(Reacted("bob", record.msgid, MARK, {"+draft/react": MARK}))).records
    assert count_marks(path)["history.db-wal"] > 0
    assert count_marks(path, "a digest of it")["history.db-wal"] > 0
    await node.do(Redacted(record.msgid, "alice"), Redacted(reaction.msgid, "alice"))
    await settled(store)
    assert sum(count_marks(path).values()) == 0
    assert sum(count_marks(path, "a digest of it").values()) == 0
    assert ask(path, "SELECT count(*) FROM redactions") == [(0,)]
    assert await node.texts("bob", Form.AFTER, record) == ["after"]
    assert (await node.put(once=once("alice", "uuid", "a digest of it"))).verdict is Verdict.REDACTED


async def test_control_without_a_cut_the_wal_still_holds_it(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "settle_by_pieces", nothing)
    node, record = await begin(store)
    await node.do(Redacted(record.msgid, "alice"))
    await settled(store)
    assert count_marks(path)["history.db-wal"] > 0


async def test_what_was_due_when_the_server_ended_is_done_when_it_begins_again(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "settle_by_pieces", nothing)
    node, record = await begin(store)
    await node.do(Redacted(record.msgid, "alice"))
    await settled(store)
    # As a crash leaves it: the files as they are, with the WAL.
    left = path.parent / "left"
    left.mkdir()
    for name in ("history.db", "history.db-wal"):
        (left / name).write_bytes((path.parent / name).read_bytes())
    assert count_marks(left / "history.db")["history.db-wal"] > 0
    monkeypatch.undo()
    again = open_store(left / "history.db")
    assert sum(count_marks(left / "history.db").values()) == 0
    assert sum(count_marks(left / "history.db", "a digest of it").values()) == 0
    await again.close()


async def test_digests_are_looked_for_a_piece_at_a_time(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "IDS_AT_ONCE", 3)
    node, record = await begin(store)
    for number in range(10):
        key = once("alice", f"id-{number}", f"digest {number}")
        await node.put((ROOM, Posted("alice", "PRIVMSG", f"other {number}")), once=key)
    await node.do(Redacted(record.msgid, "alice"))
    await settled(store)
    assert ask(path, "SELECT count(*) FROM redactions") == [(0,)]
    digests = ask(path, "SELECT id FROM once WHERE length(digest) = 0")
    assert digests == [("uuid",)]
    assert sum(count_marks(path, "a digest of it").values()) == 0


async def test_a_reader_in_mid_read_delays_the_cut_and_holds_up_nothing(store: SqliteStore, path: Path) -> None:
    node, record = await begin(store)
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN; SELECT count(*) FROM records")
    await node.do(Redacted(record.msgid, "alice"))
    # Stored at once, not after the five seconds that SQLite would wait otherwise.
    async with asyncio.timeout(2):
        await node.say("bob", "and on it goes")
        await settled(store)
    assert ask(path, "SELECT count(*) FROM redactions") == [(1,)]
    reader.close()
    done = asyncio.wrap_future(store._writer.call(erasure.settle))
    assert await done is True
    assert sum(count_marks(path).values()) == 0


def test_many_redactions_share_one_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    cuts: list[float] = []
    answers = iter([True, False, True])
    now = 100.0

    def settle(_connection: object) -> Generator[None, None, bool]:
        yield
        cuts.append(now)
        return next(answers)

    def proceed() -> None:
        """Do a piece, and what is left of it."""
        settling.proceed(None, now)  # type: ignore[arg-type]
        settling.proceed(None, now)  # type: ignore[arg-type]

    monkeypatch.setattr(erasure, "settle_by_pieces", settle)
    settling = Settling()
    assert settling.patience(now) is None
    proceed()
    assert cuts == []
    settling.note(now)
    assert settling.patience(now) == 0.0
    proceed()
    assert (cuts, settling.patience(now)) == ([100.0], None)
    for _ in range(1000):
        now += 0.001
        settling.note(now)
        proceed()
    assert cuts == [100.0]
    assert settling.patience(101.0) == pytest.approx(REST_SECONDS - 1.0)
    # Somebody reads: it is tried again after as long.
    now = 100.0 + REST_SECONDS
    proceed()
    assert settling.patience(now) == pytest.approx(REST_SECONDS)
    now += REST_SECONDS
    proceed()
    assert (cuts, settling.patience(now)) == ([100.0, 105.0, 110.0], None)


def test_the_index_of_reactions_is_used(path: Path, store: SqliteStore) -> None:
    plan = str(ask(path, f"EXPLAIN QUERY PLAN {_REACTIONS.replace('?', '1')}"))
    assert "USING INDEX reactions" in plan
    assert "SCAN" not in plan

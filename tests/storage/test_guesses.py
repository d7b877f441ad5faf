"""Wrong passwords, and the places accounts signed in from, are kept beside the history, in both stores alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from securechat.chat.events import Deleted, PasswordRehashed, PasswordSet
from securechat.chat.guesses import INSIDE, Guess, GuessState, Place
from securechat.chat.ports import Store
from securechat.storage.sqlite import positions as sqlite_notes
from tests.storage.conftest import make_sqlite
from tests.storage.nodes import Clock, Node


async def keep(node: Node, *notes: Guess | Place) -> None:
    """Have notes written: with a batch, as any."""
    for note in notes:
        node.history.note(note)
    await node.do(PasswordRehashed(verifier="$"), stream="a/alice")


async def kept(store: Store) -> GuessState:
    return (await store.attach().start(lambda _: None, print)).guesses


def shown(state: GuessState) -> tuple[list[tuple], list[Place]]:
    """Leave out what only tells guesses apart."""
    return [(*guess[:4], guess.time) for guess in state.guesses], sorted(state.places)


async def test_guesses_and_places_are_there_at_the_next_start(store: Store, node: Node) -> None:
    await node.register("alice")
    await keep(
        node,
        Guess("alice", "", "n1", "f1", 1, 0, 5),
        Guess("alice", "", "n1", "f1", 2, 0, 5),
        Guess("", "elsewhere", "n2", "", 3, 0, 7),
        Guess("alice", INSIDE, "", "", 4, 0, 6),
        Place("alice", "n1", 5),
        Place("alice", "n1", 9),
        Place("alice", "n1", 1),
    )
    assert shown(await kept(store)) == (
        [
            ("alice", "", "n1", "f1", 5),
            ("alice", "", "n1", "f1", 5),
            ("alice", INSIDE, "", "", 6),
            ("", "elsewhere", "n2", "", 7),
        ],
        [Place("alice", "n1", 9)],
    )


async def test_what_counts_no_more_is_not_kept(store: Store, node: Node) -> None:
    await node.register("alice")
    await keep(node, *(Guess("alice", "", "n", "f", number, number - 3, number) for number in range(10)))
    await keep(node, Guess("alice", "", "n", "f", 11, 8, 11))
    assert [guess.time for guess in (await kept(store)).guesses] == [8, 9, 11]


async def test_sixteen_places_of_each_account_are_kept_the_latest(store: Store, node: Node) -> None:
    await node.register("alice", "bob")
    await keep(node, Place("bob", "home", 1), *(Place("alice", f"p{number:02}", number) for number in range(20)))
    places = [Place("alice", f"p{number:02}", number) for number in range(4, 20)]
    assert sorted((await kept(store)).places) == [*places, Place("bob", "home", 1)]


async def test_a_place_is_kept_for_thirty_days_and_no_longer(store: Store, node: Node) -> None:
    await node.register("alice", "bob")
    month = 30 * 24 * 3600 * 1000
    await keep(node, Place("alice", "office", 1000), Place("bob", "home", 1001))
    await keep(node, Place("alice", "home", 1000 + month))
    assert sorted((await kept(store)).places) == [Place("alice", "home", 1000 + month), Place("bob", "home", 1001)]


async def test_a_new_password_leaves_of_guesses_only_where_they_came_from(store: Store, node: Node) -> None:
    await node.register("alice", "bob")
    await keep(
        node,
        Guess("alice", "", "n", "f", 1, 0, 1),
        Guess("alice", INSIDE, "", "", 2, 0, 2),
        Guess("bob", "", "n", "f", 3, 0, 3),
        Place("alice", "n", 1),
    )
    await node.do(PasswordSet(verifier="$new"), stream="a/alice")
    expected = [("", "", "n", "f", 1), ("bob", "", "n", "f", 3)]
    assert shown(await kept(store)) == (expected, [Place("alice", "n", 1)])


async def test_nothing_of_a_deleted_account_is_kept(store: Store, node: Node) -> None:
    await node.register("alice", "bob")
    await keep(node, Guess("bob", "", "n", "f", 1, 0, 1), Guess("bob", "n", "", "", 2, 0, 2), Place("bob", "n", 1))
    await node.do(Deleted(), stream="a/bob")
    await keep(node, Place("bob", "n", 2))
    assert shown(await kept(store)) == ([("", "", "n", "f", 1)], [])


async def test_each_database_has_a_key_of_its_own_for_good(tmp_path: Path) -> None:
    keys = []
    for name in ("one", "two", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        store = make_sqlite(tmp_path / name, Clock())
        keys.append((await kept(store)).key)
        await store.close()
    assert keys[0] == keys[2] != keys[1]
    assert [len(key) for key in keys] == [32, 32, 32]


async def test_a_guess_that_no_batch_takes_along_is_written_within_a_second_or_so(tmp_path: Path) -> None:
    store = make_sqlite(tmp_path, Clock())
    node = await Node(store.attach()).start()
    node.history.note(Guess("", "elsewhere", "n", "", 1, 0, 7))
    database = apsw.Connection(str(tmp_path / "history.db"), flags=apsw.SQLITE_OPEN_READONLY)
    async with asyncio.timeout(10):
        while database.execute("SELECT time FROM guesses").fetchall() != [(7,)]:
            await asyncio.sleep(0.05)
    database.close()
    await store.close()


async def test_while_nothing_can_be_written_no_more_than_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_notes, "GUESSES_WAITING", 3)
    notes = sqlite_notes.Notes()
    for number in range(9):
        notes.add(Guess("", "elsewhere", "n", "", number, 0, number))
    notes.add(Place("alice", "n", 1))
    assert len(notes._waiting) == 4


async def test_a_note_that_comes_while_others_are_written_is_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_sqlite(tmp_path, Clock())
    node = await Node(store.attach()).start()
    loop = asyncio.get_running_loop()
    write = sqlite_notes.Notes.write

    def write_and_be_interrupted(self: sqlite_notes.Notes, connection: apsw.Connection) -> dict:
        written = write(self, connection)
        if len(written) == 1 and not self._interrupted:  # type: ignore[attr-defined]
            self._interrupted = True  # type: ignore[attr-defined]
            asyncio.run_coroutine_threadsafe(note(2), loop).result(10)
        return written

    async def note(number: int) -> None:
        node.history.note(Guess("", "elsewhere", "n", "", number, 0, number))

    monkeypatch.setattr(sqlite_notes.Notes, "_interrupted", False, raising=False)
    monkeypatch.setattr(sqlite_notes.Notes, "write", write_and_be_interrupted)
    await note(1)
    database = apsw.Connection(str(tmp_path / "history.db"), flags=apsw.SQLITE_OPEN_READONLY)
    async with asyncio.timeout(10):
        while database.execute("SELECT time FROM guesses ORDER BY time").fetchall() != [(1,), (2,)]:
            await asyncio.sleep(0.05)
    database.close()
    await store.close()

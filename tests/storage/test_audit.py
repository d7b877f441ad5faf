"""The audit trail in both stores: tied together as it is stored, and what somebody does to the database file shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from securechat.chat.event import Event
from securechat.chat.events import Disabled
from securechat.chat.ports import Store, Verdict
from securechat.chat.server_events import Administered, SignInRejected
from securechat.chat.streams import SERVER
from securechat.chat.trail import Head, Trail, TrailQuery, Verification
from tests.storage.conftest import make_sqlite
from tests.storage.nodes import Clock, Node

ALL = TrailQuery(1000)


async def act(node: Node, *events: Event) -> None:
    for event in events:
        await node.do(event, stream=SERVER)


def acts(count: int) -> list[Event]:
    return [Administered("user disable", f"bob{number}", "local:root") for number in range(1, count + 1)]


def verify(trail: Trail, head: Head | None = None) -> list[tuple[int, str]]:
    verification = Verification(head)
    verification.take(trail.rows)
    return [tuple(fault) for fault in verification.conclude(trail.newest)]


async def test_each_record_is_tied_to_the_one_before(node: Node, clock: Clock) -> None:
    assert await node.history.trail(ALL) == Trail((), 0, Head(0, bytes(32)))
    for event in acts(3):
        clock.now += 5
        await act(node, event)
    trail = await node.history.trail(ALL)
    assert [(row.seq, row.time, row.kind, row.body) for row in trail.rows] == [
        (number, 1_000_000 + 5 * number, "Administered", body)
        for number, body in enumerate(
            [
                '{"type":"Administered","act":"user disable","target":"bob1","by":"local:root"}',
                '{"type":"Administered","act":"user disable","target":"bob2","by":"local:root"}',
                '{"type":"Administered","act":"user disable","target":"bob3","by":"local:root"}',
            ],
            1,
        )
    ]
    assert [row.msgid for row in trail.rows] == [record.msgid for record in node.records]
    assert verify(trail) == []
    assert trail.newest == 3
    assert trail.head == Head(3, trail.rows[-1].link)


async def test_several_records_of_one_append_and_of_one_batch_are_tied_in_their_order(node: Node) -> None:
    await node.register("bob")
    waiting = [node.submit((SERVER, acts(2)[0]), ("a/bob", Disabled()), (SERVER, acts(2)[1])) for _ in range(3)]
    for outcome in waiting:
        assert (await outcome).verdict is Verdict.STORED
    trail = await node.history.trail(ALL)
    assert [row.seq for row in trail.rows] == [1, 2, 3, 4, 5, 6]
    assert verify(trail) == []


async def test_an_append_that_is_refused_leaves_no_link(node: Node) -> None:
    await node.register("bob")
    await act(node, *acts(1))
    stale = node.submit((SERVER, acts(1)[0]), ("a/nobody", Disabled()))
    good = node.submit((SERVER, acts(1)[0]), ("a/bob", Disabled()))
    assert (await stale).verdict is Verdict.STALE
    assert (await good).verdict is Verdict.STORED
    trail = await node.history.trail(ALL)
    assert [row.seq for row in trail.rows] == [1, 2]
    assert verify(trail) == []


async def test_some_of_the_trail_is_read_from_either_end(node: Node, clock: Clock) -> None:
    for event in acts(5):
        clock.now += 10
        await act(node, event)

    async def seqs(**query: int | bool) -> list[int]:
        trail = await node.history.trail(TrailQuery(**({"limit": 2} | query)))  # type: ignore[arg-type]
        assert trail.head.seq == trail.newest == 5
        return [row.seq for row in trail.rows]

    assert await seqs() == [1, 2]
    assert await seqs(after=3) == [4, 5]
    assert await seqs(newest=True) == [4, 5]
    assert await seqs(newest=True, since=1_000_050) == [5]
    assert await seqs(limit=9, since=1_000_040) == [4, 5]
    assert await seqs(limit=0) == []


async def test_an_address_is_beside_its_record_and_can_be_forgotten_without_breaking_the_chain(
    node: Node, clock: Clock
) -> None:
    await act(node, SignInRejected("bob", "password", 3, "203.0.113.7"))
    clock.now += 1000
    await act(node, SignInRejected("", "token", 1, "2001:db8::/64"), SignInRejected("", "password"))
    trail = await node.history.trail(ALL)
    assert [row.address for row in trail.rows] == ["203.0.113.7", "2001:db8::/64", ""]
    assert not any("203.0" in row.body for row in trail.rows)
    assert node.records[0].event == SignInRejected("bob", "password", 3)
    assert await node.history.forget_addresses(1_000_001) == 1
    forgotten = await node.history.trail(ALL)
    assert [row.address for row in forgotten.rows] == ["", "2001:db8::/64", ""]
    assert verify(forgotten) == []
    assert [row.link for row in forgotten.rows] == [row.link for row in trail.rows]
    assert await node.history.forget_addresses(1_000_001) == 0


# ── the file ──


@pytest.fixture
async def file(tmp_path: Path, clock: Clock) -> Path:
    """The file of a database with five records in the trail, that nobody has open."""
    store = make_sqlite(tmp_path, clock)
    node = await Node(store.attach()).start()
    await node.register("bob")
    await act(node, *acts(4), SignInRejected("bob", "password", 1, "203.0.113.7"))
    await store.close()
    return tmp_path / "history.db"


async def read(file: Path, *tampering: str, extra: int = 0) -> Trail:
    """Return the trail after somebody was at the file, and after so many more records."""
    connection = apsw.Connection(str(file))
    for statement in tampering:
        connection.execute(statement)
        assert connection.changes() or statement.startswith("INSERT OR"), statement
    connection.close()
    store: Store = make_sqlite(file.parent, Clock(2_000_000))
    node = await Node(store.attach()).start()
    await act(node, *acts(extra))
    trail = await node.history.trail(ALL)
    await store.close()
    return trail


STREAM = "stream = (SELECT id FROM streams WHERE name = 's')"


async def test_the_trail_goes_on_after_a_restart(file: Path) -> None:
    trail = await read(file, extra=2)
    assert verify(trail) == []
    assert trail.head.seq == 7


TAMPERING: list[tuple[str, list[str], list[tuple[int, str]]]] = [
    ("body", [f"UPDATE records SET body = replace(body, 'bob2', 'bob9') WHERE {STREAM} AND seq = 2"], [(2, "was changed")]),
    ("time", [f"UPDATE records SET time = time - 1 WHERE {STREAM} AND seq = 4"], [(4, "was changed")]),
    ("count", [f"UPDATE records SET body = json_set(body, '$.count', 9) WHERE {STREAM} AND seq = 5"], [(5, "was changed")]),
    ("middle", [f"DELETE FROM records WHERE {STREAM} AND seq = 3"], [(3, "is missing")]),
    (
        "middle and its link",
        [f"DELETE FROM records WHERE {STREAM} AND seq = 3", "DELETE FROM audit WHERE seq = 3"],
        [(3, "is missing")],
    ),
    ("tail", [f"DELETE FROM records WHERE {STREAM} AND seq > 3"], [(4, "and all up to 5 are missing")]),
    (
        "tail and its links",
        [f"DELETE FROM records WHERE {STREAM} AND seq > 3", "DELETE FROM audit WHERE seq > 3"],
        [(4, "and all up to 5 are missing")],
    ),
    (
        "put in",
        [f"INSERT INTO records SELECT stream, 6, 'X', time, kind, body FROM records WHERE {STREAM} AND seq = 5"],
        [(6, "has no hash: it was put there by something else than the server")],
    ),
    ("link", ["UPDATE audit SET hash = zeroblob(32) WHERE seq = 2"], [(2, "was changed")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("statements", "expected"), [case[1:] for case in TAMPERING], ids=[case[0] for case in TAMPERING]
)
async def test_what_somebody_did_to_the_file_shows_and_where(
    file: Path, statements: list[str], expected: list[tuple[int, str]]
) -> None:
    assert verify(await read(file, *statements)) == expected


CUT = [
    f"DELETE FROM records WHERE {STREAM} AND seq > 3",
    "DELETE FROM audit WHERE seq > 3",
    "UPDATE streams SET seq = 3 WHERE name = 's'",
]


async def test_a_tail_that_was_cut_without_a_trace_shows_by_a_head_that_was_kept(file: Path) -> None:
    head = (await read(file)).head
    cut = await read(file, *CUT)
    # The control: by itself the trail is whole.
    assert verify(cut) == []
    assert verify(cut, head) == [(5, "the head names it, and the trail ends with record 3: its tail was cut")]
    # And when others have come after it.
    grown = await read(file, extra=3)
    text = "is another than the head names: the trail was made anew, from here or from further up"
    assert verify(grown) == []
    assert verify(grown, head) == [(5, text)]


async def test_a_link_that_was_left_behind_keeps_no_administrator_from_acting(file: Path) -> None:
    grown = await read(file, CUT[0], CUT[2], extra=1)
    assert [row.seq for row in grown.rows] == [1, 2, 3, 4]
    assert verify(grown) == [(4, "was changed"), (5, "is missing")]


async def test_a_forgotten_address_is_in_no_file_any_more(file: Path) -> None:
    def is_there() -> bool:
        return any(b"203.0.113.7" in path.read_bytes() for path in file.parent.glob("history.db*"))

    assert is_there()
    store = make_sqlite(file.parent, Clock(2_000_000))
    node = await Node(store.attach()).start()
    assert await node.history.forget_addresses(2_000_000) == 1
    assert not is_there()
    await store.close()


async def test_a_message_ties_nothing(node: Node, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from securechat.storage.sqlite import batch

    called: list[Callable[..., None]] = []
    monkeypatch.setattr(batch, "tie", lambda *_: called.append(batch.tie))
    await node.register("bob")
    await node.open_room("bob")
    await node.say("bob", "hello")
    assert called == []

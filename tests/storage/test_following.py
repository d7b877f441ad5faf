"""What every store tells the nodes that follow it: two nodes' worth of state, one history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from securechat.chat.directory import Directory
from securechat.chat.event import Event
from securechat.chat.events import (
    BanLifted,
    BanSet,
    Created,
    DeviceAdded,
    Disabled,
    Dropped,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    Posted,
    Registered,
    RoleSet,
    TopicSet,
)
from securechat.chat.ports import (
    AccountState,
    BanState,
    ChannelState,
    DeviceState,
    Lane,
    MemberState,
    Snapshot,
    Store,
    Verdict,
)
from securechat.errors import StorageError
from tests.storage.nodes import ROOM, Clock, Node, once

JoinNode = Callable[[], Awaitable[Node]]


def posted(account: str, text: str) -> Posted:
    return Posted(account, "PRIVMSG", text)


async def settle(*nodes: Node) -> None:
    """Wait until every node has been told of all that was committed before: a fence through the history itself."""
    for node in nodes:
        await node.put(once=once("nobody", "fence", ""))


async def test_the_loser_of_a_race_with_a_kick_stores_nothing_and_both_nodes_see_one_order(join_node: JoinNode) -> None:
    one, two = await join_node(), await join_node()
    await one.register("alice", "bob")
    await one.open_room("alice", "bob")
    await settle(two)
    epoch = two.directory.channels["room"].epoch
    lane = Lane()

    before = two.submit((ROOM, posted("bob", "before the kick")), expects={ROOM: epoch}, lane=lane)
    kick = one.submit((ROOM, Kicked("bob", "alice")), expects={ROOM: epoch})
    late = [two.submit((ROOM, posted("bob", text)), expects={ROOM: epoch}, lane=lane) for text in ("late", "later")]
    by_one = one.submit((ROOM, posted("alice", "he is gone")))

    assert (await before).verdict is Verdict.STORED
    assert (await kick).verdict is Verdict.STORED
    assert [(await future).verdict for future in late] == [Verdict.STALE, Verdict.STALE]
    assert (await by_one).verdict is Verdict.STORED
    await settle(one, two)
    assert one.told() == two.told() == [1, 2, 3, 4, 5, 6]
    assert one.records == two.records
    assert await one.texts("alice") == ["before the kick", "he is gone"]
    # The node judges again on what it was told: its state knows of the kick.
    assert "bob" not in two.directory.channels["room"].members
    assert two.directory.channels["room"].epoch == epoch + 1


async def test_a_stale_append_holds_up_its_own_lane_and_no_other(join_node: JoinNode) -> None:
    one, two = await join_node(), await join_node()
    await one.register("alice", "bob", "carol")
    await one.open_room("alice", "bob", "carol")
    bob, carol = Lane(), Lane()
    kick = one.submit((ROOM, Kicked("bob", "alice")), expects={ROOM: 0})
    posts = [
        two.submit((ROOM, posted("bob", "b1")), expects={ROOM: 0}, lane=bob),
        two.submit((ROOM, posted("carol", "c1")), lane=carol),
        two.submit((ROOM, posted("bob", "b2")), expects={ROOM: 1}, lane=bob),
        two.submit((ROOM, posted("carol", "c2")), lane=carol),
    ]
    await kick
    assert [(await post).verdict.value for post in posts] == ["stale", "stored", "stale", "stored"]
    assert await one.texts("alice") == ["c1", "c2"]


async def test_revoking_an_account_on_one_node_stops_what_it_says_on_another(join_node: JoinNode) -> None:
    one, two = await join_node(), await join_node()
    await one.register("alice", "bob")
    await one.open_room("alice", "bob")
    disable = one.submit(("a/bob", Disabled()))
    post = two.submit((ROOM, posted("bob", "still here")), expects={ROOM: 0, "a/bob": 0})
    assert ((await disable).verdict, (await post).verdict) == (Verdict.STORED, Verdict.STALE)
    await settle(two)
    assert not two.directory.accounts["bob"].enabled


async def test_a_node_is_told_of_the_others_what_was_stored_and_of_its_own_everything(join_node: JoinNode) -> None:
    one, two = await join_node(), await join_node()
    await one.register("alice")
    await settle(two)
    await settle(one)
    one.outcomes.clear()
    two.outcomes.clear()
    first = one.submit(("d/alice/alice", posted("alice", "1")), once=once("alice", "1", "1"))
    repeat = one.submit(("d/alice/alice", posted("alice", "1")), once=once("alice", "1", "1"))
    stale = one.submit(("d/alice/alice", posted("alice", "2")), expects={"d/alice/alice": 5})
    await stale
    await settle(two)
    assert [(each.submission.ticket, each.verdict.value) for each in one.outcomes] == [
        (first, "stored"),
        (repeat, "repeated"),
        (stale, "stale"),
    ]
    assert [(each.submission, each.verdict.value) for each in two.outcomes[:-1]] == [(None, "stored")]
    assert two.outcomes[0].records == one.outcomes[0].records


async def test_both_nodes_append_at_once_and_see_one_dense_order(join_node: JoinNode) -> None:
    nodes = [await join_node(), await join_node()]
    await nodes[0].register("alice", "bob")
    await nodes[0].open_room("alice", "bob")
    futures = [
        nodes[number % 2].submit((ROOM, posted(("alice", "bob")[number % 2], str(number)))) for number in range(200)
    ]
    assert {(await future).verdict for future in futures} == {Verdict.STORED}
    await settle(*nodes)
    assert nodes[0].told() == nodes[1].told() == list(range(1, 204))
    assert nodes[0].records == nodes[1].records


async def test_a_node_that_starts_amid_talk_misses_nothing_and_hears_nothing_twice(node: Node, store: Store) -> None:
    await node.register("alice")
    await node.open_room("alice")
    for round_ in range(10):
        futures = [node.submit((ROOM, posted("alice", f"{round_}.{number}"))) for number in range(20)]
        changes = node.submit((ROOM, TopicSet("alice", f"topic {round_}")))
        late = await Node(store.attach()).start()
        futures += [node.submit((ROOM, posted("alice", "after")))]
        for future in (*futures, changes):
            await future
        await settle(late)
        assert late.directory.channels == node.directory.channels
        told = late.told()
        assert told == node.told()[len(node.told()) - len(told) :]
        await late.history.close()


async def test_nothing_reaches_the_sink_before_the_node_has_its_snapshot(node: Node, store: Store) -> None:
    await node.register("alice")
    seen: list[str] = []
    history = store.attach()
    node.submit(("d/alice/alice", posted("alice", "1")))
    submitted = [node.submit(("d/alice/alice", posted("alice", str(number)))) for number in range(50)]
    await history.start(lambda outcomes: seen.extend("told" for _ in outcomes), node._fail)
    seen.append("started")
    submitted.append(node.submit(("d/alice/alice", posted("alice", "last"))))
    for future in submitted:
        await future
    await history.close()
    assert seen[0] == "started"
    assert seen[-1] == "told"


async def test_closing_a_hold_commits_and_tells_what_is_queued(node: Node, join_node: JoinNode) -> None:
    await node.register("alice")
    futures = [node.submit(("d/alice/alice", posted("alice", str(number)))) for number in range(50)]
    await node.history.close()
    assert {future.result().verdict for future in futures} == {Verdict.STORED}
    assert len(await (await join_node()).texts("alice", stream="d/alice/alice")) == 50


async def test_a_hold_that_was_closed_is_told_nothing_more(join_node: JoinNode) -> None:
    one, two = await join_node(), await join_node()
    await one.register("alice")
    await settle(two)
    await two.history.close()
    told = len(two.outcomes)
    await one.say("alice", "x", stream="d/alice/alice")
    await one.history.close()
    assert len(two.outcomes) == told


async def test_closing_the_store_commits_what_is_queued_and_may_be_repeated(node: Node, store: Store) -> None:
    await node.register("alice")
    futures = [node.submit(("d/alice/alice", posted("alice", str(number)))) for number in range(50)]
    await store.close()
    assert {future.result().verdict for future in futures} == {Verdict.STORED}
    await node.history.close()
    await store.close()


async def test_an_event_that_cannot_be_folded_is_fatal_to_every_node(join_node: JoinNode) -> None:
    one, two = await join_node(), await join_node()
    await one.register("alice")
    await settle(two)
    one.outcomes.clear()
    two.outcomes.clear()
    note = ("d/alice/alice", posted("alice", "never acknowledged"))
    one.submit(note)
    one.submit(("d/alice/alice", Unheard("x")))
    two.submit(note)
    await one.failed.wait()
    await two.failed.wait()
    two.submit(note)
    await two.history.close()
    assert [type(error) for error in one.failures + two.failures] == [StorageError, StorageError]
    assert one.outcomes == two.outcomes == []


class Unheard(Event, frozen=True):
    """An event that nobody knows how to fold."""

    name: str

    @property
    def restricts(self) -> bool:
        raise RuntimeError("a bug in the rules")


# ── the state at the start ───────────────────────────────────────────────────────────────────────────────────────


STEPS: list[tuple[str, Event]] = [
    ("a/alice", Registered("Alice", "admin", "$secret")),
    ("a/bob", Registered("bob")),
    ("a/carol", Registered("carol")),
    ("a/alice", DeviceAdded("d1", "phone", "00")),
    ("a/bob", Disabled()),
    (ROOM, Created("#Room", "alice", "tn")),
    (ROOM, Joined("alice", "q")),
    (ROOM, Joined("bob")),
    (ROOM, RoleSet("bob", "o", "", "alice")),
    (ROOM, Left("bob", "bye", "o")),
    (ROOM, Joined("carol")),
    (ROOM, Kicked("carol", "alice", "spam")),
    (ROOM, ModeSet("alice", on="im", off="t", key="pass", limit=9)),
    (ROOM, Invited("carol", "alice")),
    (ROOM, BanSet("alice", "eve!*@*")),
    (ROOM, BanSet("alice", "mallory!*@*")),
    (ROOM, BanLifted("alice", "mallory!*@*")),
    (ROOM, TopicSet("alice", "talk")),
    (ROOM, posted("alice", "first")),
    ("c/empty", Created("#empty", "bob", "")),
    ("c/gone", Created("#gone", "bob")),
    ("c/gone", Joined("bob", "q")),
    ("c/gone", Left("bob", "", "q")),
    ("c/gone", Dropped()),
]


async def test_a_snapshot_is_the_state_that_the_records_have_made(node: Node, store: Store, clock: Clock) -> None:
    for number, (stream, event) in enumerate(STEPS):
        clock.now = 1000 + number
        await node.do(event, stream=stream)
    snapshot = await store.attach().start(lambda _outcomes: None, node._fail)
    assert sorted(snapshot.accounts, key=lambda account: account.id) == [
        AccountState(
            "alice",
            "Alice",
            "admin",
            True,
            0,
            1000,
            {"d1": DeviceState("d1", "phone", "00", 1003)},
            skeletons={"allce"},
            names={"alice"},
        ),
        AccountState("bob", "bob", "member", False, 1, 1001, skeletons={"bob"}, names={"bob"}),
        AccountState("carol", "carol", "member", True, 0, 1002, skeletons={"carol"}, names={"carol"}),
    ]
    assert sorted(snapshot.channels, key=lambda channel: channel.id) == [
        ChannelState(id="empty", name="#empty", created=1019),
        ChannelState(
            id="room",
            name="#Room",
            epoch=4,
            created=1005,
            modes="imn",
            key="pass",
            limit=9,
            topic="talk",
            topic_by="alice",
            topic_time=1017,
            written=True,
            members={"alice": MemberState("q", 2)},
            former_roles={"bob": "o"},
            bans={"eve!*@*": BanState("eve!*@*", "alice", 1014)},
            invited={"carol"},
        ),
    ]
    fold = Directory(Snapshot([], []))
    for record in node.records:
        fold.apply_record(record)
    loaded = Directory(snapshot)
    assert (loaded.accounts, loaded.channels) == (fold.accounts, fold.channels)


async def test_joining_uses_up_the_invitation_and_the_kept_role(node: Node, join_node: JoinNode) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await node.do(RoleSet("bob", "v", ""), Left("bob", "", "v"), Invited("bob", "alice"), Joined("bob", "v"))
    room = (await join_node()).directory.channels["room"]
    assert room == node.directory.channels["room"]
    assert (room.former_roles, room.invited, room.members["bob"].role) == ({}, set(), "v")


async def test_a_snapshot_is_the_nodes_own_to_change(store: Store, node: Node) -> None:
    await node.register("alice")
    await node.open_room("alice")
    snapshot = await store.attach().start(lambda _outcomes: None, node._fail)
    snapshot.accounts[0].enabled = False
    snapshot.channels[0].members.clear()
    again = await store.attach().start(lambda _outcomes: None, node._fail)
    assert again.accounts[0].enabled
    assert list(again.channels[0].members) == ["alice"]

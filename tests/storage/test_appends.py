"""What every store does with an append: stores all of it or refuses all of it, and says which."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest

from securechat.chat.event import Event
from securechat.chat.events import (
    BanLifted,
    BanSet,
    Created,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Dropped,
    Enabled,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    PasswordRehashed,
    PasswordSet,
    Posted,
    Registered,
    RoleSet,
    TopicSet,
)
from securechat.chat.ports import Lane, Verdict
from tests.storage.nodes import ROOM, Clock, Node, once

JoinNode = Callable[[], Awaitable[Node]]


def posted(account: str, text: str = "hello") -> Posted:
    return Posted(account, "PRIVMSG", text)


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_seq_is_dense_from_one_in_each_stream(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await node.say("alice", "one", "two")
    await node.say("bob", "psst", "hey", stream="d/alice/bob")
    assert node.told("a/alice") == [1]
    assert node.told("c/room") == [1, 2, 3, 4, 5]
    assert node.told("d/alice/bob") == [1, 2]


async def test_outcomes_come_back_in_the_order_of_submission_whatever_they_are(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    futures = [
        node.submit((ROOM, posted("alice", "first")), once=once("alice", "1", "first")),
        node.submit((ROOM, posted("bob")), expects={ROOM: 7}),
        node.submit((ROOM, posted("alice", "first")), once=once("alice", "1", "first")),
        node.submit((ROOM, posted("alice", "other")), once=once("alice", "1", "other")),
        node.submit(once=once("alice", "2", "unknown")),
        node.submit((ROOM, posted("bob", "last"))),
    ]
    await futures[-1]
    assert [outcome.verdict.value for outcome in node.outcomes[-6:]] == [
        "stored",
        "stale",
        "repeated",
        "mismatched",
        "absent",
        "stored",
    ]
    assert [outcome.submission.ticket for outcome in node.outcomes[-6:]] == futures


async def test_several_entries_of_one_append_stand_next_to_each_other(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    leave = node.submit((ROOM, Left("alice", "bye", "q")), (ROOM, RoleSet("bob", "q", "")))
    say = node.submit((ROOM, posted("bob")))
    assert [record.seq for record in (await leave).records] == [4, 5]
    assert [record.seq for record in (await say).records] == [6]


async def test_one_append_may_span_streams(node: Node) -> None:
    outcome = await node.put(
        ("a/alice", Registered("alice")), (ROOM, Created("#room", "alice")), (ROOM, Joined("alice", "q"))
    )
    assert [(record.stream, record.seq) for record in outcome.records] == [("a/alice", 1), (ROOM, 1), (ROOM, 2)]


async def test_time_is_the_clocks_and_never_runs_backwards_within_a_stream(node: Node, clock: Clock) -> None:
    await node.register("alice", "bob")
    clock.now = 5_000_000
    (first,) = await node.say("alice", "at five", stream="d/alice/bob")
    clock.now = 4_000_000
    (second,) = await node.say("alice", "the clock was set back", stream="d/alice/bob")
    (third,) = await node.say("alice", "and stands", stream="d/alice/bob")
    (elsewhere,) = await node.say("alice", "another stream", stream="d/alice/alice")
    clock.now = 6_000_000
    (last,) = await node.say("alice", "right again", stream="d/alice/bob")
    assert [record.time for record in (first, second, third, last)] == [5_000_000, 5_000_001, 5_000_002, 6_000_000]
    assert elsewhere.time == 4_000_000


async def test_msgids_are_unique_and_order_by_time(node: Node, clock: Clock) -> None:
    await node.register("alice", "bob")
    msgids = []
    for text in "abcdef":
        clock.now += 1
        msgids += [record.msgid for record in await node.say("alice", text, stream="d/alice/bob")]
    assert len(set(msgids)) == 6
    assert msgids == sorted(msgids)
    assert all(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", msgid) for msgid in msgids)


async def test_a_message_comes_back_as_it_was_said(node: Node) -> None:
    await node.register("alice", "bob")
    event = Posted("alice", "NOTICE", 'grüße \U0001f44b "quoted" \\ \x02bold\x02', {"+reply": "X", "+draft/react": "é"})
    await node.do(event, stream="d/alice/bob")
    page = await node.page("bob", stream="d/alice/bob")
    assert page.records == (node.records[-1],)
    assert page.records[0].event == event


# ── epochs and lanes ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_append_judged_on_an_old_epoch_is_stale_and_leaves_no_trace(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await node.kick("bob")
    assert (await node.put((ROOM, posted("bob")), expects={ROOM: 0, "a/bob": 0})).verdict is Verdict.STALE
    assert (await node.put((ROOM, posted("alice")), expects={ROOM: 1, "a/alice": 0})).verdict is Verdict.STORED
    assert node.told() == [1, 2, 3, 4, 5]
    assert await node.texts("alice") == ["hello"]


async def test_a_restricting_event_is_seen_by_the_next_append_of_the_same_batch(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    kick = node.submit((ROOM, Kicked("bob", "alice")), expects={ROOM: 0})
    post = node.submit((ROOM, posted("bob")), expects={ROOM: 0})
    assert (await kick).verdict is Verdict.STORED
    assert (await post).verdict is Verdict.STALE


@pytest.mark.parametrize("stream", ["c/nowhere", "a/nobody"])
async def test_an_unknown_channel_or_account_has_no_epoch_that_could_be_expected(node: Node, stream: str) -> None:
    await node.register("alice", "bob")
    message = ("d/alice/bob", posted("alice"))
    assert (await node.put(message, expects={stream: 0})).verdict is Verdict.STALE
    assert (await node.put(message, expects={"d/alice/bob": 0})).verdict is Verdict.STORED


RESTRICTING: list[tuple[str, list[Event], int]] = [
    ("a join", [Joined("carol")], 0),
    ("a member's leaving", [Left("bob")], 0),
    ("an owner's leaving", [RoleSet("bob", "q", ""), Left("alice", "", "q")], 1),
    ("a kick", [Kicked("bob", "alice")], 1),
    ("a role raised", [RoleSet("bob", "o", "")], 0),
    ("a role raised, then lowered", [RoleSet("bob", "o", ""), RoleSet("bob", "v", "o")], 1),
    ("a topic", [TopicSet("alice", "x")], 0),
    ("a flag set", [ModeSet("alice", on="m")], 1),
    ("a flag cleared", [ModeSet("alice", off="n")], 0),
    ("a key", [ModeSet("alice", key="k")], 1),
    ("a key taken off", [ModeSet("alice", key="")], 0),
    ("a limit", [ModeSet("alice", limit=5)], 1),
    ("a ban, then lifted", [BanSet("alice", "x!*@*"), BanLifted("alice", "x!*@*")], 1),
    ("an invitation", [Invited("carol", "alice")], 0),
    ("a message", [posted("bob")], 0),
]


@pytest.mark.parametrize(("events", "epoch"), [case[1:] for case in RESTRICTING], ids=[case[0] for case in RESTRICTING])
async def test_an_epoch_grows_exactly_when_a_right_is_lost(node: Node, events: list[Event], epoch: int) -> None:
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    for event in events:
        await node.do(event)
    assert node.directory.channels["room"].epoch == epoch
    assert (await node.put((ROOM, posted("alice")), expects={ROOM: epoch})).verdict is Verdict.STORED


async def test_an_accounts_epoch_grows_when_password_token_or_permission_go(node: Node) -> None:
    await node.register("alice")
    steps: list[tuple[Event, int]] = [
        (DeviceAdded("d1", "phone", "00"), 0),
        (PasswordRehashed("$x"), 0),
        (PasswordSet("$y", "d1"), 1),
        (DeviceRevoked("d1"), 2),
        (Disabled(), 3),
        (Enabled(), 3),
    ]
    for event, epoch in steps:
        await node.do(event, stream="a/alice")
        assert (await node.history.verifier("alice"))[1] == epoch
        assert node.directory.accounts["alice"].epoch == epoch


async def test_a_lane_is_held_up_behind_a_stale_append_until_its_next_attempt(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    await node.set_modes(on="m")
    lane, other = Lane(), Lane()
    stale = node.submit((ROOM, posted("bob", "1")), expects={ROOM: 0}, lane=lane)
    behind = node.submit((ROOM, posted("bob", "2")), lane=lane)
    beside = node.submit((ROOM, posted("alice", "beside")), lane=other)
    assert [(await future).verdict.value for future in (stale, behind, beside)] == ["stale", "stale", "stored"]
    later = await node.put((ROOM, posted("bob", "3")), lane=lane)
    look_up = await node.put(once=once("bob", "x", "x"), lane=lane)
    assert (later.verdict, look_up.verdict) == (Verdict.STALE, Verdict.STALE)

    lane.attempt += 1
    again = [node.submit((ROOM, posted("bob", text)), expects={ROOM: 1}, lane=lane) for text in "123"]
    assert [(await future).verdict.value for future in again] == ["stored", "stored", "stored"]
    assert await node.texts("alice") == ["beside", "1", "2", "3"]


async def test_many_lanes_keep_their_orders_and_share_one(node: Node) -> None:
    names = [f"user{number}" for number in range(20)]
    await node.register(*names)
    await node.open_room(*names)
    lanes = {name: Lane() for name in names}
    futures = [
        node.submit((ROOM, posted(name, f"{name} {number}")), expects={ROOM: 0, f"a/{name}": 0}, lane=lanes[name])
        for number in range(20)
        for name in names
    ]
    assert {(await future).verdict for future in futures} == {Verdict.STORED}
    assert node.told() == list(range(1, 422))
    texts = await node.texts("user0")
    for name in names:
        assert [text for text in texts if text.startswith(f"{name} ")] == [f"{name} {n}" for n in range(20)]


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────

STALE_FACTS: list[tuple[str, str, Event]] = [
    ("a name that is taken", "a/x", Registered("Alice")),
    ("a name that looks like one that is taken", "a/x", Registered("a1-ice")),
    ("an account id that is taken", "a/alice", Registered("somebody")),
    ("a channel name that is taken", "c/x", Created("#ROOM", "alice")),
    ("a channel id that is taken", ROOM, Created("#other", "alice")),
    ("a join by a member", ROOM, Joined("bob")),
    ("a join by nobody", ROOM, Joined("nobody")),
    ("leaving by an outsider", ROOM, Left("carol")),
    ("leaving with a role that is not held", ROOM, Left("bob", "", "o")),
    ("a kick of an outsider", ROOM, Kicked("carol", "alice")),
    ("a role for an outsider", ROOM, RoleSet("carol", "o", "")),
    ("a role that was another", ROOM, RoleSet("bob", "", "v")),
    ("a message to a channel that never was", "c/nowhere", posted("alice")),
    ("a topic of a channel that never was", "c/nowhere", TopicSet("alice", "x")),
    ("a message to a channel that is gone", "c/gone", posted("alice")),
    ("a join to a channel that is gone", "c/gone", Joined("alice")),
    ("a channel with the id of one that is gone", "c/gone", Created("#new", "alice")),
    ("the last owner's leaving that names no heir", ROOM, Left("alice", "", "q")),
    ("the last owner's removal that names no heir", ROOM, Kicked("alice", "alice", "", "q")),
    ("a removal from another role than is held", ROOM, Kicked("bob", "alice", "", "v")),
    ("dropping a channel that somebody is in", ROOM, Dropped()),
    ("dropping a channel that somebody wrote to", "c/written", Dropped()),
    ("a direct message with nobody", "d/alice/nobody", posted("alice")),
    ("a device that is there", "a/alice", DeviceAdded("d1", "again", "11")),
    ("revoking a device that is not there", "a/alice", DeviceRevoked("d2")),
    ("disabling nobody", "a/nobody", Disabled()),
]


@pytest.mark.parametrize(
    ("stream", "event"), [case[1:] for case in STALE_FACTS], ids=[case[0].replace(" ", "_") for case in STALE_FACTS]
)
async def test_what_is_not_as_judged_is_stale_and_nothing_changes(
    node: Node, join_node: JoinNode, stream: str, event: Event
) -> None:
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    await node.open_room("alice", stream="c/gone")
    await node.do(Left("alice", "", "q"), Dropped(), stream="c/gone")
    await node.do(Created("#written", "alice"), posted("alice"), stream="c/written")
    await node.do(DeviceAdded("d1", "phone", "00"), stream="a/alice")
    before = (await join_node()).directory
    count = len(node.records)

    assert (await node.put((stream, event))).verdict is Verdict.STALE
    whole = await node.put((ROOM, posted("alice")), (ROOM, Invited("carol", "alice")), (stream, event))
    assert whole.verdict is Verdict.STALE

    assert len(node.records) == count
    after = (await join_node()).directory
    assert (after.accounts, after.channels) == (before.accounts, before.channels)
    assert await node.texts("alice") == []


async def test_a_refused_append_leaves_no_gap_in_the_seq(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    futures = [
        node.submit((ROOM, posted("alice", "one"))),
        node.submit((ROOM, posted("alice", "never")), (ROOM, Joined("bob"))),
        node.submit((ROOM, posted("alice", "neither")), expects={ROOM: 9}),
        node.submit((ROOM, posted("alice", "two"))),
    ]
    outcomes = [await future for future in futures]
    assert [[record.seq for record in outcome.records] for outcome in outcomes] == [[4], [], [], [5]]
    assert await node.texts("alice") == ["one", "two"]


async def test_of_two_joins_that_race_for_the_last_place_one_gets_it(node: Node) -> None:
    await node.register("alice", "bob", "carol", "dave")
    await node.open_room("alice")
    await node.set_modes(limit=2)
    bob, carol = node.submit((ROOM, Joined("bob"))), node.submit((ROOM, Joined("carol")))
    assert [(await bob).verdict, (await carol).verdict] == [Verdict.STORED, Verdict.STALE]
    await node.set_modes(limit=0)
    await node.do(Joined("carol"))
    assert set(node.directory.channels["room"].members) == {"alice", "bob", "carol"}


async def test_a_dropped_channels_name_is_free_for_another(node: Node, join_node: JoinNode) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob", stream="c/one")
    await node.do(Left("bob"), Left("alice", "", "q"), Dropped(), stream="c/one")
    await node.do(Created("#ONE", "bob"), Joined("bob", "q"), stream="c/two")
    channels = (await join_node()).directory.channels
    assert list(channels) == ["two"]
    assert list(channels["two"].members) == ["bob"]
    assert await node.texts("alice", stream="c/one") == []

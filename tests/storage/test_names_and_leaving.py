"""What every store does with renames, deletions, dropped channels, and with what an erased account wrote."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from securechat.chat.event import Event
from securechat.chat.events import (
    Created,
    Deleted,
    DeviceAdded,
    Dropped,
    Enabled,
    Erased,
    Ignored,
    Invited,
    Joined,
    Left,
    PasswordSet,
    Posted,
    Registered,
    Renamed,
    RoleSet,
    TopicSet,
    Unignored,
)
from securechat.chat.ports import Form, Verdict
from tests.storage.nodes import ROOM, Node, once

JoinNode = Callable[[], Awaitable[Node]]


async def same_after_a_restart(node: Node, join_node: JoinNode) -> None:
    fresh = (await join_node()).directory
    assert (fresh.accounts, fresh.channels) == (node.directory.accounts, node.directory.channels)


# ── another name ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_account_has_one_name_and_keeps_all_it_ever_had(node: Node, join_node: JoinNode) -> None:
    await node.register("alice", "bob")
    await node.do(Renamed("alicia", "alice"), stream="a/alice")
    await node.do(Renamed("ALICE", "alicia"), stream="a/alice")
    await node.do(Renamed("a-l-i-c-e", "ALICE"), stream="a/alice")
    assert node.directory.accounts["alice"].name == "a-l-i-c-e"
    assert node.directory.accounts["alice"].skeletons == {"allce", "allcla"}
    await same_after_a_restart(node, join_node)
    for stream, event in [
        ("a/x", Registered("alicia")),
        ("a/x", Registered("al1c1a")),
        ("a/x", Registered("alice")),
        ("a/bob", Renamed("Alicia", "bob")),
        ("a/bob", Renamed("robert", "bobby")),
        ("a/alice", Renamed("b0b", "a-l-i-c-e")),
        ("a/nobody", Renamed("somebody", "nobody")),
    ]:
        assert (await node.put((stream, event))).verdict is Verdict.STALE, event


async def test_what_was_judged_before_a_rename_is_judged_again(node: Node) -> None:
    await node.register("alice", "bob")
    await node.do(Renamed("alicia", "alice"), stream="a/alice")
    late = await node.put(("d/alice/bob", Posted("bob", "PRIVMSG", "x")), expects={"a/alice": 0, "a/bob": 0})
    assert late.verdict is Verdict.STALE


# ── leaving for good ─────────────────────────────────────────────────────────────────────────────────────────────

AFTERWARDS: list[tuple[str, Event]] = [
    ("a/alice", Enabled()),
    ("a/alice", PasswordSet("$2")),
    ("a/alice", DeviceAdded("d2", "laptop", "01")),
    ("a/alice", Renamed("alicia", "deleted-alice")),
    ("a/alice", Deleted()),
    ("a/x", Registered("alice")),
    ("a/x", Registered("al1ce")),
    (ROOM, Joined("alice")),
    ("d/alice/carol", Posted("carol", "PRIVMSG", "anybody?")),
    ("a/carol", Ignored("alice")),
]


async def test_a_deleted_account_can_do_nothing_and_nothing_happens_to_it(node: Node, join_node: JoinNode) -> None:
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    await node.do(PasswordSet("$1"), DeviceAdded("d1", "phone", "00"), Ignored("bob"), stream="a/alice")
    await node.open_room("bob", stream="c/closed", modes="i")
    await node.do(Invited("alice", "bob"), stream="c/closed")
    await node.say("alice", "kept")
    last = ((ROOM, Left("alice", "", "q")), (ROOM, RoleSet("bob", "q", "")), ("a/alice", Deleted()))
    assert (await node.put(*last)).verdict is Verdict.STORED
    alice = node.directory.accounts["alice"]
    assert (alice.name, alice.deleted, alice.enabled, alice.devices) == ("deleted-alice", True, False, {})
    assert (await node.history.verifier("alice"))[0] == ""
    assert node.directory.channels["closed"].invited == set()
    assert await node.texts("bob") == ["kept"]
    await same_after_a_restart(node, join_node)
    for stream, event in AFTERWARDS:
        assert (await node.put((stream, event))).verdict is Verdict.STALE, event
    await same_after_a_restart(node, join_node)


async def test_who_is_still_a_member_somewhere_is_not_deleted(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("bob", "alice")
    assert (await node.put(("a/alice", Deleted()))).verdict is Verdict.STALE
    assert not node.directory.accounts["alice"].deleted
    assert (await node.put((ROOM, Left("alice")), ("a/alice", Deleted()))).verdict is Verdict.STORED


async def test_what_is_erased_is_on_no_page_but_its_place_and_its_id_are_known(node: Node) -> None:
    await node.register("alice", "bob", "carol")
    await node.open_room("bob", "alice")
    key = once("alice", "uuid", "two")
    (one,) = await node.say("bob", "one")
    two = (await node.put((ROOM, Posted("alice", "PRIVMSG", "two", {"+k": "v"})), once=key)).records[0]
    await node.say("bob", "three")
    await node.say("alice", "direct", stream="d/alice/bob")
    await node.say("bob", "answer", stream="d/alice/bob")
    # Of one batch: what came just before it is erased too.
    last = [node.submit((ROOM, Posted("alice", "PRIVMSG", "last"))) for _ in range(3)]
    ending = node.submit((ROOM, Left("alice")), ("a/alice", Deleted(erase=True)))
    assert [(await future).verdict for future in [*last, ending]] == [Verdict.STORED] * 4
    assert await node.texts("bob") == ["one", "three"]
    assert await node.texts("bob", stream="d/alice/bob") == ["answer"]
    assert await node.texts("bob", Form.AFTER, two) == ["three"]
    assert await node.texts("bob", Form.BEFORE, two) == ["one"]
    assert await node.history.count_messages([ROOM, "d/alice/bob", "c/nowhere"]) == [2, 1, 0]
    assert (await node.put((ROOM, Posted("alice", "PRIVMSG", "two")), once=key)).verdict is Verdict.REDACTED
    assert (await node.put(once=key)).verdict is Verdict.REDACTED
    (next_one,) = await node.say("bob", "four")
    assert next_one.seq == one.seq + 7
    assert (await node.page("bob", Form.LATEST, limit=2)).records[-1] == next_one


async def test_an_erasure_that_is_refused_erases_nothing(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("bob", "alice")
    await node.say("alice", "early")
    said = node.submit((ROOM, Posted("alice", "PRIVMSG", "late")))
    refused = node.submit((ROOM, Left("alice")), ("a/alice", Deleted(erase=True)), (ROOM, Joined("nobody")))
    assert [(await said).verdict, (await refused).verdict] == [Verdict.STORED, Verdict.STALE]
    assert await node.texts("bob") == ["early", "late"]


async def test_a_conversation_whose_newest_message_is_erased_is_dated_by_what_is_left(
    node: Node, clock: object
) -> None:
    await node.register("alice", "bob")
    clock.now = 1000  # type: ignore[attr-defined]
    await node.say("bob", "first", stream="d/alice/bob")
    clock.now = 2000  # type: ignore[attr-defined]
    await node.say("alice", "second", stream="d/alice/bob")
    await node.do(Deleted(erase=True), stream="a/alice")
    assert await node.conversations("bob", 900, 1500) == [("d/alice/bob", 1000)]
    assert await node.conversations("bob", 1500, 2500) == []


# ── channels that are dropped ────────────────────────────────────────────────────────────────────────────────────


async def test_a_channel_dropped_by_force_is_gone_with_members_and_messages(node: Node, join_node: JoinNode) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    key = once("alice", "uuid", "x")
    stored = await node.put((ROOM, Posted("alice", "PRIVMSG", "x")), once=key)
    assert (await node.put((ROOM, Dropped()))).verdict is Verdict.STALE
    await node.do(Dropped(forced=True))
    assert node.directory.channels == {}
    assert node.directory.channels_of("alice") == []
    await same_after_a_restart(node, join_node)
    assert await node.texts("alice") == []
    assert await node.conversations("alice") == []
    for event in (Posted("alice", "PRIVMSG", "y"), Joined("alice"), TopicSet("alice", "x"), Dropped(forced=True)):
        assert (await node.put((ROOM, event))).verdict is Verdict.STALE
    assert (await node.put(once=key)).records == stored.records
    await node.do(Created("#room", "bob"), Joined("bob", "q"), stream="c/again")
    assert await node.texts("bob", stream="c/again") == []
    await same_after_a_restart(node, join_node)


# ── whom one ignores ─────────────────────────────────────────────────────────────────────────────────────────────

DIRECT = "d/alice/bob"
# Alice and bob say the letters, A and B for who says them; + and - are alice's beginning and ending to ignore bob.
STORIES = [
    ("A B A B", "ABAB", "ABAB"),
    ("A B + B A B", "ABA", "ABBAB"),
    ("+ B A - B", "AB", "BAB"),
    ("+ - B", "B", "B"),
    ("B + - + - B", "BB", "BB"),
    ("B + B - B + B A B - A B", "BBAAB", "BBBBABAB"),
    ("+ B - + B - B", "B", "BBB"),
]


@pytest.mark.parametrize(("story", "alices", "bobs"), STORIES)
@pytest.mark.parametrize("at_once", [False, True])
async def test_what_was_said_while_ignored_is_on_no_page_of_the_one_who_ignored(
    node: Node, join_node: JoinNode, story: str, alices: str, bobs: str, at_once: bool
) -> None:
    await node.register("alice", "bob")
    said: dict[str, Event] = {"+": Ignored("bob"), "-": Unignored("bob")}
    said |= {letter: Posted(name, "PRIVMSG", letter) for letter, name in (("A", "alice"), ("B", "bob"))}
    futures = []
    for word in story.split():
        futures.append(node.submit(("a/alice" if word in "+-" else DIRECT, said[word])))
        if not at_once:
            await futures[-1]
    assert {(await future).verdict for future in futures} == {Verdict.STORED}
    for account, expected in (("alice", alices), ("bob", bobs)):
        assert "".join(await node.texts(account, stream=DIRECT)) == expected
        ahead = await node.texts(account, Form.AFTER, 0, limit=1, stream=DIRECT)
        back = await node.texts(account, Form.LATEST, limit=1, stream=DIRECT)
        assert "".join(ahead) == expected[:1]
        assert "".join(back) == expected[-1:]
        assert bool(await node.conversations(account)) is bool(expected)
    for record in node.records:
        if isinstance(record.event, Posted):
            known = (await node.page("alice", Form.AROUND, record, stream=DIRECT)).known
            assert known is (record in (await node.page("alice", stream=DIRECT)).records)
    await same_after_a_restart(node, join_node)


async def test_ignoring_twice_and_ending_what_never_began_are_refused(node: Node) -> None:
    await node.register("alice", "bob")
    await node.do(Ignored("bob"), stream="a/alice")
    for event in (Ignored("bob"), Ignored("nobody"), Unignored("nobody")):
        assert (await node.put(("a/alice", event))).verdict is Verdict.STALE
    assert (await node.put(("a/bob", Unignored("alice")))).verdict is Verdict.STALE


async def test_a_conversation_is_dated_by_what_the_one_who_ignores_may_read(node: Node, clock: object) -> None:
    await node.register("alice", "bob")
    clock.now = 1000  # type: ignore[attr-defined]
    await node.say("bob", "first", stream=DIRECT)
    await node.do(Ignored("bob"), stream="a/alice")
    clock.now = 2000  # type: ignore[attr-defined]
    await node.say("bob", "second", stream=DIRECT)
    assert await node.conversations("alice", 900, 1500) == [(DIRECT, 1000)]
    assert await node.conversations("bob", 900, 1500) == []


def test_an_erased_record_still_says_whose_place_it_is() -> None:
    assert Erased("alice").account == "alice"

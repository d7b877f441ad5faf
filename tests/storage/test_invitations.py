"""What every store does with invitations: uses are counted in the transaction, and what follows stands or falls with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from securechat.chat.event import Event
from securechat.chat.events import Disabled, Registered, RoleChanged
from securechat.chat.invitations import InvitationState
from securechat.chat.ports import Verdict
from securechat.chat.server_events import InvitationMade, InvitationRevoked, InvitationUsed
from securechat.chat.streams import SERVER
from tests.storage.nodes import Clock, Node

JoinNode = Callable[[], Awaitable[Node]]
LATE = 1 << 40


async def open_ids(node: Node, join_node: JoinNode) -> list[str]:
    """Return the ids of the open invitations, which a node that comes later knows just as well."""
    fresh = (await join_node()).directory.server.invitations
    assert fresh == node.directory.server.invitations
    return sorted(each.id for each in fresh.values())


async def test_all_that_was_said_of_an_invitation_is_kept(node: Node, join_node: JoinNode, clock: Clock) -> None:
    made = InvitationMade("i", "d", "admin", ("#a", '#"b'), 3, LATE, "carol", "", "local:root")
    await node.do(made, stream=SERVER)
    await node.do(InvitationUsed("i", "x"), stream=SERVER)
    expected = InvitationState("i", "d", "admin", ("#a", '#"b'), 2, LATE, "carol", "", "local:root", clock.now)
    assert (await join_node()).directory.server.invitations == {"d": expected}
    assert node.directory.server.invitations == {"d": expected}


async def test_an_account_is_made_with_the_use_or_neither_is_there(node: Node, join_node: JoinNode) -> None:
    await node.do(InvitationMade("i", "d", expires=LATE), stream=SERVER)
    await node.register("alice")
    taken = await node.put((SERVER, InvitationUsed("i", "x")), ("a/x", Registered("al1ce")))
    assert taken.verdict is Verdict.STALE
    assert await open_ids(node, join_node) == ["i"]
    futures = [
        node.submit((SERVER, InvitationUsed("i", name)), (f"a/{name}", Registered(name))) for name in ("bob", "carol")
    ]
    assert [(await future).verdict for future in futures] == [Verdict.STORED, Verdict.STALE]
    assert set((await join_node()).directory.accounts) == {"alice", "bob"}
    assert await open_ids(node, join_node) == []


async def test_of_two_uses_three_at_once_get_two(node: Node) -> None:
    await node.do(InvitationMade("i", "d", uses=2, expires=LATE), stream=SERVER)
    futures = [node.submit((SERVER, InvitationUsed("i", str(number)))) for number in range(3)]
    verdicts = [(await future).verdict for future in futures]
    assert verdicts == [Verdict.STORED, Verdict.STORED, Verdict.STALE]


async def test_uses_take_no_right_away_so_nothing_is_judged_again(node: Node) -> None:
    await node.do(InvitationMade("i", "d", uses=2, expires=LATE), stream=SERVER)
    await node.do(InvitationUsed("i", "x"), stream=SERVER)
    outcome = await node.put((SERVER, InvitationUsed("i", "y")), expects={SERVER: 0})
    assert outcome.verdict is Verdict.STORED


@pytest.mark.parametrize(
    "event",
    [
        InvitationUsed("other", "x"),
        InvitationRevoked("other"),
        InvitationMade("i", "another", expires=LATE),
        InvitationMade("another", "d", expires=LATE),
    ],
)
async def test_what_cannot_be_is_refused(node: Node, event: Event) -> None:
    await node.do(InvitationMade("i", "d", expires=LATE), stream=SERVER)
    assert (await node.put((SERVER, event))).verdict is Verdict.STALE


async def test_what_is_over_is_forgotten_and_its_records_stay(node: Node, join_node: JoinNode, clock: Clock) -> None:
    for number, expires in (("1", clock.now + 10), ("2", clock.now + 11), ("3", LATE)):
        await node.do(InvitationMade(f"i{number}", f"d{number}", expires=expires), stream=SERVER)
    clock.now += 10
    assert await open_ids(node, join_node) == ["i1", "i2", "i3"]
    await node.do(InvitationMade("i4", "d4", expires=LATE), stream=SERVER)
    assert await open_ids(node, join_node) == ["i2", "i3", "i4"]
    await node.do(InvitationRevoked("i3"), stream=SERVER)
    assert await open_ids(node, join_node) == ["i2", "i4"]
    assert [record.seq for record in node.records if record.stream == SERVER] == [1, 2, 3, 4, 5]


async def test_a_reset_replaces_the_one_before_of_its_account_alone(node: Node, join_node: JoinNode) -> None:
    for number, account in (("1", "alice"), ("2", "bob"), ("3", ""), ("4", "alice"), ("5", "")):
        await node.do(InvitationMade(f"i{number}", f"d{number}", expires=LATE, account=account), stream=SERVER)
    assert await open_ids(node, join_node) == ["i2", "i3", "i4", "i5"]


async def test_a_role_changes_from_what_it_was_and_lowering_it_raises_the_epoch(
    node: Node, join_node: JoinNode
) -> None:
    await node.register("alice")
    assert (await node.put(("a/alice", RoleChanged("bot", "admin")))).verdict is Verdict.STALE
    await node.do(RoleChanged("admin", "member", "local:root"), stream="a/alice")
    assert (await node.put(("a/alice", Disabled()), expects={"a/alice": 0})).verdict is Verdict.STORED
    await node.do(RoleChanged("bot", "admin"), stream="a/alice")
    fresh = (await join_node()).directory
    assert fresh.accounts == node.directory.accounts
    assert (fresh.accounts["alice"].role, fresh.accounts["alice"].epoch, fresh.admins) == ("bot", 2, set())

"""What every store keeps of passwords and devices, and tells nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from securechat.chat.events import KEEP_ALL_DEVICES, DeviceAdded, PasswordRehashed, PasswordSet, Registered
from tests.storage.nodes import Node

JoinNode = Callable[[], Awaitable[Node]]


async def test_a_verifier_is_kept_and_told_to_nobody_who_follows(node: Node) -> None:
    assert await node.history.verifier("alice") == ("", 0)
    await node.do(Registered("alice", verifier="$argon2id$1"), stream="a/alice")
    assert await node.history.verifier("alice") == ("$argon2id$1", 0)
    await node.do(PasswordRehashed("$argon2id$2"), stream="a/alice")
    assert await node.history.verifier("alice") == ("$argon2id$2", 0)
    await node.do(PasswordSet("$argon2id$3"), stream="a/alice")
    assert await node.history.verifier("alice") == ("$argon2id$3", 1)
    assert "argon2id" not in repr(node.records)


async def test_a_new_password_revokes_the_devices_that_are_not_kept(node: Node, join_node: JoinNode) -> None:
    async def devices() -> list[str]:
        fresh = (await join_node()).directory.accounts["alice"].devices
        assert fresh == node.directory.accounts["alice"].devices
        return sorted(fresh)

    await node.register("alice", "bob")
    for device in ("d1", "d2", "d3"):
        await node.do(DeviceAdded(device, device, device), stream="a/alice")
    await node.do(DeviceAdded("d1", "bob's", "b1"), stream="a/bob")
    await node.do(PasswordSet("$1", KEEP_ALL_DEVICES), stream="a/alice")
    assert await devices() == ["d1", "d2", "d3"]
    await node.do(PasswordSet("$2", "d2"), stream="a/alice")
    assert await devices() == ["d2"]
    await node.do(PasswordSet("$3"), stream="a/alice")
    assert await devices() == []
    assert sorted(node.directory.accounts["bob"].devices) == ["d1"]

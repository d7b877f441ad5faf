"""The digest of what was sent with an id is erased with the message: it would tell whether a guess is right."""

from __future__ import annotations

from securechat.chat.events import Deleted, Left, Posted
from securechat.chat.ports import Verdict
from tests.storage.nodes import ROOM, Node, once


async def test_a_message_erased_in_the_batch_it_came_in_leaves_no_digest(node: Node) -> None:
    await node.register("alice", "bob")
    await node.open_room("bob", "alice")
    key, other = once("alice", "uuid", "guess"), once("bob", "uuid", "guess")
    said = [
        node.submit((ROOM, Posted("alice", "PRIVMSG", "guess")), once=key),
        node.submit((ROOM, Posted("bob", "PRIVMSG", "guess")), once=other),
        node.submit((ROOM, Left("alice")), ("a/alice", Deleted(erase=True))),
    ]
    assert [(await future).verdict for future in said] == [Verdict.STORED] * 3
    assert node.batches[-1] == 3, "or they did not come in one batch"
    assert await node.texts("bob") == ["guess"]
    for guess in ("guess", "another"):
        # Right or wrong, a guess is told the same.
        asked = once("alice", "uuid", guess)
        assert (await node.put((ROOM, Posted("alice", "PRIVMSG", guess)), once=asked)).verdict is Verdict.REDACTED
    # What somebody else sent with the same id and the same words is still known.
    repeated = await node.put((ROOM, Posted("bob", "PRIVMSG", "guess")), once=other)
    assert repeated.verdict is Verdict.REPEATED

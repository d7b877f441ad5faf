"""Whom one ignores: what no longer reaches one, and that the other side sees no sign of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.harness import RawClient, RunningServer, running_server
from tests.server.test_names_and_leaving import page, shown

EVER = "timestamp=1970-01-02T00:00:00.000Z timestamp=2199-01-01T00:00:00.000Z 9"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        yield server


async def try_everything(bob: RawClient) -> list[str]:
    """Have bob say all that can be said to somebody, and return what he is told."""
    lines = ["PRIVMSG alice :word", "NOTICE alice :note", "@+typing=active TAGMSG alice", "INVITE alice #his"]
    return shown(await bob.ask(*lines))


async def test_nothing_direct_comes_through_and_the_sender_is_told_the_same(server: RunningServer) -> None:
    alice, phone, bob = await server.gather("alice", "alice", "bob")
    await bob.ask("JOIN #his", "PRIVMSG alice :before")
    before = await try_everything(bob)
    heard = [line.command for line in await alice.fence()]
    assert heard == ["PRIVMSG", "PRIVMSG", "NOTICE", "TAGMSG", "INVITE"], "or nothing would be kept away"
    await phone.fence()
    (answer,) = await alice.ask("ACCOUNT IGNORE BOB")
    assert answer.params[:3] == ("ACCOUNT", "IGNORED", "bob")
    # Invited again, for the first invitation still stands.
    await alice.ask("JOIN #his", "PART #his")
    for client in (alice, phone, bob):
        await client.fence()
    assert await try_everything(bob) == before
    assert [await client.fence() for client in (alice, phone)] == [[], []]
    await bob.ask("PRIVMSG #general :all of you")
    assert shown(await alice.fence()) == [":bob!bob@securechat PRIVMSG #general :all of you"]


async def test_what_was_said_meanwhile_is_in_no_history_of_the_one_who_ignored(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await bob.ask("PRIVMSG alice :one")
    await alice.ask("ACCOUNT IGNORE bob")
    (hidden,) = await bob.ask("PRIVMSG alice :two")
    await alice.ask("PRIVMSG bob :my own")
    assert shown(await bob.fence()) == [":alice!alice@securechat PRIVMSG bob :my own"]
    await alice.ask("ACCOUNT UNIGNORE bob")
    await bob.ask("PRIVMSG alice :three")
    assert shown(await alice.fence()) == [":bob!bob@securechat PRIVMSG alice three"]
    assert [line.rsplit(" ", 1)[1] for line in await page(alice, "bob")] == ["one", "own", "three"]
    assert [line.rsplit(" ", 1)[1] for line in await page(bob, "alice")] == ["one", "two", "own", "three"]
    (unknown,) = await alice.ask(f"CHATHISTORY AFTER bob msgid={hidden.tags['msgid']} 9")
    assert unknown.params[1] == "MESSAGE_ERROR"


async def test_a_conversation_of_which_all_is_kept_away_is_none(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("ACCOUNT IGNORE bob")
    await bob.ask("PRIVMSG alice :word")
    for client, others in ((alice, []), (bob, ["alice"])):
        targets = await client.ask(f"CHATHISTORY TARGETS {EVER}")
        assert [line.params[1] for line in targets if line.command == "CHATHISTORY"] == others


async def test_lines_of_both_in_one_batch_are_told_apart_and_in_order(server: RunningServer) -> None:
    alice, phone, bob = await server.gather("alice", "alice", "bob")
    await alice.ask("ACCOUNT IGNORE bob")
    await phone.fence()
    bob.send(*(f"PRIVMSG alice :b{number}" for number in range(50)))
    alice.send(*(f"PRIVMSG bob :a{number}" for number in range(50)))
    for client in (bob, alice, bob, alice):
        await client.fence()
    own = [f"a{number}" for number in range(50)]
    assert [line.params[1] for line in await phone.fence()] == own
    assert [line.params[1] for line in alice.seen if line.command == "PRIVMSG"] == own
    heard = [line.params[1] for line in bob.seen if line.command == "PRIVMSG"]
    assert sorted(heard) == sorted(own + [f"b{number}" for number in range(50)])
    stored = [line.rsplit(" ", 1)[1] for line in await page(bob, "alice")]
    assert stored == heard

"""Exactly once: the same id is the same message, whatever happened in between. (securechat.internal/once)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.harness import ALL_CAPS, RunningServer, running_server
from tests.server.held import HeldHistory

ID = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
TAG = f"@securechat.internal/id={ID}"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("bob", "alice", "carol")
        yield server


@pytest.mark.parametrize("target", ["#general", "bob", "alice"])
@pytest.mark.parametrize("command", ["PRIVMSG", "NOTICE"])
async def test_the_same_id_gets_the_first_echo_again_and_nobody_else_hears_it(
    server: RunningServer, command: str, target: str
) -> None:
    alice, other, bob = await server.gather("alice", "alice", "bob")
    first = await alice.ask(f"{TAG} {command} {target} :hello")
    for listener in (other, bob):
        await listener.fence()
    second, third = await alice.ask(f"{TAG} {command} {target} :hello", f"{TAG} {command} {target.upper()} :hello")
    assert second == third == first[0]
    assert second.tags["msgid"]
    assert "securechat.internal/id" not in second.tags
    assert await other.fence() == []
    assert await bob.fence() == []


async def test_a_repeat_in_the_same_packet_is_stored_once(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    echoes = await alice.ask(*[f"{TAG} PRIVMSG #general :hello"] * 5)
    assert len(echoes) == 5
    assert len({echo.tags["msgid"] for echo in echoes}) == 1
    assert len(await bob.fence()) == 1


async def test_two_devices_with_one_id_have_one_message(server: RunningServer) -> None:
    phone, laptop, bob = await server.gather("alice", "alice", "bob")
    held = HeldHistory(server.node)
    for device in (phone, laptop):
        device.send(f"{TAG} PRIVMSG #general :hello")
    await held.until(2)
    held.release()
    seen = [[line.tags["msgid"] for line in await client.fence()] for client in (phone, laptop, bob)]
    assert len(seen[2]) == 1
    assert {msgid for each in seen for msgid in each} == set(seen[2])


@pytest.mark.parametrize(
    "again",
    ["PRIVMSG #general :other", "PRIVMSG bob :hello", "NOTICE #general :hello", "PRIVMSG #nowhere :hello"],
)
async def test_the_same_id_for_something_else_fails(server: RunningServer, again: str) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask(f"{TAG} PRIVMSG #general :hello")
    await bob.fence()
    (answer,) = await alice.ask(f"{TAG} {again}")
    assert (answer.command, *answer.params[:2]) == ("FAIL", again.split()[0], "ID_REUSED")
    assert await bob.fence() == []


async def test_an_id_belongs_to_its_account(server: RunningServer) -> None:
    alice, carol, bob = await server.gather("alice", "carol", "bob")
    for client in (alice, carol):
        await client.ask(f"{TAG} PRIVMSG #general :hello")
    assert [line.source.split("!")[0] for line in await bob.fence()] == ["alice", "carol"]


@pytest.mark.parametrize("obstacle", ["KICK #general alice", "MODE #general +b alice", "MODE #general +m"])
async def test_who_may_not_post_there_any_more_still_gets_the_echo_of_what_was_stored(
    server: RunningServer, obstacle: str
) -> None:
    bob, alice = await server.gather("bob", "alice")
    (echo,) = await alice.ask(f"{TAG} PRIVMSG #general :hello")
    await bob.ask(obstacle)
    await alice.fence()
    await bob.fence()
    again, refusal = await alice.ask(
        f"{TAG} PRIVMSG #general :hello", "@securechat.internal/id=never-stored PRIVMSG #general :hello"
    )
    assert again == echo
    assert refusal.command == "404"
    assert await bob.fence() == []


async def test_a_resent_message_to_a_channel_that_became_secret_gets_its_echo(server: RunningServer) -> None:
    bob, alice = await server.gather("bob", "alice")
    await bob.ask("JOIN #plans")
    await alice.ask("JOIN #plans")
    (echo,) = await alice.ask(f"{TAG} PRIVMSG #plans :hello")
    await bob.ask("MODE #plans +s", "KICK #plans alice")
    await alice.fence()
    again, refusal = await alice.ask(f"{TAG} PRIVMSG #plans :hello", "PRIVMSG #plans :hello")
    assert again == echo
    assert refusal.command == "403"


async def test_what_was_refused_is_not_used_up(server: RunningServer) -> None:
    bob, alice = await server.gather("bob", "alice")
    await bob.ask("MODE #general +m")
    await alice.fence()
    assert [line.command for line in await alice.ask(f"{TAG} PRIVMSG #general :hello")] == ["404"]
    await bob.ask("MODE #general -m")
    await alice.fence()
    assert [line.command for line in await alice.ask(f"{TAG} PRIVMSG #general :hello")] == ["PRIVMSG"]


async def test_one_id_for_two_targets_is_refused(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    assert [line.command for line in await alice.ask(f"{TAG} PRIVMSG #general,bob :hello")] == ["407"]
    assert await bob.fence() == []


@pytest.mark.parametrize("bad", ["", "short", "x" * 65, "has\\sspaces-in-it", "über-straße-1"])
async def test_an_id_that_is_none_fails_and_nothing_is_stored(server: RunningServer, bad: str) -> None:
    alice, bob = await server.gather("alice", "bob")
    (answer,) = await alice.ask(f"@securechat.internal/id={bad} PRIVMSG #general :hello")
    assert (answer.command, *answer.params[:2]) == ("FAIL", "PRIVMSG", "INVALID_ID")
    assert await bob.fence() == []


async def test_without_the_capability_an_id_means_nothing(server: RunningServer) -> None:
    caps = ALL_CAPS.replace(" securechat.internal/once", "")
    alice, bob = await server.gather("alice", "bob", caps=caps)
    await alice.ask(*[f"{TAG} PRIVMSG #general :hello"] * 2)
    assert len(await bob.fence()) == 2


async def test_without_echoes_a_repeat_is_silent_and_the_next_answer_tells(server: RunningServer) -> None:
    (alice,) = await server.gather("alice", caps="securechat.internal/once message-tags")
    (bob,) = await server.gather("bob")
    await alice.fence()
    assert await alice.ask(*[f"{TAG} PRIVMSG #general :hello"] * 2) == []
    assert len(await bob.fence()) == 1


async def test_ids_survive_the_connection_and_a_restart(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        (alice,) = await server.gather("alice")
        held = HeldHistory(server.node)
        alice.send(f"{TAG} PRIVMSG #general :hello")
        await held.until(1)
        await alice.close()
        held.release()
        (alice,) = await server.gather("alice")
        echo = (await alice.ask(f"{TAG} PRIVMSG #general :hello"))[-1]
    async with running_server(tmp_path) as server:
        (alice,) = await server.gather("alice")
        page = await alice.ask("CHATHISTORY LATEST #general * 10")
        (again,) = await alice.ask(f"{TAG} PRIVMSG #general :hello")
        assert again == echo
        assert [line.tags["msgid"] for line in page if line.command == "PRIVMSG"] == [echo.tags["msgid"]]


async def test_many_repeats_among_many_messages_are_each_stored_once(server: RunningServer) -> None:
    alice, carol, bob = await server.gather("alice", "carol", "bob")

    def packet(name: str) -> list[str]:
        return [f"@securechat.internal/id={name}-number-{i % 40} PRIVMSG #general :{name} {i % 40}" for i in range(120)]

    await asyncio.gather(alice.ask(*packet("alice")), carol.ask(*packet("carol")))
    heard = [line.params[1] for line in await bob.fence()]
    assert sorted(heard) == sorted(f"{name} {i}" for name in ("alice", "carol") for i in range(40))

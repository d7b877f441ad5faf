"""Readers for whom much is waiting: what has a place in the order keeps it, what they asked for waits, memory is bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.server.connection import Connection
from securechat.server.outlet import MAX_PRODUCERS
from securechat.wire.message import Message
from tests.server.harness import RunningServer, running_server
from tests.server.held import HeldHistory


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        yield server


def connections_of(server: RunningServer, name: str) -> list[Connection]:
    named = server.node.world.directory.name_of
    return [each for each in server.node.connections if named(each.session.account) == name]


def said(lines: list[Message], channel: str = "#general") -> list[str]:
    return [line.params[1] for line in lines if line.command == "PRIVMSG" and line.params[0] == channel]


async def test_a_writer_for_whom_too_much_is_waiting_sees_the_order_that_everybody_sees(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    held = HeldHistory(server.node)
    for number in range(4):
        alice.send(f"PRIVMSG #general :a{number}")
        await held.until(2 * number + 1)
        bob.send(f"PRIVMSG #general :b{number}")
        await held.until(2 * number + 2)
    (connection,) = connections_of(server, "alice")
    connection.outlet.blocked = True
    held.release()
    await bob.until("PRIVMSG", "#general", "b3")
    connection.drained()
    expected = ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]
    assert said(await alice.fence()) == expected
    assert said(bob.seen) == expected


async def test_a_labelled_message_to_two_channels_has_its_place_in_each(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #a,#b")
    await bob.ask("JOIN #a,#b")
    await alice.fence()
    held = HeldHistory(server.node)
    alice.send("@label=l PRIVMSG #a,#b :first")
    await held.until(2)
    bob.send("PRIVMSG #a :second")
    await held.until(3)
    held.release()
    assert said(await bob.fence(), "#a") == ["first", "second"]
    lines = await alice.fence()
    assert said(lines, "#a") == ["first", "second"]
    opening, one, live, two, end = lines
    assert (opening.command, opening.tags["label"]) == ("BATCH", "l")
    assert [line.tags.get("batch") for line in (one, live, two)] == [opening.params[0][1:], None, opening.params[0][1:]]
    assert end.params == (f"-{opening.params[0][1:]}",)


async def test_what_is_said_after_ones_join_is_heard_however_late_the_names_are_read(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await bob.ask("JOIN #a", "JOIN #b")
    phone = await server.sign_in("alice@phone")
    (_, of_the_phone) = connections_of(server, "alice")
    of_the_phone.outlet.blocked = True
    await alice.ask("@label=l JOIN #a,#b")
    await bob.ask("PRIVMSG #a :welcome")
    of_the_phone.drained()
    for client in (alice, phone):
        lines = await client.fence()
        assert said([*client.seen[-20:], *lines], "#a")[-1] == "welcome"
    commands = [line.command for line in phone.seen if "#a" in line.params]
    assert commands.index("JOIN") < commands.index("PRIVMSG")


async def test_what_other_devices_do_costs_a_device_that_does_not_read_its_connection_and_no_more(
    server: RunningServer,
) -> None:
    (laptop,) = await server.gather("alice")
    phone = await server.sign_in("alice@phone")
    (_, of_the_phone) = connections_of(server, "alice")
    of_the_phone.outlet.blocked = True
    for number in range(MAX_PRODUCERS):
        await laptop.ask(f"JOIN #c{number}")
    assert of_the_phone in server.node.connections
    await laptop.ask("JOIN #one-more")
    await phone.ended()
    assert of_the_phone not in server.node.connections
    assert await laptop.fence() == []


async def test_reading_is_a_sign_of_life(server: RunningServer) -> None:
    await server.gather("alice")
    (connection,) = connections_of(server, "alice")
    connection.heard, connection.pinged = 0.0, True
    connection.drained()
    assert connection.heard > 0
    assert not connection.pinged

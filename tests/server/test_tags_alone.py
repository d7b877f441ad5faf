"""TAGMSG: tags without a text reach who listens now, and nothing keeps them. (IRCv3 message-tags)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.harness import ALL_CAPS, RunningServer, running_server

TYPING = "@+typing=active;unknown=x;+draft/react=:)"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        yield server


async def test_members_hear_it_once_with_the_clients_own_tags_only(server: RunningServer) -> None:
    alice, laptop, bob = await server.gather("alice", "alice", "bob")
    (echo,) = await alice.ask(f"{TYPING} TAGMSG #general")
    for client in (laptop, bob):
        (heard,) = await client.fence()
        assert heard == echo
    assert (echo.source, echo.command, echo.params) == ("alice!alice@securechat", "TAGMSG", ("#general",))
    assert sorted(echo.tags) == ["+draft/react", "+typing", "account", "msgid", "time"]


async def test_who_did_not_ask_for_tags_hears_nothing(server: RunningServer) -> None:
    (alice,) = await server.gather("alice")
    (plain,) = await server.gather("bob", caps="server-time echo-message")
    await alice.fence()
    await alice.ask(f"{TYPING} TAGMSG #general", f"{TYPING} TAGMSG bob")
    assert await plain.fence() == []
    assert [line.command for line in await plain.ask("TAGMSG #general")] == ["421"]
    assert await alice.fence() == []


async def test_a_person_hears_it_on_every_device_and_nobody_else_does(server: RunningServer) -> None:
    alice, phone, laptop, carol = await server.gather("alice", "bob", "bob", "carol")
    await alice.ask(f"{TYPING} TAGMSG bob")
    assert [[line.params for line in await device.fence()] for device in (phone, laptop)] == [[("bob",)]] * 2
    assert await carol.fence() == []


async def test_without_echoes_the_sender_hears_nothing_of_it(server: RunningServer) -> None:
    (alice,) = await server.gather("alice", caps=ALL_CAPS.replace("echo-message ", ""))
    assert await alice.ask(f"{TYPING} TAGMSG #general") == []


@pytest.mark.parametrize(
    ("before", "target", "numeric"),
    [
        ("MODE #general +m", "#general", "404"),
        ("MODE #general +b alice", "#general", "404"),
        ("KICK #general alice", "#general", "404"),
        ("JOIN #private", "#private", "404"),
        ("MODE #secret +s", "#secret", "403"),
        ("PING x", "#nowhere", "403"),
        ("PING x", "nobody", "401"),
    ],
)
async def test_where_one_may_not_write_one_may_not_send_tags(
    server: RunningServer, before: str, target: str, numeric: str
) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await alice.ask("MODE #general +q bob", "MODE #general -q alice")
    await bob.ask("JOIN #secret", before)
    for client in (alice, bob, carol):
        await client.fence()
    assert [line.command for line in await alice.ask(f"{TYPING} TAGMSG {target}")] == [numeric]
    assert await bob.fence() == await carol.fence() == []


async def test_nothing_keeps_it(server: RunningServer) -> None:
    alice, _bob = await server.gather("alice", "bob")
    await alice.ask(f"{TYPING} TAGMSG #general", f"{TYPING} TAGMSG bob")
    lines = await alice.ask("CHATHISTORY LATEST #general * 9", "CHATHISTORY LATEST bob * 9")
    assert {line.command for line in lines} == {"BATCH"}


async def test_it_keeps_its_place_among_messages(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    sent = ["PRIVMSG #general :one", f"{TYPING} TAGMSG #general", "PRIVMSG #general :two"]
    expected = ["PRIVMSG", "TAGMSG", "PRIVMSG"]
    assert [line.command for line in await alice.ask(*sent)] == expected
    assert [line.command for line in await bob.fence()] == expected

"""Membership lasts, absence is told late and once, and the devices of one account are one person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.config import Chat, Config
from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, DEADLINE, RawClient, RunningServer, running_server

ABSENCE = 0.3


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(chat=Chat(absence=ABSENCE))) as server:
        await server.add("alice", "bob", "carol")
        yield server


def shapes(lines: list[Message]) -> list[tuple[str, ...]]:
    return [(line.command, *line.params) for line in lines]


async def leave(server: RunningServer, client: RawClient) -> None:
    """Close a client's connection and wait until the server has noticed."""
    before = len(server.node.connections)
    await client.close()
    async with asyncio.timeout(DEADLINE):
        while len(server.node.connections) >= before:
            await asyncio.sleep(0)


def now() -> float:
    return asyncio.get_running_loop().time()


# ── membership ──


async def test_a_return_puts_a_client_into_its_channels_with_topic_and_names(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #plans", "TOPIC #plans :what we do", "JOIN #zoo")
    await bob.ask("JOIN #plans")
    await leave(server, bob)
    await alice.fence()
    client = await server.sign_in("bob")
    lines = shapes(client.seen)
    start = next(i for i, line in enumerate(lines) if line[0] == "JOIN")
    names = [line[:4] for line in lines[start:] if line[0] != "333"]
    assert names[:-1] == [
        ("JOIN", "#general", "bob", "bob"),
        ("353", "bob", "=", "#general"),
        ("366", "bob", "#general", "End of /NAMES list"),
        ("JOIN", "#plans", "bob", "bob"),
        ("332", "bob", "#plans", "what we do"),
        ("353", "bob", "=", "#plans"),
        ("366", "bob", "#plans", "End of /NAMES list"),
    ]
    assert names[-1][0] == "PONG"
    assert [line[0] for line in shapes(await alice.fence())] in ([], ["AWAY", "AWAY"])


@pytest.mark.parametrize("how", ["QUIT :bye", "close", "abort"])
async def test_leaving_is_silent_and_the_membership_lasts(tmp_path: Path, how: str) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice, bob = await server.gather("alice", "bob")
        if how == "abort":
            bob.writer.transport.abort()
        elif how == "close":
            await bob.close()
        else:
            bob.send(how)
            assert (await bob.ended())[-1].params == ("Closing link: Quit: bye",)
        async with asyncio.timeout(DEADLINE):
            while len(server.node.connections) > 1:
                await asyncio.sleep(0)
        lines = await alice.ask("NAMES #general", "WHOIS bob")
        assert {line.command for line in lines} == {"353", "366", "311", "319", "312", "317", "330", "671", "318"}
        assert "bob" in next(line for line in lines if line.command == "353").params[-1]


async def test_who_was_kicked_or_has_parted_does_not_return(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #one,#two")
    await bob.ask("JOIN #one,#two", "PART #two")
    await leave(server, bob)
    await alice.ask("KICK #one bob")
    bob = await server.sign_in("bob")
    assert [line.params[0] for line in bob.seen if line.command == "JOIN"] == ["#general"]


async def test_memberships_roles_and_modes_survive_a_restart(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice, bob = await server.gather("alice", "bob")
        await alice.ask("JOIN #club", "TOPIC #club :ours")
        await bob.ask("JOIN #club")
        await alice.ask("MODE #club +ok-t+l bob key 9", "MODE #club +b carol")
    async with running_server(tmp_path) as server:
        bob = await server.sign_in("bob")
        lines = shapes(await bob.ask("NAMES #club", "TOPIC #club", "MODE #club", "MODE #club b"))
        assert sorted(lines[0][4].split()) == ["@bob", "~alice"]
        assert lines[2] == ("332", "bob", "#club", "ours")
        assert lines[4] == ("324", "bob", "#club", "+nkl", "key", "9")
        assert lines[6][:5] == ("367", "bob", "#club", "carol!*@*", "alice")


# ── absence ──


async def test_absence_is_told_once_and_not_before_its_time(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await leave(server, bob)
    left = now()
    line = await alice.until("AWAY")
    assert now() - left >= ABSENCE - 0.05
    assert (line.source, line.params) == ("bob!bob@securechat", ("Not connected",))
    await server.sign_in("bob")
    assert [shapes([line]) for line in await alice.fence()] == [[("AWAY",)]]


async def test_a_quick_return_is_noticed_by_nobody(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await leave(server, bob)
    bob = await server.sign_in("bob")
    await leave(server, carol)
    # Carol went later: when she is told to be away, bob would have been, had he not come back.
    assert (await alice.until("AWAY")).source == "carol!carol@securechat"
    assert {line.source for line in alice.seen if line.command == "AWAY" and line.params} == {"carol!carol@securechat"}


async def test_an_earlier_absence_does_not_shorten_a_later_one(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await leave(server, bob)
    first = now()
    bob = await server.sign_in("bob")
    while now() < first + ABSENCE * 0.7:
        await alice.fence()
    await leave(server, bob)
    left = now()
    await alice.until("AWAY", "Not connected")
    assert now() - left >= ABSENCE - 0.05


async def test_one_device_of_two_that_goes_is_noticed_by_nobody(server: RunningServer) -> None:
    alice, phone, _laptop, carol = await server.gather("alice", "bob", "bob", "carol")
    await leave(server, phone)
    await leave(server, carol)
    assert (await alice.until("AWAY")).source == "carol!carol@securechat"


async def test_an_account_is_away_when_all_of_its_devices_are(server: RunningServer) -> None:
    alice, phone, laptop = await server.gather("alice", "bob", "bob")
    assert [line.command for line in await phone.ask("AWAY :lunch")] == ["306"]
    assert await alice.fence() == []
    await laptop.ask("AWAY :asleep")
    assert shapes(await alice.fence()) == [("AWAY", "asleep")]
    assert [line.command for line in await phone.ask("AWAY")] == ["305"]
    assert shapes(await alice.fence()) == [("AWAY",)]
    await laptop.ask("AWAY")
    assert await alice.fence() == []


async def test_who_writes_to_somebody_away_is_told_and_the_message_is_kept(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await bob.ask("AWAY :lunch")
    await alice.fence()
    assert shapes(await alice.ask("PRIVMSG bob :hello")) == [
        ("PRIVMSG", "bob", "hello"),
        ("301", "alice", "bob", "lunch"),
    ]
    assert [line.command for line in await alice.ask("NOTICE bob :hello")] == ["NOTICE"]


async def test_only_clients_that_asked_for_it_hear_of_absence(server: RunningServer) -> None:
    (asking, bob) = await server.gather("alice", "bob")
    (plain,) = await server.gather("carol", caps="")
    await asking.fence()
    await bob.ask("AWAY :lunch")
    assert [line.command for line in await asking.fence()] == ["AWAY"]
    assert await plain.fence() == []


async def test_absence_is_no_business_of_who_shares_no_channel(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("PART #general")
    await bob.ask("AWAY :lunch")
    assert "AWAY" not in [line.command for line in await alice.fence()]


async def test_who_joins_while_away_is_shown_as_away(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #lounge")
    await bob.ask("AWAY :lunch")
    await alice.fence()
    await bob.ask("JOIN #lounge")
    assert [line.command for line in await alice.fence()] == ["JOIN", "AWAY"]


# ── devices ──


async def test_what_one_device_writes_in_a_channel_the_others_see(server: RunningServer) -> None:
    phone, laptop, bob = await server.gather("alice", "alice", "bob")
    (plain,) = await server.gather("alice", caps="")
    await phone.ask("PRIVMSG #general :hello")
    for client in (laptop, bob, plain):
        assert [(line.source, line.params) for line in await client.fence()] == [
            ("alice!alice@securechat", ("#general", "hello"))
        ]


async def test_what_one_device_writes_to_somebody_the_others_see_if_they_know_echoes(server: RunningServer) -> None:
    phone, laptop, bob = await server.gather("alice", "alice", "bob")
    (plain,) = await server.gather("alice", caps=ALL_CAPS.replace("echo-message ", ""))
    await phone.ask("PRIVMSG bob :hello")
    for client, count in ((laptop, 1), (bob, 1), (plain, 0)):
        assert shapes(await client.fence()) == [("PRIVMSG", "bob", "hello")] * count
    await bob.ask("PRIVMSG alice :and you?")
    for client in (phone, laptop, plain):
        assert shapes(await client.fence()) == [("PRIVMSG", "alice", "and you?")]


async def test_a_join_of_one_device_is_shown_on_the_other_with_topic_and_names(server: RunningServer) -> None:
    bob, phone, laptop = await server.gather("bob", "alice", "alice")
    await bob.ask("JOIN #plans", "TOPIC #plans :what we do")
    own = await phone.ask("JOIN #plans")
    other = await laptop.fence()
    assert shapes(own) == shapes(other)
    assert [line.command for line in other] == ["JOIN", "332", "333", "353", "366"]
    assert [line.command for line in await bob.fence()] == ["JOIN"]
    await bob.ask("PRIVMSG #plans :welcome")
    assert [shapes(await device.fence()) for device in (phone, laptop)] == [[("PRIVMSG", "#plans", "welcome")]] * 2
    await laptop.ask("PART #plans :done")
    assert shapes(await phone.fence()) == [("PART", "#plans", "done")]
    await bob.ask("PRIVMSG #plans :anybody?")
    assert await phone.fence() == await laptop.fence() == []


async def test_a_capability_changed_in_mid_talk_changes_how_lines_look_from_there_on(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await bob.ask("PRIVMSG #general :one")
    await alice.ask("CAP REQ :-message-tags -server-time -account-tag")
    await bob.ask("PRIVMSG #general :two")
    await alice.ask("CAP REQ :server-time")
    await bob.ask("PRIVMSG #general :three")
    await alice.fence()
    tags = [sorted(line.tags) for line in alice.seen if line.command == "PRIVMSG"]
    assert tags == [["account", "msgid", "time"], [], ["time"]]

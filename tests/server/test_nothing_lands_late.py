"""Nothing lands after the kick, the ban or the silence that forbade it; and what is judged again keeps its order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.server.requests import SetEnabled
from securechat.wire.message import Message
from tests.server.harness import RawClient, RunningServer, running_server
from tests.server.held import HeldHistory

MANY = 1500


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob", "carol")
        yield server


def texts_of(lines: list[Message], nick: str = "bob", target: str = "#general") -> list[str]:
    said = [line for line in lines if line.command == "PRIVMSG" and line.params[0] == target]
    return [line.params[1] for line in said if line.source.startswith(f"{nick}!")]


def numbers(count: int) -> list[str]:
    return [str(i) for i in range(count)]


async def read_history(server: RunningServer, target: str = "#general") -> list[str]:
    """Return the texts in a conversation, as alice, who has always been there, may read it."""
    reader = await server.sign_in("alice")
    found: list[str] = []
    bound = "timestamp=2000-01-01T00:00:00.000Z"
    while page := [
        line for line in await reader.ask(f"CHATHISTORY AFTER {target} {bound} 500") if "batch" in line.tags
    ]:
        found += [line.params[1] for line in page]
        bound = f"msgid={page[-1].tags['msgid']}"
    return found


async def read_until_first_message(client: RawClient) -> None:
    await client.until("PRIVMSG")


# What is done to bob in the middle of his talk, the line that everybody sees of it, and what he is told afterwards.
OBSTACLES = [
    ("KICK #general bob :enough", "KICK", "404"),
    ("MODE #general +b bob", "MODE", "404"),
    ("MODE #general +m", "MODE", "404"),
]


@pytest.mark.parametrize(("command", "sign", "numeric"), OBSTACLES)
async def test_what_the_others_see_of_somebody_ends_where_he_was_stopped(
    server: RunningServer, command: str, sign: str, numeric: str
) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    bob.send(*(f"PRIVMSG #general :{i}" for i in range(MANY)))
    await read_until_first_message(alice)
    await alice.ask(command)
    answers = await bob.fence()
    seen = await carol.fence()
    landed = texts_of(seen)
    assert 0 < len(landed) < MANY, "the talk must have been interrupted, or this shows nothing"
    assert landed == numbers(len(landed))
    assert [line.command for line in seen][len(landed) :] == [sign]
    assert texts_of(alice.seen) == landed
    assert await read_history(server) == landed
    assert texts_of(answers) == landed
    stopped = [line.command for line in answers].index(sign)
    assert texts_of(answers[:stopped]) == landed
    assert [line.command for line in answers[stopped + 1 :]] == [numeric] * (MANY - len(landed))


async def test_a_kicked_member_is_told_404_or_of_a_secret_channel_403(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #plans")
    await bob.ask("JOIN #plans")
    await alice.ask("MODE #plans +s")
    bob.send(*(f"PRIVMSG #plans :{i}" for i in range(MANY)))
    await read_until_first_message(alice)
    await alice.ask("KICK #plans bob")
    answers = await bob.fence()
    landed = texts_of(answers, target="#plans")
    assert await read_history(server, "#plans") == landed == numbers(len(landed))
    assert [line.command for line in answers[-(MANY - len(landed)) :]] == ["403"] * (MANY - len(landed))


async def test_a_disabled_account_says_nothing_after_that(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    bob.send(*(f"PRIVMSG #general :{i}" for i in range(MANY)))
    await read_until_first_message(alice)
    await server.office.perform(SetEnabled("bob", False))
    before = texts_of(await carol.fence())
    assert 0 < len(before) < MANY
    assert [line.command for line in await bob.ended()][-1] == "ERROR"
    assert texts_of(await carol.fence()) == []
    assert await read_history(server) == before


async def test_what_was_on_its_way_when_the_kick_was_committed_is_judged_again_and_refused(
    server: RunningServer,
) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    held = HeldHistory(server.node)
    bob.send("PRIVMSG #general :before")
    await held.until(1)
    alice.send("KICK #general bob")
    await held.until(2)
    bob.send(*(f"PRIVMSG #general :after {i}" for i in range(50)))
    await held.until(52)
    held.release()
    answers = await bob.fence()
    assert [line.command for line in answers] == ["PRIVMSG", "KICK", *["404"] * 50]
    assert [line.command for line in await carol.fence()] == ["PRIVMSG", "KICK"]
    assert await read_history(server) == ["before"]


async def test_a_kick_and_a_return_do_not_let_in_what_was_said_between(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    held = HeldHistory(server.node)
    alice.send("KICK #general bob")
    await held.until(1)
    bob.send("PRIVMSG #general :too late", "JOIN #general", "PRIVMSG #general :back again")
    await held.until(2)
    held.release()
    await bob.fence()
    assert [line.command for line in bob.seen if line.command in ("KICK", "404", "JOIN", "PRIVMSG")][-4:] == [
        "KICK",
        "404",
        "JOIN",
        "PRIVMSG",
    ]
    assert [line.command for line in await carol.fence()] == ["KICK", "JOIN", "PRIVMSG"]


async def test_messages_to_another_channel_keep_their_order_while_those_to_the_lost_one_are_refused(
    server: RunningServer,
) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await alice.ask("JOIN #other")
    await bob.ask("JOIN #other")
    await carol.ask("JOIN #other")
    bob.send(*(f"PRIVMSG {'#other' if i % 2 else '#general'} :{i}" for i in range(MANY)))
    await read_until_first_message(alice)
    await alice.ask("KICK #general bob")
    answers = await bob.fence()
    seen = await carol.fence()
    odd = [str(i) for i in range(1, MANY, 2)]
    landed = texts_of(seen)
    assert 0 < len(landed) < MANY // 2
    assert texts_of(seen, target="#other") == texts_of(answers, target="#other") == odd
    assert landed == texts_of(answers) == [str(2 * i) for i in range(len(landed))]
    assert [line.command for line in answers].count("404") == MANY // 2 - len(landed)
    assert await read_history(server, "#other") == odd
    assert await read_history(server) == landed


async def test_a_message_that_is_judged_again_is_not_overtaken_by_a_later_one_to_another_channel(
    server: RunningServer,
) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await alice.ask("JOIN #other", "MODE #general +v bob")
    await bob.ask("JOIN #other")
    await carol.ask("JOIN #other")
    held = HeldHistory(server.node)
    alice.send("MODE #general +m")
    await held.until(1)
    bob.send("PRIVMSG #general :first", "PRIVMSG #other :second")
    await held.until(3)
    held.release()
    answers = await bob.fence()
    assert [line.params[-1] for line in answers if line.command == "PRIVMSG"] == ["first", "second"]
    assert [line.params[-1] for line in await carol.fence() if line.command == "PRIVMSG"] == ["first", "second"]


async def test_one_label_over_a_channel_that_holds_and_one_that_was_lost_is_answered_whole(
    server: RunningServer,
) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #other")
    await bob.ask("JOIN #other")
    held = HeldHistory(server.node)
    alice.send("KICK #general bob")
    await held.until(1)
    bob.send("@label=L PRIVMSG #other,#general :hello")
    await held.until(3)
    held.release()
    answers = await bob.fence()
    labelled = [line for line in answers if "batch" in line.tags or "label" in line.tags]
    assert [(line.command, line.params[0]) for line in labelled[1:]] == [("PRIVMSG", "#other"), ("404", "bob")]
    assert labelled[0].tags["label"] == "L"


async def test_a_lowered_operator_changes_nothing_any_more(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await alice.ask("MODE #general +o bob")
    await carol.fence()
    held = HeldHistory(server.node)
    alice.send("MODE #general -o bob")
    await held.until(1)
    bob.send("KICK #general carol")
    await held.until(2)
    held.release()
    assert [line.command for line in await bob.fence()][-1] == "482"
    assert [line.command for line in await carol.fence()] == ["MODE"]


async def test_the_last_two_owners_cannot_leave_a_channel_without_one(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await alice.ask("MODE #general +q bob")
    await carol.fence()
    held = HeldHistory(server.node)
    alice.send("PART #general")
    bob.send("PART #general")
    await held.until(2)
    held.release()
    await asyncio.gather(alice.fence(), bob.fence())
    lines = await carol.ask("NAMES #general")
    assert [line.params[-1] for line in lines if line.command == "353"] == ["~carol"]


async def test_a_join_that_meets_the_last_members_leaving_finds_a_living_channel(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await alice.ask("JOIN #fleeting")
    held = HeldHistory(server.node)
    bob.send("JOIN #fleeting")
    await held.until(1)
    alice.send("PART #fleeting")
    await held.until(2)
    held.release()
    await alice.fence()
    lines = await bob.ask("PRIVMSG #fleeting :anybody?", "NAMES #fleeting")
    assert [line.command for line in lines if line.command in ("PRIVMSG", "403", "404")] == ["PRIVMSG"]
    assert [line.params[-1] for line in bob.seen if line.command == "353"][-1] == "~bob"


async def test_two_who_make_the_same_channel_at_once_are_in_the_same_one(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    held = HeldHistory(server.node)
    alice.send("JOIN #new")
    await held.until(1)
    bob.send("JOIN #NEW")
    await held.until(2)
    held.release()
    await asyncio.gather(alice.fence(), bob.fence())
    lines = await bob.ask("NAMES #new")
    assert [line.params[-1] for line in lines if line.command == "353"] == ["~alice bob"]


async def test_the_last_place_in_a_full_channel_goes_to_one(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    await alice.ask("JOIN #small", "MODE #small +l 2")
    held = HeldHistory(server.node)
    bob.send("JOIN #small")
    await held.until(1)
    carol.send("JOIN #small")
    await held.until(2)
    held.release()
    assert [line.command for line in await bob.fence()] == ["JOIN", "353", "366"]
    assert [line.command for line in await carol.fence()] == ["471"]

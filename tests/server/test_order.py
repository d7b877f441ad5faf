"""One order: what one client sends is judged in its order, and everybody sees the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.wire.message import Message
from tests.server.harness import ALL_CAPS, RawClient, RunningServer, running_server
from tests.server.held import HeldHistory

PEOPLE = ("alice", "bob", "carol", "dave")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add(*PEOPLE)
        yield server


def texts(lines: list[Message], target: str = "#general") -> list[str]:
    return [line.params[1] for line in lines if line.command == "PRIVMSG" and line.params[0] == target]


async def read_history(client: RawClient, target: str = "#general") -> list[str]:
    """Return the texts of a conversation by CHATHISTORY, all pages."""
    found: list[str] = []
    last = "*"
    while True:
        subcommand = f"LATEST {target} *" if last == "*" else f"BEFORE {target} msgid={last}"
        page = [line for line in await client.ask(f"CHATHISTORY {subcommand} 500") if "batch" in line.tags]
        if not page:
            return found
        found = texts(page, target) + found
        last = page[0].tags["msgid"]


async def test_a_hundred_messages_in_one_packet_keep_their_order_and_the_fence_comes_last(
    server: RunningServer,
) -> None:
    alice, bob = await server.gather("alice", "bob")
    sent = [f"message {i}" for i in range(100)]
    echoes = await alice.ask(*(f"PRIVMSG #general :{text}" for text in sent))
    assert texts(echoes) == sent
    assert texts(await bob.fence()) == sent
    assert await read_history(bob) == sent


async def test_a_message_behind_a_join_in_one_packet_finds_the_channel(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    lines = await alice.ask("JOIN #new", "PRIVMSG #new :first", "TOPIC #new :ours", "PRIVMSG #new :second")
    assert [line.command for line in lines] == ["JOIN", "353", "366", "PRIVMSG", "TOPIC", "PRIVMSG"]


async def test_a_message_behind_a_part_in_one_packet_is_refused(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    lines = await alice.ask("PRIVMSG #general :before", "PART #general", "PRIVMSG #general :after", "PING x")
    assert [line.command for line in lines] == ["PRIVMSG", "PART", "404", "PONG"]
    assert [line.command for line in await bob.fence()] == ["PRIVMSG", "PART", "MODE"]
    assert await read_history(bob) == ["before"]


async def test_answers_come_in_the_order_of_the_questions_whatever_they_wait_for(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    asked = [
        "PING 1",
        "PRIVMSG #general :0",
        "PRIVMSG nobody :x",
        "PRIVMSG #general :a",
        "FNORD",
        "CHATHISTORY AFTER #general timestamp=2099-01-01T00:00:00.000Z 9",
        "PRIVMSG nobody :x",
    ]
    lines = await alice.ask(*asked, "PRIVMSG #general :b", "ACCOUNT PASSWD wrong a-quite-different-one", "PING 2")
    commands = " ".join(line.command for line in lines)
    assert commands == "PONG PRIVMSG 401 PRIVMSG 421 BATCH BATCH 401 PRIVMSG FAIL PONG"


async def test_no_refusal_overtakes_the_echo_of_an_earlier_message(server: RunningServer) -> None:
    alice = await server.sign_in("alice")
    targets = ["#general", "nobody", "#general", "#nowhere", "nobody", "alice", "#general"] * 20
    lines = await alice.ask(*(f"PRIVMSG {target} :{i}" for i, target in enumerate(targets)))
    # What alice writes to herself comes twice: as echo and as message.
    answers = [line.params[0] if line.command == "PRIVMSG" else line.params[1] for line in lines]
    assert [answer for i, answer in enumerate(answers) if answers[i - 1] != "alice" or answer != "alice"] == targets


async def test_several_writers_at_once_are_read_in_one_order_by_everybody(server: RunningServer) -> None:
    clients = {name: await server.sign_in(name) for name in PEOPLE}
    plain = await server.sign_in("dave", caps="")
    silent = await server.sign_in("dave", caps="server-time")
    rounds, each = 6, 12

    async def write(name: str) -> list[str]:
        lines: list[Message] = []
        for i in range(rounds):
            packet = [f"PRIVMSG #general :{name} {i * each + j}" for j in range(each)]
            if i % 2:
                packet.insert(each // 2, f"TOPIC #general :by {name}")
            lines += await clients[name].ask(*packet)
        return texts(lines)

    own = await asyncio.gather(*(write(name) for name in PEOPLE))
    order = await read_history(await server.sign_in("alice"))
    assert len(order) == len(set(order)) == len(PEOPLE) * rounds * each
    for name in PEOPLE:
        assert [text for text in order if text.startswith(name)] == [f"{name} {i}" for i in range(rounds * each)]
    for name, seen in zip(PEOPLE, own, strict=True):
        assert seen + texts(await clients[name].fence()) == order
    for reader in (plain, silent):
        assert texts(await reader.fence()) == order


async def test_what_was_submitted_by_several_before_a_commit_is_one_batch_in_that_order(server: RunningServer) -> None:
    alice, bob, carol = await server.gather("alice", "bob", "carol")
    held = HeldHistory(server.node)
    for i in range(5):
        alice.send(f"PRIVMSG #general :alice {i}")
        await held.until(3 * i + 1)
        bob.send(f"PRIVMSG #general :bob {i}")
        await held.until(3 * i + 2)
        alice.send(f"PRIVMSG carol :alice to carol {i}")
        await held.until(3 * i + 3)
    held.release()
    expected = [f"{who} {i}" for i in range(5) for who in ("alice", "bob")]
    for client in (alice, bob, carol):
        lines = await client.fence()
        assert texts(lines) == expected
        direct = [f"alice to carol {i}" for i in range(5)]
        assert texts(lines, "carol") == ([] if client is bob else direct)


async def test_time_and_seq_never_run_backwards_and_msgids_are_unique(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    await asyncio.gather(*(client.ask(*(["PRIVMSG #general :x"] * 50)) for client in (alice, bob)))
    carol = await server.sign_in("carol")
    lines = await carol.ask("CHATHISTORY LATEST #general * 200")
    times = [line.tags["time"] for line in lines if line.command == "PRIVMSG"]
    assert times == sorted(times)
    assert len({line.tags["msgid"] for line in lines if line.command == "PRIVMSG"}) == 100


@pytest.mark.parametrize("caps", ["", ALL_CAPS])
async def test_the_fence_stands_behind_all_that_was_asked_of_anybody(server: RunningServer, caps: str) -> None:
    alice = await server.sign_in("alice", caps=caps)
    await alice.ask(*(f"PRIVMSG bob :{i}" for i in range(300)))
    bob = await server.sign_in("bob")
    lines = await bob.ask("CHATHISTORY LATEST alice * 500")
    assert texts(lines, "bob") == [str(i) for i in range(300)]


async def test_an_answer_to_several_targets_under_one_label_is_whole(server: RunningServer) -> None:
    alice, _ = await server.gather("alice", "bob")
    await alice.ask("JOIN #one,#two")
    lines = await alice.ask("@label=L1 PRIVMSG #one,#two,#none,bob :hi", "@label=L2 PRIVMSG bob :hi", "@label=L3 PONG")
    opening, one, two, none, bob, closing, single, ack = lines
    assert (opening.command, opening.tags["label"]) == ("BATCH", "L1")
    assert [line.params[0] for line in (one, two)] == ["#one", "#two"]
    assert (none.command, bob.params[0], closing.command) == ("403", "bob", "BATCH")
    assert {line.tags["batch"] for line in (one, two, none, bob)} == {opening.params[0][1:]}
    assert (single.command, single.tags["label"]) == ("PRIVMSG", "L2")
    assert (ack.command, ack.tags["label"]) == ("ACK", "L3")


async def test_what_is_behind_a_hundred_messages_in_one_packet_is_told_after_their_echoes(
    server: RunningServer,
) -> None:
    alice = await server.sign_in("alice")
    alice.send(*(f"PRIVMSG #general :{i}" for i in range(100)), "QUIT :done", "PRIVMSG #general :after that")
    lines = await alice.ended()
    assert texts(lines) == [str(i) for i in range(100)]
    assert lines[-1].params == ("Closing link: Quit: done",)
    assert await read_history(await server.sign_in("bob")) == [str(i) for i in range(100)]

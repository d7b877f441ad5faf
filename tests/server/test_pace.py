"""Everybody at their own pace: a slow reader costs only itself, and a flood costs nobody else their turn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from securechat.config import Config, Limits
from securechat.server.connection import MEMBER, Connection
from securechat.server.requests import NewPerson, UserAdd
from securechat.server.transport import BYTES_PER_TURN, Transport
from tests.server.harness import DEADLINE, RawClient, RunningServer, running_server

QUEUE = 65_536
BUFFER = 65_536
"""Bytes of every socket buffer: fixed, or the kernel would take in megabytes that a reader leaves lying."""
ANSWER = 65_536
"""Bytes that what is under way may add to a queue that has just been found too long."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, Config(limits=Limits(send_queue=QUEUE, rate=0))) as server:
        fix_buffers(server.listener._sock)
        await server.add("alice", "bob", "carol", "dave")
        yield server


def fix_buffers(sock: socket.socket) -> None:
    """Fix the buffers of a socket, and of those it accepts."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)


async def sign_in_lazily(server: RunningServer, name: str) -> tuple[RawClient, Connection]:
    """Sign in, then stop reading; return the server's end of the connection too."""
    known = set(server.node.connections)
    client = await server.sign_in(name)
    (connection,) = set(server.node.connections) - known
    fix_buffers(client.writer.get_extra_info("socket"))
    client.writer.transport.pause_reading()
    return client, connection


async def talk_while(server: RunningServer, writer: RawClient, condition: Callable[[], bool]) -> list[str]:
    """Have a client post, ever more, as long as the condition holds; return the texts."""
    sent: list[str] = []
    async with asyncio.timeout(DEADLINE):
        while condition():
            packet = [f"{len(sent) + i} {'x' * 380}" for i in range(50)]
            sent += packet
            await writer.ask(*(f"PRIVMSG #general :{text}" for text in packet))
    return sent


def account_id(server: RunningServer, name: str) -> str:
    return server.node.world.directory.account_named(name).id


def texts(client: RawClient) -> list[str]:
    return [line.params[1] for line in client.seen if line.command == "PRIVMSG"]


async def test_a_slow_reader_costs_only_itself_and_catches_up_by_history(server: RunningServer) -> None:
    alice, carol = await server.gather("alice", "carol")
    bob, connection = await sign_in_lazily(server, "bob")
    sent = await talk_while(server, alice, lambda: connection in server.node.connections)
    assert len(sent) * 400 > QUEUE, "it must be the full queue that cut him off"
    await carol.fence()
    assert texts(carol) == texts(alice) == sent

    bob.writer.transport.resume_reading()
    await bob.ended()
    heard = [line for line in bob.seen if line.command == "PRIVMSG"]
    assert [line.params[1] for line in heard] == sent[: len(heard)]
    bob = await server.sign_in("bob")
    bound = f"msgid={heard[-1].tags['msgid']}" if heard else "timestamp=2000-01-01T00:00:00.000Z"
    found = [line.params[1] for line in heard]
    while page := (await bob.ask(f"CHATHISTORY AFTER #general {bound} 100"))[1:-1]:
        found += [line.params[1] for line in page]
        bound = f"msgid={page[-1].tags['msgid']}"
    assert found == sent


async def test_a_reader_that_only_rests_is_not_cut(server: RunningServer) -> None:
    alice, _ = await server.gather("alice", "carol")
    bob, connection = await sign_in_lazily(server, "bob")
    sent = await talk_while(server, alice, lambda: connection.transport.queued < QUEUE // 3)
    bob.writer.transport.resume_reading()
    await bob.fence()
    assert texts(bob) == sent


async def fill_channel(server: RunningServer, count: int) -> None:
    people = [NewPerson(f"member-{i:04}") for i in range(count)]
    await server.office.perform(UserAdd(people, tokens=True))


ASKED = {
    "NAMES #general": ("366", 300),
    "WHO #general": ("315", 60),
    "CHATHISTORY LATEST #general * 500": ("BATCH", 16),
    "VERSION": ("351", 1800),
}


@pytest.mark.parametrize("line", ASKED)
async def test_who_asks_for_much_without_reading_is_neither_cut_nor_costly_and_gets_all_of_it(
    server: RunningServer, line: str
) -> None:
    (alice,) = await server.gather("alice")
    await fill_channel(server, 300)
    await alice.ask(*(f"PRIVMSG #general :{'x' * 200}" for _ in range(300)))
    bob, connection = await sign_in_lazily(server, "bob")
    sign, count = ASKED[line]
    bob.send(*[line] * count)
    for i in range(30):
        await alice.ask(f"PRIVMSG #general :meanwhile {i}")
        assert connection.transport.queued <= MEMBER.bytes + ANSWER
    assert connection.transport.queued > 0, "or bob has read after all"
    bob.writer.transport.resume_reading()
    lines = await bob.fence()
    assert [each.command for each in lines].count(sign) == count * (2 if sign == "BATCH" else 1)
    live = [each.params[1] for each in lines if each.command == "PRIVMSG" and "batch" not in each.tags]
    assert live == [f"meanwhile {i}" for i in range(30)]
    assert connection in server.node.connections


async def test_who_sends_without_reading_is_made_to_wait(server: RunningServer) -> None:
    (alice,) = await server.gather("alice")
    bob, connection = await sign_in_lazily(server, "bob")
    tokens = [f"{i} {'x' * 280}" for i in range(5000)]
    bob.send(*(f"PING :{token}" for token in tokens))
    for _ in range(50):
        await alice.fence()
        assert connection.transport.queued <= MEMBER.bytes + ANSWER
        assert len(connection._pipeline) <= MEMBER.commands + BYTES_PER_TURN // 280
    assert len(connection._pipeline) > MEMBER.commands, "it must be full, and what was not taken waits on his side"
    bob.writer.transport.resume_reading()
    assert [line.params[-1] for line in await bob.fence()] == tokens


async def test_a_flood_in_one_go_is_answered_in_order_and_others_have_their_turn(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    flood = asyncio.create_task(alice.ask(*(f"PING :{i}" for i in range(5000))))
    await bob.fence()
    assert not flood.done(), "or bob would have had to wait for all of it"
    assert [line.params[-1] for line in await flood] == [str(i) for i in range(5000)]


async def test_a_flood_of_garbage_is_answered_line_by_line_and_the_connection_kept(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    garbage = [b"FNORD", b"\xff\xfe\xfd", b"x" * 600, b"PRIVMSG", b"a\0b", b":", b"@", b"KICK x", b"\x16\x03\x01"]
    alice.send_bytes(b"\r\n".join(garbage * 600) + b"\r\n")
    lines = await alice.fence()
    assert await bob.fence() == []
    commands = [line.command for line in lines]
    assert commands[:9] == ["421", "FAIL", "417", "411", "FAIL", "FAIL", "FAIL", "461", "421"]
    assert commands == commands[:9] * 600


async def test_a_flood_of_messages_is_stored_and_heard_whole(server: RunningServer) -> None:
    alice, carol = await server.gather("alice", "carol")
    sent = [str(i) for i in range(2000)]
    writing = asyncio.create_task(alice.ask(*(f"PRIVMSG #general :{text}" for text in sent)))
    while len(texts(carol)) < len(sent):
        await carol.next()
    assert texts(carol) == sent
    assert [line.params[1] for line in await writing] == sent


async def test_what_is_committed_together_shares_its_writes_whatever_stands_between(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await server.gather("alice", "bob")
    writes = 0
    send_live, flush = Transport.send_live, Transport.flush

    def count_send(transport: Transport, data: bytes) -> bool:
        nonlocal writes
        writes += 1
        return send_live(transport, data)

    def count_flush(transport: Transport) -> None:
        nonlocal writes
        writes += transport.queued > 0
        flush(transport)

    monkeypatch.setattr(Transport, "send_live", count_send)
    monkeypatch.setattr(Transport, "flush", count_flush)
    pairs = ((f"PRIVMSG #general :{i}", "PRIVMSG #nowhere :x") for i in range(100))
    await alice.ask(*(line for pair in pairs for line in pair))
    await bob.fence()
    assert texts(bob) == [str(i) for i in range(100)]
    # The lines of one packet are judged in a turn or two, and each batch of them is one write to alice and one to bob.
    assert writes < 50


async def test_one_endless_line_takes_no_more_memory_than_a_line_may_have(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    (connection,) = [each for each in server.node.connections if each.session.account == account_id(server, "alice")]
    for _ in range(40):
        alice.send_bytes(b"PRIVMSG #general :" + b"x" * 50_000)
        await bob.fence()
        assert connection._splitter.pending <= 4096 + 512
    alice.send_bytes(b"\r\n")
    assert [line.command for line in await alice.fence()] == ["417"]
    assert await bob.fence() == []

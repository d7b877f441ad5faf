"""A replay is made at the pace its client reads, and live talk that waits behind it waits in the history."""

from __future__ import annotations

import asyncio
from pathlib import Path

from securechat.config import Config, Limits
from securechat.server.connection import MEMBER
from securechat.wire.sasl import encode_plain
from tests.server.harness import DEADLINE, PASSWORD, RawClient, RunningServer, running_server
from tests.server.test_pace import ANSWER, BUFFER, QUEUE, fix_buffers, texts

OLD = "server-time"


async def say(client: RawClient, numbers: range, target: str = "bob") -> list[str]:
    said = [f"{number} {'x' * 380}" for number in numbers]
    for start in range(0, len(said), 100):
        await client.ask(*(f"PRIVMSG {target} :{text}" for text in said[start : start + 100]))
    return said


async def come_first(server: RunningServer) -> None:
    """Have the device known: its replay is over when *playback answers."""
    bob = await server.sign_in("bob@old", caps=OLD)
    await bob.ask("PRIVMSG *playback :?")
    await bob.close()


async def test_a_replay_fills_no_queue_and_what_waits_behind_it_is_no_reason_to_be_cut(tmp_path: Path) -> None:
    async with running_server(tmp_path, Config(limits=Limits(send_queue=QUEUE, rate=0))) as server:
        fix_buffers(server.listener._sock)
        await server.add("alice", "bob")
        alice = await server.sign_in("alice")
        await come_first(server)
        await say(alice, range(1, 901), "#general")
        said = await say(alice, range(1, 901))
        assert MEMBER.bytes + ANSWER + 4 * BUFFER < 2 * 900 * 400, "it must not fit into the queue and the buffers"

        known = set(server.node.connections)
        bob = await server.connect()
        fix_buffers(bob.writer.get_extra_info("socket"))
        bob.send(f"CAP REQ :sasl {OLD}", "AUTHENTICATE PLAIN")
        bob.send(*(f"AUTHENTICATE {chunk}" for chunk in encode_plain("bob@old", PASSWORD)))
        bob.send("CAP END", "NICK x", "USER x 0 * :x")
        await bob.until("001")
        bob.writer.transport.pause_reading()
        (connection,) = set(server.node.connections) - known
        async with asyncio.timeout(DEADLINE):
            while not connection.outlet.blocked:
                await asyncio.sleep(0.01)
        assert connection.transport.queued <= MEMBER.bytes + ANSWER
        said += await say(alice, range(901, 1201))
        assert QUEUE < 300 * 400, "live, it would be cut"
        assert connection in server.node.connections
        assert connection.transport.queued <= MEMBER.bytes + ANSWER

        bob.writer.transport.resume_reading()
        await bob.until("PRIVMSG", "bob", said[-1])
        assert texts(bob)[900:] == said
        said += await say(alice, range(1201, 1203))
        await bob.until("PRIVMSG", "bob", said[-1])
        assert texts(bob)[900:] == said


async def test_who_leaves_in_the_middle_of_a_replay_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice = await server.sign_in("alice")
        await come_first(server)
        await say(alice, range(1, 501), "#general")
        bob = await server.connect()
        bob.send(f"CAP REQ :sasl {OLD}", "AUTHENTICATE PLAIN")
        bob.send(*(f"AUTHENTICATE {chunk}" for chunk in encode_plain("bob@old", PASSWORD)))
        bob.send("CAP END", "NICK x", "USER x 0 * :x")
        await bob.until("PRIVMSG", "#general")
        bob.writer.transport.abort()
        async with asyncio.timeout(DEADLINE):
            while len(server.node.connections) > 1 or server.node._tasks:
                await asyncio.sleep(0.01)
        assert server.failures == []


async def test_who_is_kicked_in_the_middle_of_a_replay_is_told_so_and_sees_no_more_of_it(tmp_path: Path) -> None:
    """Lines that are no messages are the present; a replay ends where one may read no more."""
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        alice = await server.sign_in("alice")
        await alice.ask("JOIN #room")
        bob = await server.sign_in("bob@old", caps=OLD)
        await bob.ask("PRIVMSG *playback :?", "JOIN #room")
        await bob.close()
        await alice.ask(*(f"PRIVMSG #room :{number}" for number in range(1, 121)))
        missed, kicked = server.node.history.missed, asyncio.Event()

        async def kick_meanwhile(query: object) -> object:
            page = await missed(query)
            if not kicked.is_set():
                await alice.ask("KICK #room bob")
                kicked.set()
            return page

        server.node.history.missed = kick_meanwhile
        bob = await server.sign_in("bob@old", caps=OLD)
        await kicked.wait()
        await alice.ask("PRIVMSG bob :still there?")
        await bob.until("PRIVMSG", "bob", "still there?")
        heard = [line.command for line in bob.seen if line.command in ("PRIVMSG", "KICK")]
        assert "KICK" in heard
        assert heard.count("PRIVMSG") == 51

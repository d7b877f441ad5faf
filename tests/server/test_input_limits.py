"""What comes in is bounded: in all before sign-in, in speed afterwards, and in connections of one account."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from securechat.config import Config, Limits
from tests.server.harness import RawClient, running_server
from tests.server.webclient import open_frames, sign_in_web

LAST_WORDS = ("Closing link: too much was sent before signing in",)


async def pour(client: RawClient, piece: bytes, most: int) -> int:
    """Send the same over and over until the server ends the connection; return the bytes that went out by then."""
    sent = 0
    reading = asyncio.create_task(client.ended())
    try:
        while sent < most and not reading.done():
            client.send_bytes(piece)
            sent += len(piece)
            await asyncio.wait_for(client.writer.drain(), 5)
            await asyncio.sleep(0)
    except (ConnectionError, ssl.SSLError, TimeoutError):
        pass
    await reading
    return sent


@pytest.mark.parametrize(
    "piece",
    [
        b"CAP LS 302\r\n" * 100,
        b"AUTHENTICATE " + b"A" * 400 + b"\r\n",
        b"CAP REQ :sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE " + b"A" * 400 + b"\r\nAUTHENTICATE *\r\n",
        b"PING :x\r\n" * 100,
        b"PRIVMSG bob :x\r\n" * 100,
        b"x" * 10_000,
        b"\r\n" * 1000,
        b"@" + b"x" * 10_000,
        b"\x16" * 1000 + b"\r\n",
    ],
)
async def test_a_stranger_who_sends_without_end_is_ended_and_told(tmp_path: Path, piece: bytes) -> None:
    async with running_server(tmp_path) as server:
        client = await server.connect()
        sent = await pour(client, piece, 50_000_000)
        assert sent < 10_000_000, "what was on its way when it ended"
        assert [line.params for line in client.seen if line.command == "ERROR"] == [LAST_WORDS]


async def test_a_websocket_that_only_pings_is_ended_before_sign_in(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        await server.add("alice")
        client = await open_frames(server)
        frames: list[Frame] = []
        with suppress(EOFError, ConnectionError):
            while len(frames) < 10_000:
                client.send(Opcode.PING, b"x" * 100)
                frames.append(await client.next())
        assert frames[-2].opcode is Opcode.TEXT
        assert LAST_WORDS[0].encode() in bytes(frames[-2].data)
        assert 500 < len(frames) < 700


async def test_a_sign_in_with_everything_a_client_asks_is_far_from_the_bounds(tmp_path: Path) -> None:
    """The control: the longest sign-in there is, with half of the commands that are allowed before it."""
    async with running_server(tmp_path) as server:
        await server.add("alice")
        client = await server.connect()
        for number in range(80):
            client.send(f"PING {number}")
        await client.sign_in("alice")
        for number in range(300):
            client.send(f"PING {number}")
        await client.fence()
        assert [line.command for line in client.seen].count("PONG") == 382


def slow(rate: float = 100, burst: int = 200, **more: float) -> Config:
    return Config(limits=Limits(rate=rate, burst=burst, **more))  # type: ignore[arg-type]


def messages(first: int, count: int) -> list[str]:
    return [f"PRIVMSG #general :{number}" for number in range(first, first + count)]


async def take(client: RawClient, count: int) -> list[str]:
    """Return the texts of the next messages."""
    return [(await client.until("PRIVMSG")).params[1] for _ in range(count)]


@pytest.mark.parametrize("web", [False, True])
async def test_who_sends_too_fast_waits_and_loses_nothing_and_nobody_else_waits(tmp_path: Path, web: bool) -> None:
    async with running_server(tmp_path, slow()) as server:
        await server.add("alice", "bob")
        (bob,) = await server.gather("bob")
        alice = await (sign_in_web(server, "alice") if web else server.sign_in("alice"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        for start in range(0, 300, 50):
            alice.send(*messages(start, 50))
            await asyncio.sleep(0.01)
        writing = asyncio.create_task(take(alice, 300))
        await bob.fence()
        assert loop.time() - began < 2
        assert not writing.done()
        assert await writing == [str(number) for number in range(300)]
        assert loop.time() - began > 2, "300 at 50 a second, with 100 and some that are read at once in hand"
        await bob.fence()
        assert [line.params[1] for line in bob.seen if line.command == "PRIVMSG"] == [str(n) for n in range(300)]


async def test_without_a_rate_the_same_is_a_matter_of_a_moment(tmp_path: Path) -> None:
    """The control of the one above."""
    async with running_server(tmp_path, slow(rate=0)) as server:
        await server.add("alice")
        alice = await server.sign_in("alice")
        began = asyncio.get_running_loop().time()
        alice.send(*messages(0, 300))
        await take(alice, 300)
        assert asyncio.get_running_loop().time() - began < 2


async def test_who_is_held_up_is_not_taken_for_silent(tmp_path: Path) -> None:
    async with running_server(tmp_path, slow(silence=0.2)) as server:
        await server.add("alice")
        alice = await server.sign_in("alice")
        for start in range(0, 300, 50):
            alice.send(*messages(start, 50))
            await asyncio.sleep(0.01)
        assert await take(alice, 300) == [str(number) for number in range(300)]
        await alice.fence()


async def test_costly_questions_are_answered_one_after_the_other_in_time(tmp_path: Path) -> None:
    async with running_server(tmp_path, slow()) as server:
        await server.add("alice")
        alice = await server.sign_in("alice")
        began = asyncio.get_running_loop().time()
        answers = await alice.ask(*["LIST"] * 10)
        assert [line.command for line in answers].count("323") == 10
        assert asyncio.get_running_loop().time() - began > 1.5, "200 and more at 50 a second, 100 of them in hand"


async def test_an_account_has_so_many_connections_and_no_more(tmp_path: Path) -> None:
    async with running_server(tmp_path, Config(limits=Limits(connections_per_account=3))) as server:
        await server.add("alice", "bob")
        clients = [await server.sign_in("alice") for _ in range(3)]
        refused = await server.connect()
        with pytest.raises(EOFError):
            await refused.sign_in("alice")
        text = "Your account has 3 connections, as many as it may: close one of them first"
        assert [(line.command, line.params) for line in refused.seen[-2:]] == [
            ("FAIL", ("*", "TOO_MANY_CONNECTIONS", text)),
            ("ERROR", (f"Closing link: {text}",)),
        ]
        await server.sign_in("bob")
        clients[0].send("QUIT")
        await clients[0].ended()
        again = await server.sign_in("alice")
        assert await again.fence() == []

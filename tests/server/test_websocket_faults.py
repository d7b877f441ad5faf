"""WebSocket clients that break the rules, flood, or do not read: what it costs is theirs. (RFC 6455)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.frames import Close, Frame, Opcode

from securechat.config import Config, Limits
from securechat.server import intake
from securechat.server.transport import LOW_WATER
from securechat.server.websocket import WebSocket
from tests.server.harness import RunningServer, running_server
from tests.server.webclient import BINARY, TEXT, FrameClient, open_frames, open_web, sign_in_web

QUEUE = 65_536


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningServer]:
    # What bounds a stranger in all would end these floods before what they are for is seen.
    monkeypatch.setattr(intake, "STRANGER_BYTES", 1 << 40)
    monkeypatch.setattr(intake, "STRANGER_COMMANDS", 1 << 40)
    async with running_server(tmp_path, Config(limits=Limits(send_queue=QUEUE, rate=0))) as running:
        await running.add("alice", "bob", "carol")
        yield running


def queued(server: RunningServer) -> int:
    (connection,) = server.node.connections
    return connection.transport.queued


async def until_nobody_is_left(server: RunningServer) -> None:
    async with asyncio.timeout(5):
        while server.node.connections:
            await asyncio.sleep(0.01)


async def leave(server: RunningServer, client: FrameClient) -> None:
    """Go without a word, and wait until the server knows: what is stuck between the two ends with them."""
    client.writer.transport.abort()
    await until_nobody_is_left(server)


def send_unmasked(client: FrameClient) -> None:
    client.send(Opcode.TEXT, b"PING a", mask=False)


def send_reserved_bits(client: FrameClient) -> None:
    client.writer.write(b"\xc1\x80\0\0\0\0")


def send_unknown_opcode(client: FrameClient) -> None:
    client.writer.write(b"\x83\x80\0\0\0\0")


def send_long_ping(client: FrameClient) -> None:
    client.writer.write(b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126))


def send_continuation_of_nothing(client: FrameClient) -> None:
    client.send(Opcode.CONT, b"PING a")


def send_text_inside_a_text(client: FrameClient) -> None:
    client.send(Opcode.TEXT, b"PING a", fin=False)
    client.send(Opcode.TEXT, b"PING b")


def send_broken_text(client: FrameClient) -> None:
    client.send(Opcode.TEXT, b"PRIVMSG #general :\xff")


def send_text_cut_within_a_character(client: FrameClient) -> None:
    client.send(Opcode.TEXT, "PING é".encode()[:-1], fin=False)
    client.send(Opcode.CONT, b"")


def send_long_message(client: FrameClient) -> None:
    client.send(Opcode.TEXT, b"x" * 4609)


def send_announcement_of_gigabytes(client: FrameClient) -> None:
    client.writer.write(b"\x81\xff" + (1 << 40).to_bytes(8, "big"))


def send_long_fragments(client: FrameClient) -> None:
    client.send(Opcode.TEXT, b"x" * 4000, fin=False)
    client.send(Opcode.CONT, b"x" * 609)


def send_endless_fragments(client: FrameClient) -> None:
    client.send(Opcode.TEXT, b"", fin=False)
    for _ in range(64):
        client.send(Opcode.CONT, b"", fin=False)


def send_close_without_sense(client: FrameClient) -> None:
    client.send(Opcode.CLOSE, b"\x03")


@pytest.mark.parametrize(
    ("break_rules", "code"),
    [
        (send_unmasked, 1002),
        (send_reserved_bits, 1002),
        (send_unknown_opcode, 1002),
        (send_long_ping, 1002),
        (send_continuation_of_nothing, 1002),
        (send_text_inside_a_text, 1002),
        (send_close_without_sense, 1002),
        (send_broken_text, 1007),
        (send_text_cut_within_a_character, 1007),
        (send_endless_fragments, 1008),
        (send_long_message, 1009),
        (send_announcement_of_gigabytes, 1009),
        (send_long_fragments, 1009),
    ],
)
async def test_who_breaks_the_rules_is_told_by_a_code_and_is_gone(
    server: RunningServer, break_rules: object, code: int
) -> None:
    """RFC 6455, 7.4.1: 1002 protocol, 1007 not UTF-8, 1008 policy, 1009 too big. What came before counts."""
    client = await open_frames(server, TEXT)
    client.send(Opcode.TEXT, b"PING before")
    break_rules(client)  # type: ignore[operator]
    client.send(Opcode.TEXT, b"PING behind")
    assert (await client.next()).data.endswith(b"PONG chat.example before")
    found, reason = await client.goodbye()
    assert found == code
    assert len(reason) < 100
    assert server.node.connections == {}


async def test_control_the_longest_message_and_as_many_fragments_as_may_be_are_taken(server: RunningServer) -> None:
    client = await open_frames(server, TEXT)
    client.send(Opcode.TEXT, b"@+x=" + b"y" * 4091 + b" PING " + b"x" * 300)
    assert (await client.next()).data.endswith(b"x" * 300)
    client.send(Opcode.TEXT, b"PING ", fin=False)
    for _ in range(62):
        client.send(Opcode.CONT, b"y", fin=False)
    client.send(Opcode.CONT, b"z")
    assert (await client.next()).data.endswith(b"y" * 62 + b"z")


async def test_a_message_byte_by_byte_arrives(server: RunningServer) -> None:
    client = await open_frames(server, BINARY)
    for byte in b"\x82\x89\0\0\0\0PING slow" * 3:
        client.writer.write(bytes([byte]))
        await client.writer.drain()
        await asyncio.sleep(0)
    for _ in range(3):
        assert (await client.next()).data.endswith(b"PONG chat.example slow")


async def test_frames_that_come_with_the_handshake_are_taken(server: RunningServer) -> None:
    client = await open_frames(server, TEXT, behind=b"\x81\x86\0\0\0\0PING a")
    assert (await client.next()).data.endswith(b"PONG chat.example a")


async def test_control_frames_may_stand_between_fragments(server: RunningServer) -> None:
    """RFC 6455, 5.4."""
    client = await open_frames(server, TEXT)
    client.send(Opcode.TEXT, b"PING ", fin=False)
    client.send(Opcode.PING, b"alive")
    client.send(Opcode.PONG, b"unasked")
    client.send(Opcode.CONT, b"whole")
    assert {(await client.next()).data[-5:] for _ in range(2)} == {b"alive", b"whole"}


async def test_a_good_bye_is_answered_with_its_own_code(server: RunningServer) -> None:
    """RFC 6455, 5.5.1; what was sent before it is still done, what comes behind it is not."""
    client = await open_frames(server, TEXT)
    client.send(Opcode.TEXT, b"PING before")
    client.send(Opcode.CLOSE, Close(3005, "enough").serialize())
    client.send(Opcode.TEXT, b"PING behind")
    assert (await client.next()).data.endswith(b"PONG chat.example before")
    assert await client.goodbye() == (3005, "enough")
    assert server.node.connections == {}


async def test_an_end_without_good_bye_ends_the_session(server: RunningServer) -> None:
    client = await open_frames(server, TEXT)
    await leave(server, client)


async def test_only_the_last_of_many_pings_need_be_answered(server: RunningServer) -> None:
    """RFC 6455, 5.5.3."""
    client = await open_frames(server, TEXT)
    for number in range(1000):
        client.send(Opcode.PING, b"%d" % number)
    answers = []
    while not answers or answers[-1] != b"999":
        answers.append((await client.until(Opcode.PONG)).data)
    assert answers == sorted(answers, key=int)


async def ping_without_reading(server: RunningServer, client: FrameClient) -> int:
    """Ping with 27 MB, many times what the kernel holds for both ends; return the most bytes that waited."""
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]
    flood = Frame(Opcode.PING, b"x" * 100).serialize(mask=True) * 2500
    most = 0
    for _ in range(100):
        client.writer.write(flood)
        await client.writer.drain()
        most = max(most, queued(server))
    return most


async def test_who_pings_and_never_reads_makes_no_pile_of_pongs(server: RunningServer) -> None:
    client = await open_frames(server, TEXT)
    assert await ping_without_reading(server, client) <= LOW_WATER + 127
    client.reader._transport.resume_reading()  # type: ignore[attr-defined]
    client.send(Opcode.PING, b"the last")
    while (await client.until(Opcode.PONG)).data != b"the last":
        pass
    await leave(server, client)


async def test_control_pongs_that_are_all_sent_pile_up(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def send_all(self: WebSocket, frames: list[bytes]) -> None:
        self._transport.write(b"".join(frames))
        self._transport.flush()

    monkeypatch.setattr(WebSocket, "_answer", send_all)
    client = await open_frames(server, TEXT)
    assert await ping_without_reading(server, client) > 1_000_000
    await leave(server, client)


async def test_a_flood_of_frames_leaves_others_their_turn(server: RunningServer) -> None:
    """Frames without anything in them, the costliest for what they weigh: others wait no longer than some turns."""
    bob = await server.sign_in("bob")
    client = await open_frames(server, TEXT)
    flood = b"\x81\x80\0\0\0\0" * 100_000
    loop = asyncio.get_running_loop()
    client.writer.write(flood)
    client.send(Opcode.TEXT, b"PING end")
    worst = 0.0
    answer = asyncio.ensure_future(client.next())
    while not answer.done():
        began = loop.time()
        await bob.fence()
        worst = max(worst, loop.time() - began)
    assert (await answer).data.endswith(b"PONG chat.example end")
    assert worst < 0.25


async def test_commands_flooded_before_sign_in_wait_at_the_clients_end(server: RunningServer) -> None:
    """As over TLS: a stranger has 32 commands and 16 KiB of answers waiting, and is read no further."""
    client = await open_frames(server, TEXT)
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(60_000):
        client.send(Opcode.TEXT, b"PING " + b"x" * 300)
    most = 0
    for _ in range(200):
        await asyncio.sleep(0.001)
        most = max(most, queued(server))
    assert 0 < most < 40_000
    client.reader._transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(1000):
        assert (await client.next()).data.endswith(b"x" * 300)
    await leave(server, client)


async def test_a_slow_reader_is_cut_at_the_limit_and_costs_only_itself(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    carol = await sign_in_web(server, "carol", TEXT)
    carol.socket.transport.pause_reading()
    heard = 0
    while any(server.node.world.account(each.session.account).name == "carol" for each in server.node.connections):
        await alice.ask(*(f"@+pad={'x' * 4000} PRIVMSG #general :{heard + i}" for i in range(20)))
        heard += 20
        assert heard < 4000
    while len([line for line in bob.seen if line.command == "PRIVMSG"]) < heard:
        await bob.next()
    assert [line.params[1] for line in bob.seen if line.command == "PRIVMSG"] == [str(i) for i in range(heard)]


async def test_who_signs_in_too_slowly_is_told_and_closed(tmp_path: Path) -> None:
    async with running_server(tmp_path, Config(limits=Limits(sign_in=0.2))) as server:
        client = await open_web(server, TEXT)
        *_, last = await client.ended()
        assert (last.command, last.params) == ("ERROR", ("Closing link: sign-in took too long",))
        assert client.socket.close_code == 1000

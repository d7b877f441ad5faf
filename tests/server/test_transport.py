"""The transport over real TLS: bytes in their order, limits to the byte, turns shared fairly."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import random
import select
import shutil
import socket
import ssl
import subprocess
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from securechat.server import transport as transport_module
from securechat.server.transport import LOW_WATER, Transport
from tests.server.loopback import (
    PATIENCE,
    SMALL,
    Echo,
    Recorder,
    Stage,
    connect_tcp,
    fill_until_stuck,
    make_client_context,
    make_noise,
    read_to_the_end,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path / "certs")
    yield stage
    await stage.clear()


def cut_oddly(content: bytes, seed: int) -> list[bytes]:
    """Cut into pieces of 1 to 40,000 bytes, many of them near the size of a TLS record."""
    sizes = random.Random(seed)
    pieces, start = [], 0
    while start < len(content):
        size = sizes.choice([1, 2, 150, 511, 4_095, 16_383, 16_384, 16_385, sizes.randrange(1, 40_000)])
        pieces.append(content[start : start + size])
        start += size
    return pieces


def exchange(client: ssl.SSLSocket, pieces: list[bytes], count: int) -> bytes:
    """Send the pieces and read `count` bytes as they come; in one thread, since two at once break an SSLSocket."""
    client.setblocking(False)
    taken = bytearray()
    while len(taken) < count:
        select.select([client], [client] if pieces else [], [], PATIENCE)
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            taken += client.recv(65_536)
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if pieces:
                sent = client.send(pieces[0])
                pieces[:1] = [pieces[0][sent:]] if sent < len(pieces[0]) else []
    return bytes(taken)


# Both ways


async def test_a_connection_says_what_was_agreed_and_carries_bytes_both_ways(stage: Stage) -> None:
    pair = await stage.open(Echo())
    assert await pair.ask(b"PING one\r\n", 10) == b"PING one\r\n"
    transport = pair.transport
    assert (transport.peer, transport.alpn, transport.tls_version) == ("127.0.0.1", "irc", "TLSv1.3")
    assert not transport.shown_certificate
    assert pair.recorder.transport is transport


async def test_a_client_without_alpn_is_served_too(stage: Stage) -> None:
    stage.client_context = make_client_context(alpn=False)
    pair = await stage.open(Echo())
    assert await pair.ask(b"hello", 5) == b"hello"
    assert pair.transport.alpn is None


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_big_transfers_arrive_whole_both_ways_at_once(stage: Stage, seed: int) -> None:
    noise = make_noise(3_000_000)
    pair = await stage.open(Echo())

    answer = await asyncio.to_thread(exchange, pair.client, cut_oddly(noise, seed), len(noise))
    assert hashlib.sha256(answer).digest() == hashlib.sha256(noise).digest()
    assert pair.recorder.taken == noise


async def test_nothing_leaves_before_it_is_flushed(stage: Stage) -> None:
    pair = await stage.open()
    pair.transport.write(b"one ")
    pair.transport.write_live(b"two")
    assert pair.transport.queued == 7
    pair.client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        await pair.read(1)
    pair.client.settimeout(PATIENCE)
    pair.transport.flush()
    assert pair.transport.queued == 0
    assert await asyncio.to_thread(pair.client.recv, 100) == b"one two", "both in one record"


async def test_an_accepted_socket_sends_at_once_and_notices_a_dead_peer(stage: Stage) -> None:
    client, accepted = connect_tcp()
    with client, accepted.dup() as same:
        recorder = Recorder()
        context = stage.context
        loop = asyncio.get_running_loop()
        transport = Transport(loop, accepted, context, recorder, handshake_timeout=PATIENCE, queue_limit=1)
        assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000
            idle, interval, count = (
                same.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert idle + interval * count == 120
        transport.abort("enough")
        assert await recorder.end() == "enough"


# Slow readers


async def test_a_slow_reader_is_cut_at_its_limit_to_the_byte_and_costs_only_itself(stage: Stage) -> None:
    slow = await stage.open(queue_limit=50_000, send_buffer=SMALL)
    quick = await stage.open(queue_limit=50_000)
    await fill_until_stuck(slow, waiting=1)
    room = 50_000 - slow.transport.queued
    assert slow.transport.write_live(b"y" * room)
    assert slow.transport.queued == 50_000
    assert not slow.transport.write_live(b"z")
    assert slow.transport.queued == 0
    assert not slow.recorder.reasons, "told by the loop, not from inside"
    assert await slow.recorder.end() == "send queue exceeded"
    assert not slow.transport.write_live(b"z")

    assert quick.transport.write_live(b"still here")
    quick.transport.flush()
    assert await quick.read(10) == b"still here"


async def test_what_a_client_asked_for_itself_is_no_reason_to_cut_it(stage: Stage) -> None:
    pair = await stage.open(queue_limit=50_000, send_buffer=SMALL)
    own = make_noise(400_000)
    pair.transport.write(own)
    pair.transport.flush()
    assert pair.transport.queued > 50_000
    assert pair.transport.write_live(b"y" * 50_000)
    pair.transport.flush()
    assert await pair.read(450_000) == own + b"y" * 50_000
    pair.transport.write_live(b"the end")
    pair.transport.flush()
    assert await pair.read(7) == b"the end"
    assert not pair.recorder.reasons


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_stream_stays_intact_when_more_is_queued_behind_a_stuck_write(stage: Stage, seed: int) -> None:
    noise = make_noise(1_500_000)
    pair = await stage.open(send_buffer=SMALL, queue_limit=10_000_000)
    reading = asyncio.create_task(pair.read(len(noise)))
    stuck = 0
    for piece in cut_oddly(noise, seed):
        pair.transport.write_live(piece)
        pair.transport.flush()
        stuck += pair.transport.queued > 0
        await asyncio.sleep(0)
    assert hashlib.sha256(await reading).digest() == hashlib.sha256(noise).digest()
    assert stuck > 10, "the writes were to get stuck"
    assert pair.transport.queued == 0


async def test_other_bytes_behind_a_stuck_write_would_break_the_stream(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control of the test before: a queue that does not repeat the same leading bytes is noticed."""
    pair = await stage.open(send_buffer=SMALL)
    await fill_until_stuck(pair)
    monkeypatch.setattr(transport_module.SendQueue, "head", lambda _: b"something else")
    await asyncio.to_thread(read_to_the_end, pair.client)
    assert await pair.recorder.end() in ("bad length", "bad write retry")


async def test_a_producer_is_asked_for_more_when_little_waits(stage: Stage) -> None:
    pair = await stage.open(send_buffer=SMALL)
    pair.transport.write(b"x" * (LOW_WATER + 1))
    assert pair.recorder.drains == 0
    pair.transport.flush()
    assert len(await pair.read(LOW_WATER + 1)) == LOW_WATER + 1
    await pair.recorder.until(lambda: pair.recorder.drains == 1)

    pair.transport.write(b"x" * 100)
    pair.transport.flush()
    await pair.ask(b"fence", 100)
    await pair.recorder.until(lambda: pair.recorder.taken == b"fence")
    assert pair.recorder.drains == 1

    pair.transport.request_drained()
    assert pair.recorder.drains == 1, "told by the loop, not from inside"
    await pair.recorder.until(lambda: pair.recorder.drains == 2)


# Reading


async def test_what_openssl_holds_is_delivered_after_a_pause(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "READ_SIZE", 1_000)
    pair = await stage.open(PausingAtFirst())
    noise = make_noise(16_384)
    await asyncio.to_thread(pair.client.sendall, noise)
    await pair.recorder.until(lambda: len(pair.recorder.taken) == 1_000)
    pair.transport.resume_reading()
    await pair.recorder.until(lambda: pair.recorder.taken == noise)


async def test_the_selector_does_not_announce_what_openssl_holds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of the test before: watching the socket again is not enough."""
    monkeypatch.setattr(transport_module, "READ_SIZE", 1_000)
    pair = await stage.open(PausingAtFirst())
    await asyncio.to_thread(pair.client.sendall, make_noise(16_384))
    await pair.recorder.until(lambda: len(pair.recorder.taken) == 1_000)
    monkeypatch.setattr(asyncio.get_running_loop(), "call_soon", lambda *_: None)
    pair.transport.resume_reading()
    monkeypatch.undo()
    await asyncio.sleep(0.1)
    assert len(pair.recorder.taken) == 1_000


async def test_what_openssl_holds_beyond_one_turn_is_delivered_in_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "READ_SIZE", 1_000)
    monkeypatch.setattr(transport_module, "READS_PER_TURN", 3)
    pair = await stage.open()
    noise = make_noise(16_384)
    await asyncio.to_thread(pair.client.sendall, noise)
    await pair.recorder.until(lambda: pair.recorder.taken == noise)


class PausingAtFirst(Recorder):
    """Pauses reading with the first bytes it gets."""

    def received(self, data: bytes) -> None:
        if not self.taken:
            assert self.transport is not None
            self.transport.pause_reading()
        super().received(data)


async def test_a_paused_connection_takes_nothing_and_then_everything(stage: Stage) -> None:
    pair = await stage.open()
    pair.transport.pause_reading()
    noise = make_noise(300_000)
    sending = asyncio.create_task(asyncio.to_thread(pair.client.sendall, noise))
    other = await stage.open(Echo())
    assert await other.ask(b"fence", 5) == b"fence"
    assert not pair.recorder.taken
    pair.transport.resume_reading()
    await pair.recorder.until(lambda: len(pair.recorder.taken) == 300_000)
    await sending
    assert pair.recorder.taken == noise


@pytest.mark.parametrize("bounded", [True, False])
async def test_a_flooder_gets_its_share_of_a_turn_and_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, bounded: bool
) -> None:
    """With the bounds lifted, as a control, all that the kernel holds is taken at once."""
    if not bounded:
        monkeypatch.setattr(transport_module, "READS_PER_TURN", 1_000_000)
        monkeypatch.setattr(transport_module, "BYTES_PER_TURN", 1_000_000_000)
    pair = await stage.open()
    pair.transport.pause_reading()
    pair.transport._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
    sending = asyncio.create_task(asyncio.to_thread(pair.client.sendall, make_noise(2_000_000)))
    async with asyncio.timeout(PATIENCE):
        while count_readable(pair.transport._sock) < 200_000:
            await asyncio.sleep(0.001)
    pair.transport.resume_reading()
    shares, taken = [0], 0
    while taken < 2_000_000:
        await asyncio.sleep(0)
        shares.append(len(pair.recorder.taken) - taken)
        taken = len(pair.recorder.taken)
    await sending
    # The first turn may hold the selector's call beside that of `resume_reading`.
    assert (max(shares) <= 2 * (65_536 + 16_384)) is bounded


def count_readable(sock: socket.socket) -> int:
    """Return how many bytes the kernel holds for the reader of a socket."""
    answer: bytes = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


# What TLS itself asks for


class Contrary(ssl.SSLSocket):
    """A socket whose next operation once wants the opposite of what it is for, as TLS may at any time."""

    send_wants_read = False
    recv_wants_write = False
    held = b""

    def send(self, *args: Any) -> int:
        if self.send_wants_read:
            self.send_wants_read = False
            raise ssl.SSLWantReadError
        return super().send(*args)

    def recv(self, *args: Any) -> bytes:
        if self.held:
            held, self.held = self.held, b""
            return held
        taken = super().recv(*args)
        if self.recv_wants_write:
            self.recv_wants_write, self.held = False, taken
            raise ssl.SSLWantWriteError
        return taken


@pytest.mark.parametrize("paused", ["never", "before", "after"])
async def test_a_write_that_wants_to_read_first_goes_on_when_it_can(stage: Stage, paused: str) -> None:
    stage.context.sslsocket_class = Contrary
    pair = await stage.open()
    pair.transport._tls.send_wants_read = True  # type: ignore[attr-defined]
    if paused == "before":
        pair.transport.pause_reading()
    pair.transport.write(b"answer")
    pair.transport.flush()
    if paused == "after":
        pair.transport.pause_reading()
    assert pair.transport.queued == 6
    assert await pair.ask(b"hello", 6) == b"answer"
    assert bool(pair.recorder.taken) is (paused == "never")
    pair.transport.resume_reading()
    await pair.recorder.until(lambda: pair.recorder.taken == b"hello")


async def test_a_read_that_wants_to_write_first_goes_on_when_it_can(stage: Stage) -> None:
    stage.context.sslsocket_class = Contrary
    pair = await stage.open(Echo())
    pair.transport._tls.recv_wants_write = True  # type: ignore[attr-defined]
    assert await pair.ask(b"hello", 5) == b"hello"
    assert await pair.ask(b"again", 5) == b"again"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
async def test_keys_may_be_updated_in_mid_talk(stage: Stage, tmp_path: Path) -> None:
    """`K` at the start of a line makes `openssl s_client` update its keys and ask for the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path
        )
        accepted, _ = await asyncio.to_thread(listening.accept)
    recorder = Echo()
    loop = asyncio.get_running_loop()
    transport = Transport(loop, accepted, stage.context, recorder, handshake_timeout=PATIENCE, queue_limit=1_000)
    assert process.stdin
    assert process.stdout
    try:
        for line in (b"before\n", b"K\n", b"after\n", b"K\n", b"at last\n"):
            os.write(process.stdin.fileno(), line)
            if line != b"K\n":
                await recorder.until(lambda line=line: bytes(recorder.taken).endswith(line))
            else:
                await asyncio.to_thread(read_until, process.stdout, b"KEYUPDATE\n")
        await asyncio.to_thread(read_until, process.stdout, b"at last\n")
        assert recorder.taken == b"before\nafter\nat last\n"
    finally:
        transport.abort("the test is over")
        process.kill()
        process.communicate()
    await recorder.end()


def read_until(stream: Any, line: bytes) -> None:
    """Read lines until this one has come."""
    while (got := stream.readline()) != line:
        assert got, "the stream ended before"

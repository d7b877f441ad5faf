"""How connections begin and end: what is no strict TLS gets nowhere, and every end is told exactly once."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any

import pytest

from securechat.server import transport as transport_module
from tests.server.loopback import (
    SMALL,
    Echo,
    Recorder,
    Stage,
    connect_tcp,
    fill_until_stuck,
    make_noise,
    read_to_the_end,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RESET = struct.pack("ii", 1, 0)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path / "certs")
    yield stage
    await stage.clear()


# Handshakes


async def test_a_silent_connection_is_ended_at_the_handshake_deadline(stage: Stage) -> None:
    pair = stage.accept(handshake_timeout=0.1)
    assert await pair.recorder.end() == "TLS handshake timed out"
    assert await asyncio.to_thread(read_to_the_end, pair.client) == b""
    assert pair.recorder.transport is None


async def test_half_a_hello_is_ended_at_the_handshake_deadline(stage: Stage) -> None:
    pair = stage.accept(handshake_timeout=0.2)
    pair.client.sendall(make_hello(stage)[:100])
    assert await pair.recorder.end() == "TLS handshake timed out"


async def test_a_hello_that_comes_byte_by_byte_is_taken(stage: Stage) -> None:
    pair = stage.accept(Echo())
    pair.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = stage.client_context.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def dribble() -> None:
        for byte in outgoing.read():
            pair.client.sendall(bytes([byte]))

    def shake_hands() -> bytes:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                dribble()
                incoming.write(pair.client.recv(16_384))
            else:
                break
        tls.write(b"hello")
        dribble()
        while True:
            try:
                return tls.read(100)
            except ssl.SSLWantReadError:
                incoming.write(pair.client.recv(16_384))

    assert await asyncio.to_thread(shake_hands) == b"hello"


def make_hello(stage: Stage) -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = stage.client_context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


PLAINTEXT = [
    b"NICK alice\r\nUSER alice 0 * :Alice\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\r\n",
    b"\x16NICK alice\r\n",
    b"\x16\x03NICK alice\r\n",
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"\x80\x2e\x01\x03\x01" + bytes(60),
    "Ä\x01 alice\r\n".encode() * 40,
]


@pytest.mark.parametrize("start", PLAINTEXT)
async def test_a_plaintext_connection_gets_not_one_byte(stage: Stage, start: bytes) -> None:
    pair = stage.accept()
    pair.client.sendall(start)
    assert await pair.recorder.end() == "not TLS"
    assert await asyncio.to_thread(read_to_the_end, pair.client) == b""
    assert pair.recorder.transport is None


def test_openssl_alone_answers_some_plaintext(tmp_path: Path) -> None:
    """Control of the test before: without the look at the first bytes, some of them get an alert."""
    answers = []
    for start in PLAINTEXT:
        client, accepted = connect_tcp()
        with client, accepted:
            client.sendall(start)
            client.shutdown(socket.SHUT_WR)
            with pytest.raises(OSError, match=r"."):
                Stage(tmp_path).context.wrap_socket(accepted, server_side=True)
            accepted.close()
            answers.append(read_to_the_end(client))
    assert any(answers)


async def test_a_client_of_tls_1_2_is_refused(stage: Stage) -> None:
    stage.client_context.maximum_version = ssl.TLSVersion.TLSv1_2
    pair = stage.accept()
    with pytest.raises(ssl.SSLError):
        await stage.shake_hands(pair.client)
    assert await pair.recorder.end() == "TLS handshake failed: unsupported protocol"
    assert pair.recorder.transport is None


async def test_a_client_that_offers_a_forbidden_group_alone_is_refused(stage: Stage) -> None:
    stage.client_context.set_ecdh_curve("secp521r1")
    pair = stage.accept()
    with pytest.raises(ssl.SSLError):
        await stage.shake_hands(pair.client)
    assert (await pair.recorder.end()).startswith("TLS handshake failed: no ")
    assert pair.recorder.transport is None


async def test_a_client_that_hangs_up_during_the_handshake_is_forgotten(stage: Stage) -> None:
    pair = stage.accept()
    pair.client.sendall(make_hello(stage)[:100])
    pair.client.close()
    assert (await pair.recorder.end()).startswith("TLS handshake failed: ")


# Ends


async def test_a_peer_that_says_goodbye_has_closed(stage: Stage) -> None:
    pair = await stage.open()
    await asyncio.to_thread(pair.client.sendall, b"last")
    pair.client.settimeout(0)
    with pytest.raises(ssl.SSLWantReadError):
        pair.client.unwrap()
    assert await pair.recorder.end() == "closed by the peer"
    assert pair.recorder.taken == b"last"


async def test_a_peer_that_vanishes_has_closed(stage: Stage) -> None:
    pair = await stage.open()
    pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    pair.client.close()
    # Some Pythons report a reset as the end of the stream.
    assert await pair.recorder.end() in ("connection reset by peer", "closed by the peer")


async def test_a_peer_that_vanishes_with_much_to_read_has_closed(stage: Stage) -> None:
    pair = await stage.open(send_buffer=SMALL)
    await fill_until_stuck(pair)
    pair.client.close()
    assert await pair.recorder.end() in ("connection reset by peer", "broken pipe", "closed by the peer")
    assert pair.transport.queued == 0


async def test_last_words_arrive_although_the_peer_was_still_talking(stage: Stage) -> None:
    pair = await stage.open()
    pair.transport.pause_reading()
    await asyncio.to_thread(pair.client.sendall, b"x" * 30_000)
    pair.transport.write(b"first, ")
    pair.transport.close(b"good-bye")
    pair.transport.close(b"again")
    pair.transport.write(b"too late")
    await asyncio.to_thread(pair.client.sendall, b"x" * 30_000)
    assert await pair.read(1_000) == b"first, good-bye"
    assert not pair.recorder.reasons
    pair.client.close()
    assert await pair.recorder.end() == "closed by the server"
    assert not pair.recorder.taken


async def test_last_words_wait_behind_a_stuck_write(stage: Stage) -> None:
    pair = await stage.open(send_buffer=SMALL)
    written = await fill_until_stuck(pair)
    pair.transport.close(b"good-bye")
    assert await pair.read(written + 100) == b"x" * written + b"good-bye"
    pair.client.close()
    assert await pair.recorder.end() == "closed by the server"


@pytest.mark.parametrize(
    ("much", "reason"),
    [(True, "closed by the server; the peer did not read to the end"), (False, "closed by the server")],
)
async def test_last_words_are_given_a_bounded_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, much: bool, reason: str
) -> None:
    monkeypatch.setattr(transport_module, "CLOSE_SECONDS", 0.1)
    pair = await stage.open(send_buffer=SMALL)
    if much:
        await fill_until_stuck(pair)
    pair.transport.close(b"good-bye")
    assert await pair.recorder.end() == reason


async def test_closing_during_the_handshake_says_nothing(stage: Stage) -> None:
    pair = stage.accept()
    pair.transport.close(b"good-bye")
    assert await pair.recorder.end() == "closed by the server"
    assert await asyncio.to_thread(read_to_the_end, pair.client) == b""


async def test_an_aborted_connection_drops_what_waits_and_ignores_the_rest(stage: Stage) -> None:
    pair = await stage.open()
    pair.transport.write(b"never sent")
    pair.transport.abort("revoked")
    pair.transport.abort("again")
    pair.transport.write(b"too late")
    pair.transport.flush()
    pair.transport.pause_reading()
    pair.transport.resume_reading()
    pair.transport.request_drained()
    pair.transport.close(b"good-bye")
    assert (pair.transport.queued, pair.transport.alpn, pair.transport.tls_version) == (0, None, None)
    assert not pair.recorder.reasons, "told by the loop, not from inside"
    assert await pair.recorder.end() == "revoked"
    assert await asyncio.to_thread(read_to_the_end, pair.client) == b""


async def test_an_aborted_connection_is_reset(stage: Stage) -> None:
    """So the kernel keeps nothing for a reader that was cut; a plain close would let it read on."""
    pair = stage.accept()
    pair.transport.abort("enough")
    with pytest.raises(ConnectionResetError):
        await asyncio.to_thread(pair.client.recv, 1)


async def test_a_receiver_may_end_the_connection_from_inside_any_call(stage: Stage) -> None:
    class Ending(Recorder):
        def received(self, data: bytes) -> None:
            super().received(data)
            assert self.transport is not None
            self.transport.write(b"unsent")
            self.transport.abort("enough")
            assert not self.reasons

    pair = await stage.open(Ending())
    await asyncio.to_thread(pair.client.send, b"hello")
    assert await pair.recorder.end() == "enough"


async def test_an_error_of_ours_ends_the_connection_and_is_reported(stage: Stage) -> None:
    class Broken(Recorder):
        def received(self, data: bytes) -> None:
            raise RuntimeError("a bug")

    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    pair = await stage.open(Broken())
    await asyncio.to_thread(pair.client.sendall, b"hello")
    assert await pair.recorder.end() == "internal error"
    assert [str(context["exception"]) for context in reported] == ["a bug"]


async def test_a_place_is_released_once_at_sign_in_or_at_the_end(stage: Stage) -> None:
    released: list[str] = []
    guest = stage.accept(peer="192.0.2.1", release=lambda: released.append("guest"))
    member = await stage.open(peer="192.0.2.2", release=lambda: released.append("member"))
    assert released == []
    member.transport.mark_signed_in()
    member.transport.mark_signed_in()
    assert released == ["member"]
    member.transport.abort("enough")
    guest.transport.abort("enough")
    assert released == ["member", "guest"]


async def test_what_waits_for_nobody_but_us_is_no_reason_to_cut_a_reader(stage: Stage) -> None:
    pair = await stage.open(queue_limit=20_000)
    pieces = [make_noise(length) for length in (15_000, 15_000, 30_000, 20_000)]
    assert [pair.transport.write_live(piece) for piece in pieces] == [True] * 4
    pair.transport.flush()
    assert await pair.read(80_000) == b"".join(pieces)
    assert not pair.recorder.reasons

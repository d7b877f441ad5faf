"""Connections that hold on to what they get and give nothing for it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.adversarial.attackers import Hello, all_ended, attacked, call, hang_up, within
from tests.adversarial.unguarded import without
from tests.server.webclient import open_tls

SECONDS = 1.0
"""What the servers here give for a handshake and for signing in: the real ones, 10 s and 30 s, are settings."""
PATIENCE = 2.5
TOO_LONG = b"ERROR :Closing link: sign-in took too long\r\n"
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\n"
CROWD = 1200
PLACES = 200


async def crowd_in(directory: Path) -> tuple[int, int]:
    """Attack: a thousand TCP connections from one address that say nothing. Return how many got a place, and are gone."""
    async with attacked(directory, handshake=SECONDS, strangers_per_address=PLACES) as (server, talk, _):
        before = set(_served(server))
        callers = await call(server, CROWD)
        try:
            await within(PATIENCE, server, "wanda")
            most = 0
            for _ in range(40):
                most = max(most, len(set(_served(server)) - before))
                await talk.go_on()
            return most, await all_ended(callers, PATIENCE)
        finally:
            hang_up(callers)


def _served(server: object) -> list[int]:
    """Return the sockets of this process that belong to the server, by their descriptors."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    return [
        key.fd
        for key in selector.get_map().values()
        if key.data[0] is not None and "Transport._on_first_bytes" in repr(key.data[0])
    ]


async def test_silent_tcp_by_the_thousand_keeps_no_more_places_than_one_address_has_and_not_for_long(
    tmp_path: Path,
) -> None:
    """Expected: 200 places at most, all gone after the time for a handshake; members sign in and talk meanwhile."""
    most, ended = await crowd_in(tmp_path)
    assert 0 < most <= PLACES
    assert ended == CROWD


@pytest.mark.parametrize("check", ["strangers-limit", "handshake-limit"])
async def test_control_without_either_limit_the_crowd_stays(tmp_path: Path, check: str) -> None:
    with without(check):
        most, ended = await crowd_in(tmp_path)
    assert most > PLACES or ended < CROWD


async def trickle(directory: Path) -> int:
    """Attack: forty ClientHellos of which a byte comes now and then. Return how many connections had ended in time."""
    hello = Hello("irc").bytes
    async with attacked(directory, handshake=SECONDS) as (server, _, _):
        callers = await call(server, 40)
        loop = asyncio.get_running_loop()

        async def drip(at: int) -> None:
            for each in callers:
                with contextlib.suppress(OSError):
                    await loop.sock_sendall(each, hello[at : at + 1])

        try:
            for at in range(4):
                await drip(at)
                await asyncio.sleep(SECONDS / 4)
            await within(PATIENCE, server, "wanda")
            dripping = asyncio.create_task(_keep_dripping(drip))
            ended = await all_ended(callers, PATIENCE)
            dripping.cancel()
            return ended
        finally:
            hang_up(callers)


async def _keep_dripping(drip: object) -> None:
    for at in range(4, 100):
        await drip(at)  # type: ignore[operator]
        await asyncio.sleep(SECONDS / 4)


async def test_a_client_hello_a_byte_at_a_time_ends_with_the_time_for_the_handshake(tmp_path: Path) -> None:
    """Expected: bytes that come win no time; members sign in meanwhile."""
    assert await trickle(tmp_path) == 40


async def test_control_without_the_limit_it_goes_on(tmp_path: Path) -> None:
    with without("handshake-limit"):
        assert await trickle(tmp_path) == 0


async def stay_silent(directory: Path, alpn: tuple[str, ...], said: bytes) -> list[bytes]:
    """Attack: ten TLS handshakes and then nothing, or nearly. Return what was said to each that ended in time."""
    async with attacked(directory, sign_in=SECONDS) as (server, _, _):
        connections = [await open_tls(server, *alpn) for _ in range(10)]
        for _, writer in connections:
            writer.write(said)
        await within(PATIENCE, server, "wanda")
        said_last: list[bytes] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for reader, _ in connections:
                    said_last.append(await reader.read())
        return said_last


@pytest.mark.parametrize(
    ("alpn", "said", "answer"),
    [
        (("irc",), b"", TOO_LONG),
        ((), b"", TOO_LONG),
        ((), b"GE", TOO_LONG),
        (("irc",), b"CAP LS 302\r\nCAP REQ :sasl\r\n", TOO_LONG),
        (("irc",), b"CAP REQ :sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE " + b"a" * 400 + b"\r\n", TOO_LONG),
        (("http/1.1",), b"", TIMED_OUT),
        (("http/1.1",), b"GET / HTTP/1.1\r\nHost: x\r\n", TIMED_OUT),
    ],
)
async def test_tls_and_then_silence_ends_with_the_time_for_signing_in(
    tmp_path: Path, alpn: tuple[str, ...], said: bytes, answer: bytes
) -> None:
    """Expected: the end, with a word of why in the language that was spoken; members sign in meanwhile."""
    said_last = await stay_silent(tmp_path, alpn, said)
    assert len(said_last) == 10
    assert all(answer in each for each in said_last)


@pytest.mark.parametrize("alpn", [("irc",), ("http/1.1",)])
async def test_control_without_the_limit_silence_stays(tmp_path: Path, alpn: tuple[str, ...]) -> None:
    with without("sign-in-limit"):
        assert await stay_silent(tmp_path, alpn, b"") == []

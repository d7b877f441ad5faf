"""Strangers who send and send: what they send is bounded in all, not only what waits."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.adversarial.attackers import attacked
from tests.adversarial.unguarded import without
from tests.links.remote import Remote, forget_peak, read_peak
from tests.scenario.processes import Programs, port_of
from tests.server.harness import RawClient
from tests.server.webclient import open_tls

MUCH = 100_000_000
BLOCK = b"x" * 65_536
GROWTH = 8 << 20
UNGUARDED = (sys.executable, "-m", "tests.adversarial.unguarded", "strangers-total")


async def pour(programs: Programs, data: Path, program: Sequence[str]) -> tuple[bool, int]:
    """Attack: 100 MB in one line on a TLS connection. Return whether it was ended, and by how much the server grew."""
    server = programs.server(data, **({"program": program} if program else {}))  # type: ignore[arg-type]
    port = port_of(server.wait_ready()[0])
    programs.add_people(data, "alice", "bob")
    remote = Remote(port, data / "ca.pem")
    alice, bob = [await remote.sign_in(name) for name in ("alice", "bob")]
    context = ssl.create_default_context(cafile=str(data / "ca.pem"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    before = forget_peak(server.pid)
    told = asyncio.create_task(reader.read())
    sent = 0
    try:
        while sent < MUCH and not told.done():
            writer.write(BLOCK)
            await writer.drain()
            sent += len(BLOCK)
            if sent % (BLOCK_EVERY * len(BLOCK)) == 0:
                alice.send(f"PRIVMSG #general :{sent}")
                await bob.until("PRIVMSG", "#general", str(sent))
        async with asyncio.timeout(2):
            ended = b"ERROR :Closing link: too much was sent" in await told
    except TimeoutError:
        ended = False
    except (ConnectionError, ssl.SSLError):
        ended = True
    writer.transport.abort()
    await asyncio.gather(told, return_exceptions=True)
    grown = read_peak(server.pid) - before
    await remote.end_all()
    return ended, grown


BLOCK_EVERY = 100
"""So many blocks after which the members say something."""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_a_hundred_megabytes_without_a_newline_are_not_taken(programs: Programs, tmp_path: Path) -> None:
    """Expected: ERROR after 64 KiB, the server hardly grows, members talk meanwhile."""
    ended, grown = await pour(programs, tmp_path / "data", ())
    assert ended
    assert grown < GROWTH


async def test_control_without_the_bound_all_of_it_is_taken(programs: Programs, tmp_path: Path) -> None:
    ended, _ = await pour(programs, tmp_path / "data", UNGUARDED)
    assert not ended


FLOODS = {
    "AUTHENTICATE": ["AUTHENTICATE PLAIN", *[f"AUTHENTICATE {'a' * 400}"] * 999],
    "AUTHENTICATE again": [f"AUTHENTICATE {word}" for word in ("PLAIN", "*") * 1000],
    "CAP LS": ["CAP LS 302"] * 10_000,
    "CAP REQ": [f"CAP REQ :{sign}batch" for sign in ("", "-") * 5000],
    "PING": ["PING x"] * 10_000,
    "REGISTER": [f"REGISTER a{number} * :{'password-secret-' * 4}" for number in range(1000)],
    "unknown": ["PRIVMSG #general :let me in"] * 10_000,
    "empty": [""] * 100_000,
}
BOUNDS = {"AUTHENTICATE": 170, "REGISTER": 20, "empty": 0}
"""Answers at most: two hundred commands are judged, fewer where 64 KiB come first, or they cost more; empty lines are none."""


async def flood(directory: Path, lines: list[str]) -> list[str]:
    """Attack: all these lines of a stranger. Return the commands of the answers, or [] if there was no end."""
    async with attacked(directory) as (server, talk, _):
        reader, writer = await open_tls(server, "irc")
        client = RawClient(reader, writer)
        client.send(*lines, "PING behind")
        answers: list[str] = []
        try:
            while True:
                line = await client.next()
                answers.append(line.command)
                if len(answers) % 100 == 0:
                    await talk.go_on()
                if line.command == "PONG" and line.params[-1] == "behind":
                    return []
        except (EOFError, ConnectionError, ssl.SSLError):
            return answers


@pytest.mark.parametrize("kind", FLOODS)
async def test_who_has_not_signed_in_may_say_so_much_and_no_more(tmp_path: Path, kind: str) -> None:
    """Expected: ERROR after 200 commands or 64 KiB; members talk meanwhile."""
    answers = await flood(tmp_path, FLOODS[kind])
    assert answers[-1] == "ERROR"
    assert len(answers) - 1 <= 4 * BOUNDS.get(kind, 200)


@pytest.mark.parametrize("kind", ["AUTHENTICATE", "CAP LS"])
async def test_control_without_the_bound_all_is_answered(tmp_path: Path, kind: str) -> None:
    with without("strangers-total"):
        assert await flood(tmp_path, FLOODS[kind][:1500]) == []


VERBS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PRI"]
BODY = "NICK mallory\r\nUSER mallory 0 * :m\r\nJOIN #witness\r\nPRIVMSG #witness :from a web page\r\n"


@pytest.mark.parametrize("verb", [*VERBS, "CONNECT"])
@pytest.mark.parametrize("alpn", [("irc",), ("http/1.1",), ()])
async def test_http_verbs_reach_nobody(tmp_path: Path, verb: str, alpn: tuple[str, ...]) -> None:
    """Attack: a web page has a browser send a request whose body is chat. Expected: by ALPN `irc` no HTTP is spoken, by
    `http/1.1` no chat; nothing is said for anybody."""
    target = "localhost:6697" if verb == "CONNECT" else "/"
    request = f"{verb} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
    async with attacked(tmp_path) as (server, talk, ear):
        reader, writer = await open_tls(server, *alpn)
        writer.write(request.encode() + b"PING fence\r\n")
        async with asyncio.timeout(5):
            answer = b""
            while b" PONG " not in answer and (received := await reader.read(65_536)):
                answer += received
        is_web = alpn == ("http/1.1",) or (not alpn and verb == "GET")
        assert answer.startswith(b"HTTP/1.1 4" if is_web else b":chat.example ")
        assert b" 001 " not in answer
        assert ear.events["signed in"] == 2
        await talk.go_on()

"""A disk that fails to flush, under the real server: it acknowledges nothing more, says so, ends, and starts again."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from tests.flush.tapped import tapped_client
from tests.flush.trace import parse_calls
from tests.flush.tracing import failing, require_strace
from tests.scenario.processes import Programs, port_of

MESSAGE = r"word-\d\d"
FLUSHES = 8
"""Flushes of the WAL until they fail; each commit needs one or (the first into a new WAL) two."""
WORDS = [f"word-{number:02}" for number in range(30)]


def say(word: str) -> str:
    return f"@securechat.internal/id=unsure-{word} PRIVMSG #general :{word}"


async def talk_until_it_ends(port: int, ca: Path) -> tuple[list[str], list[str]]:
    """Say word after word, each after the echo of the one before; return what was echoed and what the other got."""
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(tapped_client(port, ca, "alice"))
        bob = await stack.enter_async_context(tapped_client(port, ca, "bob"))
        try:
            for number, word in enumerate(WORDS, 1):
                alice.send(say(word))
                await alice.read_count(MESSAGE, number)
        except (EOFError, ConnectionError):
            pass
        await bob.read_to_end()
        return alice.texts(MESSAGE), bob.texts(MESSAGE)


async def say_all_again(port: int, ca: Path) -> tuple[list[str], list[str]]:
    """Send every word with its id, as who does not know what was stored; return what was echoed, and then what is stored."""
    async with tapped_client(port, ca, "alice") as alice:
        before = len(alice.texts(MESSAGE))
        alice.send(*map(say, WORDS))
        await alice.read_count(MESSAGE, before + len(WORDS))
        echoed = alice.texts(MESSAGE)[before:]
        await alice.ask("CHATHISTORY LATEST #general * 100")
        return echoed, alice.texts(MESSAGE)[before + len(WORDS) :]


def test_a_flush_that_fails_ends_the_server_and_costs_nothing_that_was_acknowledged(
    programs: Programs, tmp_path: Path
) -> None:
    require_strace()
    data = tmp_path / "data"
    server = programs.server(data)
    server.wait_ready()
    programs.add_people(data, "alice", "bob")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0

    trace = tmp_path / "trace"
    strace = failing(data / "securechat.db-wal", FLUSHES, trace)
    server = programs.server(data, "--log-level", "warning", under=strace)
    port = port_of(server.wait_ready()[0])
    echoed, delivered = asyncio.run(talk_until_it_ends(port, data / "ca.pem"))
    assert server.wait() == 1
    assert 0 < len(echoed) < FLUSHES
    assert echoed == delivered == WORDS[: len(echoed)]
    (line,) = [line for line in server.err if not line.startswith("listening on ")]
    assert "storage failed" in line
    assert "disk I/O error" in line
    # Not tried again either: the kernel may take for clean what it could not write, and say yes to the second try.
    assert [call.result for call in parse_calls(trace.read_text().splitlines())] == [0] * (FLUSHES - 1) + [-1]

    again = programs.server(data)
    port = port_of(again.wait_ready()[0])
    repeated, stored = asyncio.run(say_all_again(port, data / "ca.pem"))
    assert repeated == stored == WORDS

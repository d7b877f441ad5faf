"""A disk that fails to flush, under the real server: it acknowledges nothing more, says so, ends, and starts again."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.flush.tapped import tapped_client
from tests.flush.trace import FLUSHES, Arrival, Call, Timeline, parse_calls
from tests.flush.tracing import ROOT, failing, require_strace
from tests.scenario.processes import Programs, port_of

MESSAGE = r"word-\d\d"
FAILING = 8
"""The writer's flush that fails first; each commit needs one or (the first into a new WAL) two."""
WORDS = [f"word-{number:02}" for number in range(30)]


@dataclass
class Failure:
    """A server whose flushes fail after a while, and what came of it.

    echoed, delivered: what the writer and what a reader got. calls: the server's.
    """

    code: int
    err: Sequence[str]
    echoed: list[Arrival]
    delivered: list[Arrival]
    calls: list[Call]

    def faults(self) -> list[str]:
        """Say of every line that anybody got what is wrong with it."""
        timeline = Timeline(self.calls)
        return [fault for arrival in (*self.echoed, *self.delivered) if (fault := timeline.fault(arrival))]


def say(word: str) -> str:
    return f"@securechat.internal/id=unsure-{word} PRIVMSG #general :{word}"


async def talk_until_it_ends(port: int, ca: Path) -> tuple[list[Arrival], list[Arrival]]:
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
        return alice.arrivals(MESSAGE), bob.arrivals(MESSAGE)


def fail_flushes(programs: Programs, directory: Path, *program: str) -> Failure:
    """Run a server on a disk that fails after a while, with people who talk until it ends."""
    require_strace()
    data, trace = directory / "data", directory / "trace"
    server = programs.server(data)
    server.wait_ready()
    programs.add_people(data, "alice", "bob")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0

    programs.environment["PYTHONPATH"] = str(ROOT)
    chosen = {"program": program} if program else {}
    server = programs.server(data, "--log-level", "warning", under=failing(FAILING, trace), **chosen)
    port = port_of(server.wait_ready()[0])
    echoed, delivered = asyncio.run(talk_until_it_ends(port, data / "ca.pem"))
    code = server.wait()
    calls = parse_calls(trace.read_text(errors="replace").splitlines())
    return Failure(code, server.err, echoed, delivered, calls)


async def look_and_say_all_again(port: int, ca: Path) -> tuple[list[str], list[str], list[str]]:
    """Send every word with its id, as who does not know what was stored.

    Returns what was stored before that, what is echoed, and what is stored then.
    """
    async with tapped_client(port, ca, "alice") as alice:
        await alice.ask("CHATHISTORY LATEST #general * 100")
        kept = alice.texts(MESSAGE)
        alice.send(*map(say, WORDS))
        await alice.read_count(MESSAGE, len(kept) + len(WORDS))
        echoed = alice.texts(MESSAGE)[len(kept) :]
        await alice.ask("CHATHISTORY LATEST #general * 100")
        return kept, echoed, alice.texts(MESSAGE)[len(kept) + len(WORDS) :]


def test_a_flush_that_fails_ends_the_server_and_costs_nothing_that_was_acknowledged(
    programs: Programs, tmp_path: Path
) -> None:
    failure = fail_flushes(programs, tmp_path)
    assert failure.code == 1
    begun, listening, line = failure.err
    assert (begun.partition(" ")[0], listening.partition(" ")[0]) == ("securechat", "listening")
    assert "storage failed" in line
    assert "disk I/O error" in line
    # Not tried again either: the kernel may take for clean what it could not write, and say yes to the second try.
    flushes = [call.result for call in failure.calls if call.name in FLUSHES and call.file.endswith("-wal")]
    assert flushes == [0] * (len(flushes) - 1) + [-1]
    acknowledged = [arrival.text for arrival in failure.echoed]
    assert acknowledged == [arrival.text for arrival in failure.delivered] == WORDS[: len(acknowledged)] != []
    assert failure.faults() == []

    again = programs.server(tmp_path / "data")
    port = port_of(again.wait_ready()[0])
    kept, repeated, stored = asyncio.run(look_and_say_all_again(port, tmp_path / "data" / "ca.pem"))
    # The word under way when it failed had been written: unknown is what it is.
    assert kept in (acknowledged, WORDS[: len(acknowledged) + 1])
    assert repeated == stored == WORDS


def test_control_a_server_that_acknowledges_what_it_could_not_flush_is_found_out(
    programs: Programs, tmp_path: Path
) -> None:
    failure = fail_flushes(programs, tmp_path, sys.executable, "-m", "tests.flush.variants", "delivery-before-commit")
    assert failure.echoed
    assert failure.faults()

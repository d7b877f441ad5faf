"""For every message the flush of the WAL had returned before the first byte of it went to anybody: seen from outside."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.flush.tapped import TappedClient, tapped_client
from tests.flush.trace import Arrival, Timeline, parse_calls
from tests.flush.tracing import ROOT, require_strace, watching
from tests.scenario.processes import Programs, port_of

PEOPLE = ("alice", "bob", "carol")
EACH = 60
"""Messages of each, in packets of PACKET: several at once from several, so that commits hold more than one."""
PACKET = 10
MESSAGE = r"proof-[a-z]+-\d\d"
COPIES = len(PEOPLE) * len(PEOPLE) * EACH
"""Lines with a message that anybody gets: each goes to all, the sender's own being the echo."""


async def talk(port: int, ca: Path) -> list[Arrival]:
    """Have everybody say everything at once; return what everybody got."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(tapped_client(port, ca, name)) for name in PEOPLE]
        await asyncio.gather(*(say_all(client, name) for client, name in zip(clients, PEOPLE, strict=True)))
        return [arrival for client in clients for arrival in client.arrivals(MESSAGE)]


async def say_all(client: TappedClient, name: str) -> None:
    """Send packet after packet, the next one as soon as the one before is echoed; read until everything has come."""
    own = f"proof-{name}-"
    for first in range(0, EACH, PACKET):
        texts = [f"{own}{number:02}" for number in range(first, first + PACKET)]
        client.send(*(f"@securechat.internal/id={text} PRIVMSG #general :{text}" for text in texts))
        await client.read_count(own, first + PACKET)
    await client.read_count(MESSAGE, len(PEOPLE) * EACH)


def watch_a_talk(programs: Programs, directory: Path, *program: str) -> tuple[list[Arrival], Timeline]:
    """Run a server under strace through a talk; return what came of it, and when it did what."""
    require_strace()
    data, trace = directory / "data", directory / "trace"
    programs.environment["PYTHONPATH"] = str(ROOT)
    chosen = {"program": program} if program else {}
    server = programs.server(data, under=watching(trace), **chosen)
    port = port_of(server.wait_ready()[0])
    programs.add_people(data, *PEOPLE)
    arrivals = asyncio.run(talk(port, data / "ca.pem"))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    with trace.open(errors="replace") as lines:
        return arrivals, Timeline(parse_calls(line.rstrip("\n") for line in lines))


def test_every_message_was_flushed_before_anybody_was_sent_it(programs: Programs, tmp_path: Path) -> None:
    arrivals, timeline = watch_a_talk(programs, tmp_path)
    assert len(set(arrivals)) == COPIES == 540
    assert [(arrival, fault) for arrival in arrivals if (fault := timeline.fault(arrival))] == []
    # The check would be easy to meet with a flush for each: commits were shared.
    assert len(timeline.flushes) < len(PEOPLE) * EACH


@pytest.mark.parametrize("variant", ["synchronous-normal", "delivery-before-commit"])
def test_a_server_that_sends_what_is_not_flushed_is_found_out(programs: Programs, tmp_path: Path, variant: str) -> None:
    arrivals, timeline = watch_a_talk(programs, tmp_path, sys.executable, "-m", "tests.flush.variants", variant)
    faults = [timeline.fault(arrival) for arrival in arrivals]
    assert len(faults) == COPIES
    assert sum(fault is not None for fault in faults) > COPIES / 2
    assert set(faults) <= {
        None,
        "not written before it was sent",
        "not flushed between being written and being sent",
    }

"""What is not kept any more, as clients see it: refused by name, or from where it begins; and who is told how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from securechat.server.requests import ChannelRetention, ChannelShow
from securechat.storage import retention
from tests.server.harness import RunningServer, running_server
from tests.storage.test_expiring import expire

LONG_AGO = "timestamp=1970-01-02T00:00:00.000Z"


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningServer]:
    # Days of a second.
    monkeypatch.setattr(retention, "DAY", 1000)
    async with running_server(tmp_path) as server:
        await server.add("alice", "bob")
        yield server


def stores(server: RunningServer) -> Any:
    return server.node.history._store  # type: ignore[attr-defined]


async def test_a_page_of_what_is_gone_is_refused_and_the_latest_begins_at_what_there_is(server: RunningServer) -> None:
    alice, bob = await server.gather("alice", "bob")
    old = (await alice.ask("PRIVMSG #general :old"))[0].tags["msgid"]
    told = await server.office.perform(ChannelRetention("#general", 1))
    assert told == {"name": "#general", "days": 1}
    notice = await bob.until("NOTICE", "#general")
    assert notice.params[1] == "What is said here is kept for 1 day from now on"
    # Time itself is what is waited for.
    await asyncio.sleep(1.1)
    await alice.ask("PRIVMSG #general :new")
    await expire(stores(server))
    await bob.fence()
    for asked in (f"AFTER #general {LONG_AGO} 10", "LATEST #general * 10", f"LATEST #general {LONG_AGO} 10"):
        lines = await bob.ask(f"CHATHISTORY {asked}")
        assert [line.params[1] for line in lines if line.command == "PRIVMSG"] == ["new"]
    (refused,) = await bob.ask(f"CHATHISTORY AFTER #general msgid={old} 10")
    assert refused.params == (
        *("CHATHISTORY", "MESSAGE_ERROR", "AFTER", "#general"),
        "Messages could not be retrieved",
    )
    (refused,) = await bob.ask(f"CHATHISTORY BETWEEN #general {LONG_AGO} timestamp=1970-01-03T00:00:00.000Z 10")
    assert (refused.command, refused.params) == (
        "FAIL",
        ("CHATHISTORY", "MESSAGE_ERROR", "BETWEEN", "#general", "Messages as old as that are not kept any more"),
    )


async def test_it_is_for_ever_and_as_all_channels_are_in_words(server: RunningServer) -> None:
    (bob,) = await server.gather("bob")
    await server.office.perform(ChannelRetention("#general", 0))
    assert (await bob.until("NOTICE", "#general")).params[1] == "What is said here is kept for ever from now on"
    assert (await server.office.perform(ChannelShow("#general")))["retention"] == 0
    await server.office.perform(ChannelRetention("#general", None))
    assert (await bob.until("NOTICE", "#general")).params[1] == "What is said here is kept for ever from now on"
    assert (await server.office.perform(ChannelShow("#general")))["retention"] is None

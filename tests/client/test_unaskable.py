"""What a server names and no request can carry: that gap is given up, the link lives."""

from __future__ import annotations

from pathlib import Path

from securechat.client import Address, Link, build_context
from securechat.client.events import Disconnected, Event, GapSuspected, MessageSeen
from tests.client.fakeserver import FakeServer


async def test_a_channel_too_long_to_ask_about_costs_only_its_own_gap(server: FakeServer, ca_file: Path) -> None:
    channel = "#" + "x" * 495
    async with Link(Address("localhost", server.port), "alice", "secret", build_context(ca_file)) as link:
        await server.until(lambda: server.present)
        server.guests[0].tell(f":alice JOIN {channel}", ":alice!alice@securechat JOIN :#a b")
        events: list[Event] = []
        async for event in link:
            events.append(event)
            if isinstance(event, GapSuspected):
                assert event.conversation == channel
                assert await link.deliver("#general", "still here") == "m0001"
            if isinstance(event, MessageSeen):
                break
    assert len(server.guests) == 1
    assert sum(isinstance(event, GapSuspected) for event in events) == 1
    assert not any(isinstance(event, Disconnected) for event in events)
    assert link.state.find_channel("#a b") is None

"""A link that may come in while the server is away, and what still keeps it out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from securechat.client import Address, Link, SignInError, Timing, build_context
from securechat.client.events import Disconnected, MessageSeen, SignedIn
from securechat.client.outbox import Outbox, Outgoing
from securechat.errors import Fault, UnreachableError
from tests.client.fakeserver import FakeServer
from tests.client.tlsserver import make_context, serving, speak_plainly, speak_tls

MakeLink = Callable[..., Link]


@pytest.fixture
def make_link(server: FakeServer, ca_file: Path) -> MakeLink:
    def make(secret: str = "secret", **options: object) -> Link:
        options = {"offline": True, "timing": Timing(first_delay=0.02, most_delay=0.02), **options}
        return Link(Address("localhost", server.port), "alice", secret, build_context(ca_file), **options)  # type: ignore[arg-type]

    return make


async def take_until(link: Link, kind: type) -> list[object]:
    """Return the events up to the first of a kind."""
    events: list[object] = []
    while not events or not isinstance(events[-1], kind):
        events.append(await anext(link))
    return events


async def enter(link: Link, server: FakeServer, *, comes_late: bool) -> None:
    """Come in and stay until there is a connection; the server comes back only when somebody is in."""
    if comes_late:
        await server.stop()
    async with link:
        assert comes_late
        link.post("#general", "nobody's business")
        await take_until(link, Disconnected)
        await server.listen()
        await take_until(link, SignedIn)


async def test_it_comes_in_says_why_there_is_no_connection_and_sends_what_was_written_when_there_is_one(
    server: FakeServer, make_link: MakeLink
) -> None:
    await server.stop()
    left = Outgoing("11111111-1111-4111-8111-111111111111", "#general", "of last time")
    read = server.say("bob", "#general", "read last time")
    server.say("bob", "#general", "missed")
    since = {"#general": (read.time, read.msgid)}
    async with make_link(outbox=Outbox(left=(left,)), since=since) as link:
        assert not link.is_online
        assert link.state.nick == "alice"
        (lost,) = await take_until(link, Disconnected)
        assert isinstance(lost, Disconnected)
        assert lost.reason == "nothing listens there"
        assert 0 < lost.delay <= 0.02
        message = link.post("#general", "written offline")
        await server.listen()
        assert await link.confirm(left) == "m0003"
        assert await link.confirm(message) == "m0004"
        seen = await take_until(link, MessageSeen)
    assert isinstance(seen[-1], MessageSeen)
    assert seen[-1].text == "missed"
    assert [stored.text for stored in server.stored][2:] == ["of last time", "written offline"]


async def test_control_without_leave_to_nobody_comes_in(server: FakeServer, make_link: MakeLink) -> None:
    await server.stop()
    with pytest.raises(UnreachableError, match="nothing listens there"):
        async with make_link(offline=False):
            pass


async def test_a_server_that_is_there_is_waited_for(server: FakeServer, make_link: MakeLink) -> None:
    async with make_link() as link:
        assert link.is_online


async def test_a_server_that_does_not_answer_keeps_nobody_waiting(ca_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = Address("localhost", mute.getsockname()[1])
        timing = Timing(entry=0.05, connect=0.3)
        async with Link(address, "alice", "secret", build_context(ca_file), offline=True, timing=timing) as link:
            assert not link.is_online
            (lost,) = await take_until(link, Disconnected)
    assert isinstance(lost, Disconnected)
    assert lost.reason == "localhost does not answer"


async def test_too_many_at_the_door_are_waited_out(server: FakeServer, make_link: MakeLink) -> None:
    server.refusal = "FAIL AUTHENTICATE TRY_AGAIN :Too many people are signing in"
    async with make_link() as link:
        await take_until(link, Disconnected)
        server.refusal = ""
        await take_until(link, SignedIn)
        assert link.is_online


@pytest.mark.parametrize("comes_late", [False, True], ids=["it is there", "it comes later"])
async def test_a_wrong_password_ends_it(server: FakeServer, make_link: MakeLink, comes_late: bool) -> None:
    with pytest.raises(SignInError, match="SASL authentication failed") as raised:
        await enter(make_link(secret="wrong"), server, comes_late=comes_late)
    assert raised.value.fault is Fault.CREDENTIALS
    assert len(server.guests) == 1


@pytest.mark.parametrize("comes_late", [False, True], ids=["it is there", "it comes later"])
async def test_another_ca_ends_it_and_gets_nothing(ca_file: Path, comes_late: bool) -> None:
    async with FakeServer(trustme.CA()) as server:
        timing = Timing(first_delay=0.02, most_delay=0.02)
        address = Address("localhost", server.port)
        link = Link(address, "alice", "secret", build_context(ca_file), offline=True, timing=timing)
        with pytest.raises(UnreachableError, match="not from a CA that you trust") as raised:
            await enter(link, server, comes_late=comes_late)
        assert raised.value.fault is Fault.UNKNOWN_CA
        assert server.received == b""


async def test_a_certificate_that_comes_too_late_for_the_entry_ends_the_iteration(
    authority: trustme.CA, ca_file: Path
) -> None:
    with serving(speak_tls(make_context(authority, "elsewhere.example"))) as server:
        address = Address("localhost", server.port)
        link = Link(address, "alice", "secret", build_context(ca_file), offline=True, timing=Timing(entry=0))
        with pytest.raises(UnreachableError, match="for another name"):
            async with link:
                await take_until(link, SignedIn)
        assert server.said == b""


async def test_what_speaks_no_tls_is_no_server_that_is_away(ca_file: Path) -> None:
    with serving(speak_plainly(b":irc.example NOTICE * :hello\r\n")) as server:
        address = Address("localhost", server.port)
        with pytest.raises(UnreachableError) as raised:
            async with Link(address, "alice", "secret", build_context(ca_file), offline=True):
                pass
        assert raised.value.fault is Fault.NO_TLS
        assert b"alice" not in server.raw


async def test_an_interrupted_entry_leaves_nothing_running(ca_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = Address("localhost", mute.getsockname()[1])
        entering = asyncio.create_task(
            Link(address, "alice", "secret", build_context(ca_file), offline=True).__aenter__()
        )
        await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        assert asyncio.all_tasks() == {asyncio.current_task()}

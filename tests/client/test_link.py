"""The link over real TLS, against a scripted server that records every byte."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from securechat.client import Address, DeliveryUnknown, Link, MessageRefused, SignInError, Timing, build_context
from securechat.client.events import Disconnected, Event, Following, GapSuspected, MessageSeen, SignedIn
from securechat.client.outbox import Delivery
from securechat.errors import UnreachableError
from tests.client.fakeserver import FakeServer

MakeLink = Callable[..., Link]


class Waits:
    """A sleep that takes no time and keeps what it was asked for; `gate` can hold it up."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def sleep(self, delay: float) -> None:
        self.delays.append(delay)
        await asyncio.sleep(0)
        await self.gate.wait()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def make_link(server: FakeServer, ca_file: Path, waits: Waits) -> MakeLink:
    def make(host: str = "localhost", secret: str = "secret", **options: object) -> Link:
        options = {"sleep": waits.sleep, "chance": lambda: 0.0, **options}
        return Link(Address(host, server.port), "alice", secret, build_context(ca_file), **options)  # type: ignore[arg-type]

    return make


async def take_until(link: Link, stop: Callable[[Event], bool]) -> list[Event]:
    """Return the events up to the one that stops."""
    events = []
    async for event in link:
        events.append(event)
        if stop(event):
            break
    return events


def is_text(text: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, MessageSeen) and event.text == text


def is_following(conversation: str) -> Callable[[Event], bool]:
    return lambda event: event == Following(conversation)


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, MessageSeen)]


# Whom it trusts


async def test_a_message_is_delivered_and_confirmed(server: FakeServer, make_link: MakeLink) -> None:
    async with make_link() as link:
        assert link.is_online
        assert await link.deliver("#general", "hello") == "m0001"
        assert [message.text for message in server.stored] == ["hello"]
        assert link.state.nick == "alice"
    assert server.guests[0].lines[-1] == "QUIT"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_control_a_server_with_the_right_name_gets_the_password(
    server: FakeServer, make_link: MakeLink, host: str
) -> None:
    async with make_link(host):
        assert b"AUTHENTICATE AGFsaWNlAHNlY3JldA==\r\n" in server.received


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_for_another_name_is_refused_and_not_one_byte_is_sent(
    authority: trustme.CA, ca_file: Path, host: str
) -> None:
    async with FakeServer(authority, ("elsewhere.example",)) as server:
        link = Link(Address(host, server.port), "alice", "secret", build_context(ca_file))
        with pytest.raises(UnreachableError, match="for another name"):
            async with link:
                pass
        assert server.received == b""


async def test_an_unknown_ca_is_refused_and_not_one_byte_is_sent(ca_file: Path) -> None:
    async with FakeServer(trustme.CA()) as server:
        with pytest.raises(UnreachableError, match="not from a CA that you trust"):
            async with Link(Address("localhost", server.port), "alice", "secret", build_context(ca_file)):
                pass
        assert server.received == b""


async def test_every_connection_names_the_host_it_expects(
    server: FakeServer, make_link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[object] = []
    connect = asyncio.open_connection

    async def record(host: str, port: int, **options: object) -> object:
        named.append(options.get("server_hostname"))
        return await connect(host, port, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "open_connection", record)
    async with make_link() as link:
        server.cut_all()
        await take_until(link, lambda event: isinstance(event, Disconnected))
        await take_until(link, lambda event: isinstance(event, SignedIn))
    assert named == ["localhost", "localhost"]


async def test_a_certificate_that_turns_wrong_ends_the_link(
    server: FakeServer, make_link: MakeLink, waits: Waits
) -> None:
    async with make_link() as link:
        trustme.CA().issue_cert("localhost").configure_cert(server.context)
        server.cut_all()
        with pytest.raises(UnreachableError, match="not from a CA that you trust"):
            await take_until(link, lambda event: False)
    assert len(waits.delays) == 1
    assert server.received.count(b"AUTHENTICATE PLAIN") == 1


# Who is not let in


async def test_a_wrong_password_is_final(server: FakeServer, make_link: MakeLink, waits: Waits) -> None:
    with pytest.raises(SignInError, match="SASL authentication failed"):
        async with make_link(secret="wrong"):
            pass
    assert waits.delays == []
    assert len(server.guests) == 1


async def test_a_password_that_is_changed_meanwhile_ends_the_link(
    server: FakeServer, make_link: MakeLink, waits: Waits
) -> None:
    async with make_link() as link:
        message = link.post("#general", "hello")
        await link.confirm(message)
        server.passwords["alice"] = "other"
        server.cut_all()
        with pytest.raises(SignInError):
            await take_until(link, lambda event: False)
        with pytest.raises(SignInError):
            await anext(link)
    assert len(waits.delays) == 1


async def test_a_port_where_nobody_listens_is_told_at_once(ca_file: Path, waits: Waits) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        link = Link(
            Address("127.0.0.1", unused.getsockname()[1]), "alice", "secret", build_context(ca_file), sleep=waits.sleep
        )
        with pytest.raises(UnreachableError, match="nothing listens there"):
            async with link:
                pass
    assert waits.delays == []


async def test_a_server_without_tls_is_told_apart(ca_file: Path) -> None:
    received = bytearray()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b":irc.test NOTICE * :hello there\r\n")
        received.extend(await reader.read())
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    address = Address("localhost", listener.sockets[0].getsockname()[1])
    with pytest.raises(UnreachableError, match="does not speak TLS"):
        async with Link(address, "alice", "secret", build_context(ca_file)):
            pass
    listener.close()
    assert b"alice" not in received
    assert b"AUTHENTICATE" not in received


async def test_a_server_that_never_answers_the_handshake_is_given_up(ca_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = Address("localhost", mute.getsockname()[1])
        link = Link(address, "alice", "secret", build_context(ca_file), timing=Timing(connect=0.2))
        with pytest.raises(UnreachableError, match="does not answer"):
            async with link:
                pass


# Coming back


async def test_a_message_cut_off_before_its_echo_is_sent_again_with_its_id_and_stored_once(
    server: FakeServer, make_link: MakeLink
) -> None:
    server.cut_after_storing.add("one")
    async with make_link() as link:
        message = link.post("#general", "one")
        events = await take_until(link, lambda event: isinstance(event, Disconnected))
        assert isinstance(events[-1], Disconnected)
        assert message.delivery is Delivery.UNKNOWN
        assert await link.confirm(message) == "m0001"
    assert [stored.text for stored in server.stored] == ["one"]
    sent = [line for guest in server.guests for line in guest.lines if "PRIVMSG" in line]
    assert sent == [
        f"@securechat.internal/id={message.id};label={label} PRIVMSG #general one" for label in _labels(sent)
    ]
    assert len(sent) == 2


def _labels(lines: list[str]) -> list[str]:
    return [line.split("label=")[1].split(" ")[0] for line in lines]


async def test_what_was_not_echoed_arrives_once_and_in_order_wherever_the_connection_is_cut(
    server: FakeServer, make_link: MakeLink
) -> None:
    server.cut_before_storing.update({"2", "7"})
    server.cut_after_storing.update({"4", "9"})
    async with make_link() as link:
        messages = [link.post("#general", str(number)) for number in range(10)]
        msgids = [await link.confirm(message) for message in messages]
        shown = await take_until(link, is_text("9"))
    assert [stored.text for stored in server.stored] == [str(number) for number in range(10)]
    assert msgids == [f"m{number:04d}" for number in range(1, 11)]
    assert texts(shown) == [str(number) for number in range(10)]


async def test_what_was_missed_is_fetched_and_shown_once_in_order(
    server: FakeServer, make_link: MakeLink, waits: Waits
) -> None:
    async with make_link() as link:
        await take_until(link, is_following("#general"))
        server.say("bob", "#general", "before")
        await take_until(link, is_text("before"))
        waits.gate.clear()
        server.cut_all()
        await take_until(link, lambda event: isinstance(event, Disconnected))
        for number in range(8):
            server.say("bob", "#general", f"missed {number}")
        server.say("carol", "alice", "psst")
        waits.gate.set()
        await server.until(lambda: server.present)
        server.say("bob", "#general", "live")
        server.say("carol", "alice", "psst 2")
        seen = await take_until(link, is_following("#general"))
        while "psst 2" not in texts(seen):
            seen.append(await anext(link))
    general = [event.text for event in seen if isinstance(event, MessageSeen) and event.conversation == "#general"]
    direct = [event.text for event in seen if isinstance(event, MessageSeen) and event.conversation == "carol"]
    assert general == [*(f"missed {number}" for number in range(8)), "live"]
    assert direct == ["psst", "psst 2"]


async def test_a_forgotten_place_is_told_and_the_latest_are_shown(
    server: FakeServer, make_link: MakeLink, waits: Waits
) -> None:
    async with make_link() as link:
        await take_until(link, is_following("#general"))
        server.forgotten.add(server.say("bob", "#general", "before").msgid)
        await take_until(link, is_text("before"))
        waits.gate.clear()
        server.cut_all()
        for number in range(5):
            server.say("bob", "#general", f"missed {number}")
        waits.gate.set()
        seen = await take_until(link, is_following("#general"))
    assert GapSuspected("#general", "Not found") in seen
    assert texts(seen) == ["missed 2", "missed 3", "missed 4"]


async def test_the_delay_grows_while_the_server_is_away_and_begins_anew_after_a_stable_connection(
    server: FakeServer, make_link: MakeLink, waits: Waits
) -> None:
    now = 0.0
    async with make_link(clock=lambda: now) as link:
        await server.stop()
        lost: list[Event] = []
        while len(lost) < 9:
            lost.append(await anext(link))
            lost = [event for event in lost if isinstance(event, Disconnected)]
        await server.listen()
        await take_until(link, lambda event: isinstance(event, SignedIn))
        assert waits.delays[:9] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
        attempts = len(waits.delays)
        now = 9.9
        server.cut_all()
        await take_until(link, lambda event: isinstance(event, SignedIn))
        assert waits.delays[attempts] == 30
        attempts = len(waits.delays)
        now = 20.0
        server.cut_all()
        await take_until(link, lambda event: isinstance(event, SignedIn))
        assert waits.delays[attempts] == 0.5


async def test_a_silent_server_is_asked_for_a_sign_of_life_and_then_left(
    server: FakeServer, make_link: MakeLink
) -> None:
    async with make_link(timing=Timing(idle=0.05, answer=0.1)) as link:
        await take_until(link, is_following("#general"))
        await server.until(lambda: "PING alive" in server.guests[0].lines)
        assert link.is_online
        server.deaf = True
        (*_, lost) = await take_until(link, lambda event: isinstance(event, Disconnected))
        assert isinstance(lost, Disconnected)
        assert lost.reason == "the server gives no sign of life"


async def test_a_server_that_lets_nobody_in_is_not_waited_for_for_ever(authority: trustme.CA, ca_file: Path) -> None:
    async with FakeServer(authority) as server:
        server._on_cap = lambda *_: None  # type: ignore[method-assign]
        link = Link(
            Address("localhost", server.port), "alice", "secret", build_context(ca_file), timing=Timing(sign_in=0.2)
        )
        with pytest.raises(UnreachableError, match="does not let anybody in"):
            async with link:
                pass


# Answers


async def test_a_refused_message_is_raised_with_the_reason(server: FakeServer, make_link: MakeLink) -> None:
    server.refused["no"] = "404 alice #general :Cannot send to channel"
    async with make_link() as link:
        with pytest.raises(MessageRefused, match="Cannot send to channel") as raised:
            await link.deliver("#general", "no")
        assert raised.value.code == "404"
        assert await link.deliver("#general", "yes") == "m0001"


async def test_no_echo_is_unknown_and_never_called_not_sent(server: FakeServer, make_link: MakeLink) -> None:
    server.deaf = True
    async with make_link() as link:
        message = link.post("#general", "hello")
        with pytest.raises(DeliveryUnknown) as raised:
            await link.confirm(message, 0.05)
        assert message.id in str(raised.value)
        assert "may have been sent" in str(raised.value)
        assert message in link.outbox.waiting


async def test_closing_answers_everybody_who_waits(server: FakeServer, make_link: MakeLink) -> None:
    server.deaf = True
    async with make_link() as link:
        waiting = asyncio.create_task(link.deliver("#general", "hello"))
        await server.until(lambda: any("PRIVMSG" in line for line in server.guests[0].lines))
    with pytest.raises(DeliveryUnknown):
        await waiting
    async for _ in link:
        pass
    with pytest.raises(StopAsyncIteration):
        await anext(link)


@pytest.mark.parametrize(
    "greeting", [b"\xff\x00\r\n" * 100, b"x" * 10_000_000 + b"\r\n", b"001\r\n366\r\nJOIN\r\nCAP\r\n" * 100]
)
async def test_garbage_before_the_sign_in_is_survived(server: FakeServer, make_link: MakeLink, greeting: bytes) -> None:
    server.greeting = greeting
    async with make_link() as link:
        assert await link.deliver("#general", "hello") == "m0001"


async def test_a_broken_batch_ends_the_connection_with_a_plain_word(server: FakeServer, make_link: MakeLink) -> None:
    server.greeting = b"BATCH -nothing\r\n"
    with pytest.raises(UnreachableError, match="the server broke the protocol"):
        async with make_link():
            pass


def test_the_secret_stands_in_no_repr_of_a_link(ca_file: Path) -> None:
    link = Link(Address("localhost"), "alice", "opensesame", ssl.create_default_context())
    assert repr(link) == "Link(localhost:6697, 'alice', offline)"

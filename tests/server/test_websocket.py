"""IRC over WebSocket as clients meet it: the same sessions, the same answers, the same fan-out. (IRCv3 websocket)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from securechat.server.web import Site
from securechat.server.websocket import Framer
from tests.server.harness import RawClient, RunningServer, running_server
from tests.server.webclient import BINARY, TEXT, WebClient, open_web, sign_in_web


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as running:
        await running.add("alice", "bob", "carol", "dave")
        yield running


def texts(client: RawClient) -> list[str]:
    return [line.params[1] for line in client.seen if line.command == "PRIVMSG"]


# ── handshake ──


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([TEXT], TEXT),
        ([BINARY], BINARY),
        ([BINARY, TEXT], BINARY),
        ([TEXT, BINARY], TEXT),
        (["irc", BINARY], BINARY),
    ],
)
async def test_the_first_subprotocol_a_client_offers_that_is_known_is_taken(
    server: RunningServer, offered: list[str], chosen: str
) -> None:
    """IRCv3 websocket, features: the server MUST respect the client's order of preference."""
    client = await open_web(server, *offered)
    assert client.socket.subprotocol == chosen


@pytest.mark.parametrize("offered", [[], ["irc"]])
async def test_a_client_without_a_known_subprotocol_is_served_in_text_and_may_send_either(
    server: RunningServer, offered: list[str]
) -> None:
    """IRCv3 websocket, features: the server MAY go on without; how is left open."""
    client = await open_web(server, *offered)
    assert client.socket.subprotocol is None
    await client.sign_in("alice")
    await client.socket.send(b"PING binary")
    await client.until("PONG", "chat.example", "binary")
    assert {type(frame) for frame in client.frames} == {str}


async def test_compression_is_never_agreed_on(server: RunningServer) -> None:
    client = await open_web(server, TEXT, compression="deflate")
    assert client.socket.protocol.extensions == []


@pytest.mark.parametrize("alpn", [("http/1.1",), (), ("h2", "http/1.1")])
async def test_a_websocket_is_found_by_alpn_or_by_how_it_begins(server: RunningServer, alpn: tuple[str, ...]) -> None:
    client = await open_web(server, TEXT, alpn=alpn)
    await client.sign_in("alice")


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (None, True),
        ("https://chat.example", True),
        ("https://chat.example:6697", True),
        ("https://Chat.example", False),
        ("https://chat.example.evil.example", False),
        ("https://evil.example", False),
        ("https://chat.example:6698", False),
        ("http://chat.example", False),
        ("https://chat.example/", False),
        ("null", False),
    ],
)
async def test_a_web_page_gets_in_only_by_an_exact_origin(
    server: RunningServer, origin: str | None, is_let_in: bool
) -> None:
    server.site = Site(["https://chat.example", "https://chat.example:6697"])
    if is_let_in:
        await open_web(server, TEXT, origin=origin)
        return
    with pytest.raises(InvalidStatus) as caught:
        await open_web(server, TEXT, origin=origin)
    assert caught.value.response.status_code == 403
    assert origin not in str(caught.value.response.body)


# ── lines ──


@pytest.mark.parametrize(("subprotocol", "kind"), [(TEXT, str), (BINARY, bytes)])
async def test_each_line_is_one_message_of_the_agreed_type_without_line_end(
    server: RunningServer, subprotocol: str, kind: type
) -> None:
    """IRCv3 websocket, encoding."""
    client = await sign_in_web(server, "alice", subprotocol)
    await client.ask("PRIVMSG #general :žluťoučký kůň", "MOTD", "CHATHISTORY LATEST #general * 10")
    assert {type(frame) for frame in client.frames} == {kind}
    whole = [frame if isinstance(frame, str) else frame.decode() for frame in client.frames]
    assert not [line for line in whole if "\r" in line or "\n" in line]
    assert len([line for line in whole if line.endswith("PRIVMSG #general :žluťoučký kůň")]) == 2


async def test_websocket_and_tls_members_hear_each_other_in_one_order(server: RunningServer) -> None:
    clients: list[RawClient] = [
        await sign_in_web(server, "alice", TEXT),
        await sign_in_web(server, "bob", BINARY),
        await server.sign_in("carol"),
        await sign_in_web(server, "dave", TEXT, caps="echo-message"),
    ]
    for client in clients:
        await client.fence()
    for number in range(10):
        for client in clients:
            client.send(f"PRIVMSG #general :{number}")
    for client in clients:
        await client.fence()
    for client in clients:
        while len(texts(client)) < 40:
            await client.next()
    assert sorted(texts(clients[0])) == sorted(str(number) for number in range(10) for _ in clients)
    assert [texts(client) for client in clients] == [texts(clients[0])] * 4
    senders = [[line.source for line in client.seen if line.command == "PRIVMSG"] for client in clients]
    assert senders == [senders[0]] * 4


async def test_many_lines_of_one_batch_are_a_frame_each(server: RunningServer) -> None:
    """What waits together leaves in one write; it is still one line a message."""
    alice = await server.sign_in("alice")
    bob = await sign_in_web(server, "bob", TEXT)
    sent = [f"message {number}" for number in range(200)]
    alice.send(*(f"PRIVMSG #general :{text}" for text in sent))
    while len(texts(bob)) < 200:
        await bob.next()
    assert texts(bob) == sent
    assert len([frame for frame in bob.frames if "PRIVMSG #general" in str(frame)]) == 200


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("PRIVMSG #general :" + "x" * 492, "417"),
        ("NOSUCH " + "x" * 504, "417"),
        ("@+x=" + "y" * 4092 + " NOSUCH", "417"),
        ("NOSUCH " + "x" * 503, "421"),
        ("@+x=" + "y" * 4091 + " NOSUCH " + "x" * 503, "421"),
    ],
)
async def test_a_line_too_long_gets_417_at_the_same_length_as_over_tls(
    server: RunningServer, line: str, answer: str
) -> None:
    """IRCv3 websocket, encoding: 510 bytes besides the tags, the CR LF being left out."""
    for client in (await server.sign_in("alice"), await sign_in_web(server, "alice", TEXT)):
        (reply,) = await client.ask(line)
        assert reply.command == answer


async def test_a_line_ending_at_the_end_is_forgiven_and_one_inside_makes_no_second_command(
    server: RunningServer,
) -> None:
    client = await sign_in_web(server, "alice", TEXT)
    await client.socket.send("PING a\r\n")
    await client.until("PONG", "chat.example", "a")
    await client.socket.send("PRIVMSG #general :one\r\nQUIT")
    await client.until("FAIL", "*", "INVALID_MESSAGE")
    await client.socket.send("PRIVMSG #general :one\nQUIT")
    await client.until("FAIL", "*", "INVALID_MESSAGE")
    assert await client.fence() == []
    assert texts(client) == []


async def test_what_is_not_utf_8_gets_the_usual_answer_in_binary(server: RunningServer) -> None:
    client = await sign_in_web(server, "alice", BINARY)
    await client.socket.send(b"PRIVMSG #general :\xff")
    await client.until("FAIL", "PRIVMSG", "INVALID_UTF8")


async def test_a_message_in_fragments_is_one_line(server: RunningServer) -> None:
    client = await sign_in_web(server, "alice", TEXT)
    await client.socket.send(["PRIV", "MSG #general", " :in ", "", "pieces"])
    await client.until("PRIVMSG", "#general", "in pieces")


async def test_the_server_answers_a_ping_frame(server: RunningServer) -> None:
    client = await open_web(server, TEXT)
    await (await client.socket.ping(b"are you there"))


# ── frames out ──


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 510, 8191, 65_535, 65_536])
def test_a_line_is_framed_as_the_reference_library_frames_it(size: int) -> None:
    line = b"x" * size
    assert Framer(Opcode.TEXT).frame(line + b"\r\n") == Frame(Opcode.TEXT, line).serialize(mask=False)
    assert Framer(Opcode.BINARY).frame(line + b"\r\n") == Frame(Opcode.BINARY, line).serialize(mask=False)


def test_what_is_framed_is_remembered_by_identity_and_never_mistaken() -> None:
    framer = Framer(Opcode.TEXT)
    one, same = bytes(bytearray(b"a\r\nb\r\n")), bytes(bytearray(b"a\r\nb\r\n"))
    assert one is not same
    framed = framer.frame(one)
    assert framed == b"\x81\x01a\x81\x01b"
    assert framer.frame(one) is framed
    assert framer.frame(same) is not framed
    assert framer.frame(b"c\r\n") == b"\x81\x01c"
    assert framer.frame(b"") == b""


async def test_a_message_is_framed_once_for_all_who_read_the_same(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await server.sign_in("alice")
    readers = [await sign_in_web(server, f"bob@{number}", TEXT) for number in range(5)]
    readers += [await sign_in_web(server, f"carol@{number}", BINARY) for number in range(5)]
    for reader in readers:
        await reader.fence()
    framed: list[Opcode] = []
    serialize = Frame.serialize

    def count(frame: Frame, **options: Any) -> bytes:
        if not options["mask"]:
            framed.append(frame.opcode)
        return serialize(frame, **options)

    monkeypatch.setattr(Frame, "serialize", count)
    await alice.ask("PRIVMSG #general :hello")
    for reader in readers:
        await reader.until("PRIVMSG", "#general", "hello")
    assert framed == [Opcode.TEXT, Opcode.BINARY]


# ── ends ──


async def closed_with(client: WebClient) -> tuple[int | None, bool]:
    """Return the code with which a connection ended, and whether both ends said good-bye."""
    await client.ended()
    return client.socket.close_code, client.socket.protocol.close_sent is not None


async def test_quit_ends_with_error_and_a_close_frame(server: RunningServer) -> None:
    client = await sign_in_web(server, "alice", TEXT)
    client.send("QUIT :bye")
    *_, last = await client.ended()
    assert last.command == "ERROR"
    assert await closed_with(client) == (1000, True)


async def test_a_client_that_says_good_bye_is_gone_at_once_and_gets_its_code_back(server: RunningServer) -> None:
    client = await sign_in_web(server, "alice", TEXT)
    await client.socket.close(3001, "leaving")
    assert client.socket.close_code == 3001
    assert server.node.connections == {}


async def test_a_revoked_device_is_cut_while_connected(server: RunningServer) -> None:
    phone = await sign_in_web(server, "alice", TEXT)
    laptop = await server.sign_in("alice")
    laptop.send("ACCOUNT PASSWD64 Y29ycmVjdCBob3JzZSBiYXR0ZXJ5 YW5vdGhlci1sb25nLXBhc3N3b3Jk")
    await laptop.until("NOTE", "ACCOUNT", "PASSWORD_CHANGED")
    *_, last = await phone.ended()
    assert (last.command, last.params) == ("ERROR", ("Closing link: your sign-in was revoked",))
    assert phone.socket.close_code == 1000
    with pytest.raises(ConnectionClosed):
        await phone.socket.send("PRIVMSG #general :still here")


async def test_the_drain_reaches_web_clients(server: RunningServer) -> None:
    signed_in, stranger = await sign_in_web(server, "alice", TEXT), await open_web(server, BINARY)
    await server.node.close()
    for client in (signed_in, stranger):
        *_, last = await client.ended()
        assert (last.command, last.params) == ("ERROR", ("Closing link: the server is going down",))
        assert client.socket.close_code == 1000

"""Before sign-in nothing of the chat can be seen, and without TLS not one byte."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.chat.commands import COMMANDS
from tests.server.harness import ALL_CAPS, PASSWORD, RawClient, RunningServer, running_server

ALLOWED = {"CAP", "AUTHENTICATE", "PASS", "REGISTER", "VERIFY", "NICK", "USER", "PING", "PONG", "QUIT"}
"""Written out, as docs/protocol.md promises it: not derived from the table that is checked."""

FORBIDDEN = {
    "JOIN #general",
    "JOIN #new",
    "JOIN :",
    "JOIN 0",
    "PART #general",
    "KICK #general bob",
    "INVITE bob #general",
    "NAMES #general",
    "NAMES",
    "LIST",
    "LIST #general",
    "TOPIC #general",
    "TOPIC #general :mine",
    "MODE #general",
    "MODE #general +b",
    "MODE alice",
    "PRIVMSG #general :let me in",
    "PRIVMSG bob :let me in",
    "PRIVMSG",
    "NOTICE #general :let me in",
    "TAGMSG #general",
    "AWAY",
    "AWAY :gone",
    "WHO #general",
    "WHO *",
    "WHOIS bob",
    "MOTD",
    "LUSERS",
    "VERSION",
    "ISUPPORT",
    "CHATHISTORY LATEST #general * 10",
    "CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2099-01-01T00:00:00.000Z 10",
    "ACCOUNT DEVICES",
    "ACCOUNT PASSWD x y",
    "ACCOUNT DEVICE ADD phone",
    # What other servers know.
    "OPER root root",
    "STATS u",
    "WHOWAS bob",
    "ISON bob",
    "USERHOST bob",
    "MONITOR + bob",
    "SETNAME :Alice A.",
    "METADATA bob LIST",
    "MARKREAD #general",
    "REDACT #general x",
    "STARTTLS",
    "INFO",
    "ADMIN",
    "TIME",
    "HELP",
    "HELP JOIN",
    "LINKS",
    "LIST >0",
    "WHO * %na",
    "RENAME #general #x",
    "WALLOPS :x",
    "BATCH +1 draft/multiline #general",
    "SEARCH text=secret",
    "KILL bob :x",
    "REHASH",
    "DIE",
    "FNORD",
    "AUTHENTICATED",
}


def plain(name: str = "alice", password: str = PASSWORD) -> str:
    return "AUTHENTICATE " + base64.b64encode(f"\0{name}\0{password}".encode()).decode()


STATES = {
    "fresh": [],
    "named": ["NICK alice"],
    "negotiating": ["CAP LS 302"],
    "negotiated": ["CAP LS 302", f"CAP REQ :sasl {ALL_CAPS}"],
    "during SASL": ["CAP REQ :sasl", "AUTHENTICATE PLAIN"],
    "in the middle of a SASL response": ["CAP REQ :sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE " + "A" * 400],
    "after SASL was aborted": ["CAP REQ :sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE *"],
    "after SASL failed": ["CAP REQ :sasl", "AUTHENTICATE PLAIN", plain(password="wrong")],
    "after SASL, not named": [f"CAP REQ :sasl {ALL_CAPS}", "AUTHENTICATE PLAIN", plain(), "CAP END"],
    "after SASL and NICK": ["CAP REQ :sasl", "AUTHENTICATE PLAIN", plain(), "CAP END", "NICK alice"],
    "after SASL, not done negotiating": ["CAP REQ :sasl", "AUTHENTICATE PLAIN", plain(), "NICK alice", "USER a 0 * :a"],
    "with a password kept": [f"PASS alice:{PASSWORD}", "NICK alice"],
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        await server.add("bob", "alice")
        yield server


async def talk_until_done(bob: RawClient, done: asyncio.Event) -> int:
    """Have bob do everything that others could see, over and over; return how many lines he had of it."""
    count = 0
    while True:
        count += len(
            await bob.ask(
                "PRIVMSG #general :secret words",
                "PRIVMSG alice :for you alone",
                "TOPIC #general :secret plans",
                "JOIN #other",
                "INVITE alice #other",
                "PART #other",
                "AWAY :lunch",
                "AWAY",
                "MODE #general +i",
                "MODE #general -i",
            )
        )
        if done.is_set():
            return count


def test_every_command_there_is_was_thought_of() -> None:
    assert set(COMMANDS) == ALLOWED | {line.split()[0] for line in FORBIDDEN if line.split()[0] in COMMANDS}


@pytest.mark.parametrize("state", STATES)
async def test_who_has_not_signed_in_gets_451_and_not_a_byte_of_the_chat(server: RunningServer, state: str) -> None:
    bob = await server.sign_in("bob")
    stranger = await server.connect()
    await stranger.ask(*STATES[state])
    done = asyncio.Event()
    talking = asyncio.create_task(talk_until_done(bob, done))
    for line in sorted(FORBIDDEN):
        answer = await stranger.ask(line)
        assert [(reply.command, reply.params[1:]) for reply in answer] == [("451", ("Sign in first",))], line
    done.set()
    assert await talking > 5
    assert await stranger.fence() == []
    account = server.node.world.directory.account_named("alice")
    assert [channel.name for channel in server.node.world.directory.channels_of(account.id)] == ["#general"]


@pytest.mark.parametrize("state", ["fresh", "after SASL, not named"])
async def test_a_list_of_targets_before_sign_in_is_refused_too(server: RunningServer, state: str) -> None:
    stranger = await server.connect()
    await stranger.ask(*STATES[state])
    answer = await stranger.ask("JOIN #general,#other", "PRIVMSG bob,#general :x")
    assert {reply.command for reply in answer} == {"451"}


async def test_a_member_would_have_seen_all_of_it(server: RunningServer) -> None:
    bob = await server.sign_in("bob")
    alice = await server.sign_in("alice")
    done = asyncio.Event()
    done.set()
    await talk_until_done(bob, done)
    seen = {line.command for line in await alice.fence()}
    assert seen == {"PRIVMSG", "TOPIC", "AWAY", "INVITE", "MODE"}


@pytest.mark.parametrize(
    "data",
    [
        b"NICK alice\r\nUSER alice 0 * :alice\r\nJOIN #general\r\n",
        b"CAP LS 302\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16" + b"NICK alice\r\n" * 20,
        b"\x16\x03\x01\xff\xff" + b"x" * 200,
        b"\x16\x03\x01\x00\x05hello\r\n",
        b"\x15\x03\x01\x00\x02\x01\x00",
        b"\x80\x2e\x01\x00\x02\x00\x15",
        b"\xff\xfe\r\n",
        b"\r\n",
        b"\0",
    ],
)
async def test_a_plaintext_connection_gets_not_one_byte(server: RunningServer, data: bytes) -> None:
    bob = await server.sign_in("bob")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    await bob.ask("PRIVMSG #general :in private")
    if data.startswith((b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\x00\x05")):
        writer.write_eof()
    async with asyncio.timeout(10):
        try:
            got = await reader.read()
        except ConnectionResetError:
            got = b""
    # A TLS alert answers what does begin like TLS; nothing of ours is in it.
    assert got == b"" or (data.startswith(b"\x16\x03") and got[:1] == b"\x15" and len(got) == 7)
    writer.close()

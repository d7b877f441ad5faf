"""What bad input gets: the numeric or FAIL that the specifications name, and nobody else hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from securechat.wire.message import Message
from tests.server.harness import RawClient, RunningServer, running_server

TEXT_LIMIT = 510
"""Bytes of a line without its tags and without CR LF. (Modern IRC, Message Format)"""
TAG_LIMIT = 4094
"""Bytes of a client's tags, without `@` and the space behind them. (IRCv3 message-tags, Size limit)"""
ALICES_ROOM = TEXT_LIMIT - len(":alice!alice@securechat PRIVMSG #general :")


def shape(line: Message) -> tuple[str, ...]:
    """Return a line without its tags and without the words for people at its end."""
    return (line.command, *line.params[:-1])


class Scene:
    """Alice, who misbehaves, and bob, who must not notice; #closed, #secret and #quiet are bob's."""

    def __init__(self, server: RunningServer, alice: RawClient, bob: RawClient) -> None:
        self.server = server
        self.alice = alice
        self.bob = bob

    async def gets(self, data: bytes) -> list[tuple[str, ...]]:
        """Return what alice is answered; bob must have heard nothing by then, and both still talk."""
        self.alice.send_bytes(data)
        answer = await self.alice.fence()
        assert await self.bob.fence() == []
        return [shape(line) for line in answer]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with running_server(tmp_path) as server:
        await server.add("bob", "alice")
        bob = await server.sign_in("bob")
        await bob.ask("JOIN #closed", "MODE #closed +i", "JOIN #locked", "MODE #locked +k key")
        await bob.ask("JOIN #secret", "MODE #secret +is", "JOIN #quiet", "MODE #quiet +m")
        alice = await server.sign_in("alice")
        await alice.ask("JOIN #quiet")
        await bob.fence()
        yield Scene(server, alice, bob)


OVERLONG = [
    (b"PRIVMSG #general :" + b"x" * TEXT_LIMIT + b"\r\n", "417"),
    (b"P" * (TEXT_LIMIT + 1) + b"\r\n", "417"),
    (b"x" * 100_000 + b"\r\n", "417"),
    (b"@+x=" + b"y" * (TAG_LIMIT - 2) + b" PRIVMSG #general :x\r\n", "417"),
    (b"@" + b"y" * 50_000 + b"\r\n", "417"),
    (b"@+x=y PRIVMSG #general :" + b"x" * TEXT_LIMIT + b"\r\n", "417"),
    (b"PRIVMSG #general :" + b"x" * (ALICES_ROOM + 1) + b"\r\n", "417"),
    (b"PRIVMSG #general :" + "é".encode() * (ALICES_ROOM // 2 + 1) + b"\r\n", "417"),
    (b"TOPIC #general :" + b"x" * 301 + b"\r\n", "417"),
    (b"AWAY :" + b"x" * 301 + b"\r\n", "417"),
    (b"PART #general :" + b"x" * 301 + b"\r\n", "417"),
]


@pytest.mark.parametrize(("data", "numeric"), OVERLONG)
async def test_what_is_too_long_is_refused_whole_and_never_cut(scene: Scene, data: bytes, numeric: str) -> None:
    assert await scene.gets(data) == [(numeric, "alice")]


async def test_text_that_just_fits_the_line_it_will_be_is_relayed_whole(scene: Scene) -> None:
    text = "x" * ALICES_ROOM
    echo = await scene.alice.ask(f"PRIVMSG #general :{text}")
    heard = await scene.bob.fence()
    assert [line.params for line in echo] == [("#general", text)]
    assert [line.params for line in heard] == [("#general", text)]


async def test_tags_of_the_longest_allowed_length_are_relayed_whole(scene: Scene) -> None:
    value = "y" * (TAG_LIMIT - len("+x="))
    await scene.alice.ask(f"@+x={value} PRIVMSG #general :hello")
    (heard,) = await scene.bob.fence()
    assert heard.params == ("#general", "hello")
    assert heard.tags["+x"] == value


async def test_a_line_of_exactly_512_bytes_is_taken(scene: Scene) -> None:
    line = b"JOIN #quiet :" + b"x" * (TEXT_LIMIT - len(b"JOIN #quiet :"))
    assert await scene.gets(line + b"\r\n") == []


NOT_UTF8 = [
    (b"PRIVMSG #general :caf\xe9\r\n", ("FAIL", "PRIVMSG", "INVALID_UTF8")),
    (b"@+x=\xff PRIVMSG #general :x\r\n", ("FAIL", "PRIVMSG", "INVALID_UTF8")),
    (b"PRIVMSG #g\xed\xa0\x80 :a surrogate\r\n", ("FAIL", "PRIVMSG", "INVALID_UTF8")),
    (b"PRIVMSG #general :\xc0\xaf overlong\r\n", ("FAIL", "PRIVMSG", "INVALID_UTF8")),
    (b"\xfe\xff\r\n", ("FAIL", "*", "INVALID_UTF8")),
]


@pytest.mark.parametrize(("data", "answer"), NOT_UTF8)
async def test_what_is_not_utf8_fails_by_name(scene: Scene, data: bytes, answer: tuple[str, ...]) -> None:
    assert await scene.gets(data) == [answer]


MALFORMED = [
    (b"PRIVMSG #general :a\0b\r\n", [("FAIL", "*", "INVALID_MESSAGE")]),
    (b":somebody\r\n", [("FAIL", "*", "INVALID_MESSAGE")]),
    (b"@only=tags\r\n", [("FAIL", "*", "INVALID_MESSAGE")]),
    (b"\r\n\r\n  \r\n\n", []),
    (b"NICK alice\rNICK alice\r", []),
    (b"JOIN\rPART\n", [("461", "alice", "JOIN"), ("461", "alice", "PART")]),
]


@pytest.mark.parametrize(("data", "answers"), MALFORMED)
async def test_a_line_that_is_no_message_is_answered_in_its_place(
    scene: Scene, data: bytes, answers: list[tuple[str, ...]]
) -> None:
    assert await scene.gets(data) == answers


async def test_a_lone_cr_ends_a_line_and_cannot_smuggle_one_into_anothers_screen(scene: Scene) -> None:
    scene.alice.send_bytes(b"PRIVMSG #general :hello\rPRIVMSG #general :again\r\n")
    await scene.alice.fence()
    heard = await scene.bob.fence()
    assert [line.params for line in heard] == [("#general", "hello"), ("#general", "again")]
    assert {line.source for line in heard} == {"alice!alice@securechat"}


async def test_a_source_and_server_tags_that_a_client_makes_up_are_not_believed(scene: Scene) -> None:
    await scene.alice.ask("@time=1970-01-01T00:00:00.000Z;account=bob;msgid=mine :bob!bob@securechat PRIVMSG bob :hi")
    (heard,) = await scene.bob.fence()
    assert heard.source == "alice!alice@securechat"
    assert heard.tags["account"] == "alice"
    assert heard.tags["msgid"] != "mine"
    assert not heard.tags["time"].startswith("1970")


# What is sent, and what comes back, each line as its command and all parameters but the last.
REFUSED = [
    ("FNORD x y", [("421", "alice", "FNORD")]),
    ("FNÖRD", [("421", "alice", "FNÖRD")]),
    ("X" * 400, [("421", "alice", "*")]),
    ("OPER root toor", [("491", "alice")]),
    ("JOIN", [("461", "alice", "JOIN")]),
    ("KICK #general", [("461", "alice", "KICK")]),
    ("TOPIC", [("461", "alice", "TOPIC")]),
    ("PING", [("461", "alice", "PING")]),
    ("CAP", [("461", "alice", "CAP")]),
    ("CAP NONSENSE", [("410", "alice", "NONSENSE")]),
    ("CAP REQ :fnord", [("CAP", "alice", "NAK")]),
    ("CAP REQ :batch fnord", [("CAP", "alice", "NAK")]),
    ("PRIVMSG", [("411", "alice")]),
    ("PRIVMSG :", [("411", "alice")]),
    ("PRIVMSG #general", [("412", "alice")]),
    ("PRIVMSG #general :", [("412", "alice")]),
    ("PRIVMSG nobody :x", [("401", "alice", "nobody")]),
    ("PRIVMSG #nowhere :x", [("403", "alice", "#nowhere")]),
    ("PRIVMSG #secret :x", [("403", "alice", "#secret")]),
    ("PRIVMSG #closed :x", [("404", "alice", "#closed")]),
    ("PRIVMSG #quiet :x", [("404", "alice", "#quiet")]),
    ("PRIVMSG bob,bob,a,b,c,d,e,f,g,h :x", [("407", "alice", "bob,bob,a,b,c,d,e,f,g,h")]),
    ("NOTICE bob,bob,a,b,c,d,e,f,g,h :x", []),
    ("NOTICE", []),
    ("JOIN general", [("403", "alice", "general")]),
    ("JOIN #", [("403", "alice", "#")]),
    ("JOIN #a\x07b", [("403", "alice", "#a\x07b")]),
    ("JOIN #a\u202eb", [("403", "alice", "#a\u202eb")]),
    ("JOIN #" + "x" * 200, [("403", "alice", "*")]),
    ("JOIN :#with space", [("403", "alice", "*")]),
    ("JOIN :", [("403", "alice", "*")]),
    ("JOIN #closed", [("473", "alice", "#closed")]),
    ("JOIN #locked", [("475", "alice", "#locked")]),
    ("JOIN #locked wrong", [("475", "alice", "#locked")]),
    ("JOIN #secret", [("403", "alice", "#secret")]),
    ("PART #closed", [("442", "alice", "#closed")]),
    ("PART #nowhere", [("403", "alice", "#nowhere")]),
    ("KICK #general bob", [("482", "alice", "#general")]),
    ("KICK #quiet nobody", [("401", "alice", "nobody")]),
    ("KICK #closed bob", [("442", "alice", "#closed")]),
    ("INVITE nobody #general", [("401", "alice", "nobody")]),
    ("INVITE bob #general", [("443", "alice", "bob", "#general")]),
    ("INVITE bob #closed", [("442", "alice", "#closed")]),
    ("TOPIC #general :mine", [("482", "alice", "#general")]),
    ("TOPIC #closed", [("442", "alice", "#closed")]),
    ("MODE #general +m", [("482", "alice", "#general")]),
    ("MODE #general +o alice", [("482", "alice", "#general")]),
    ("MODE #closed +m", [("442", "alice", "#closed")]),
    ("MODE bob +x", [("502", "alice")]),
    ("MODE alice +x", [("501", "alice")]),
    ("NICK bob", [("447", "alice")]),
    ("NICK root", [("447", "alice")]),
    ("NICK", [("431", "alice")]),
    ("USER a 0 * :b", [("462", "alice")]),
    ("PASS alice:x", [("462", "alice")]),
    ("AUTHENTICATE PLAIN", [("907", "alice")]),
    ("WHOIS nobody", [("401", "alice", "nobody"), ("318", "alice", "nobody")]),
    ("CHATHISTORY", [("FAIL", "CHATHISTORY", "INVALID_PARAMS", "*")]),
    ("CHATHISTORY NEVER #general * 5", [("FAIL", "CHATHISTORY", "INVALID_PARAMS", "NEVER")]),
    ("CHATHISTORY LATEST #general *", [("FAIL", "CHATHISTORY", "INVALID_PARAMS", "LATEST")]),
    ("ACCOUNT NONSENSE", [("FAIL", "ACCOUNT", "UNKNOWN_SUBCOMMAND")]),
]


@pytest.mark.parametrize(("line", "answers"), REFUSED)
async def test_a_refused_command_gets_its_reply_and_reaches_nobody(
    scene: Scene, line: str, answers: list[tuple[str, ...]]
) -> None:
    assert await scene.gets(f"{line}\r\n".encode()) == answers


async def test_the_observer_would_have_noticed(scene: Scene) -> None:
    with pytest.raises(AssertionError):
        await scene.gets(b"PRIVMSG #general :something good\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"PING :" + b"x" * 504 + b"\r\n",
        b"A" * 509 + b"\xff\r\n",
        b"A" * 500 + b" \xff\r\n",
        b"B" * 510 + b"\r\n",
        b"CAP " + b"C" * 500 + b"\r\n",
        b"CAP REQ :" + b"d" * 490 + b"\r\n",
        b"JOIN :" + b"e" * 504 + b"\r\n",
        b"MODE " + b"f" * 505 + b"\r\n",
        b"WHO " + b"g" * 500 + b"\r\n",
        b"WHOIS " + b"h" * 500 + b"\r\n",
        b"CHATHISTORY " + b"i" * 490 + b"\r\n",
        b"KICK " + b"j" * 250 + b" " + b"k" * 250 + b"\r\n",
    ],
)
async def test_no_answer_is_longer_than_a_line_may_be(scene: Scene, data: bytes) -> None:
    scene.alice.send_bytes(data + b"VERSION\r\n")
    while not (line := await scene.alice.reader.readline()).startswith(b":chat.example 351 "):
        assert len(line) <= 512


async def test_the_last_words_to_who_quits_with_a_long_reason_fit_a_line(scene: Scene) -> None:
    scene.alice.send("QUIT :" + "x" * 504)
    while line := await scene.alice.reader.readline():
        assert len(line) <= 512

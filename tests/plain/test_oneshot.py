"""send, tail and history as processes against a scripted server: output, exit codes, nothing twice."""

from __future__ import annotations

import asyncio
import json
import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.client.fakeserver import FakeServer
from tests.plain.program import Program

MakeProgram = Callable[..., Program]


async def test_send_exits_with_0_once_its_text_is_stored(server: FakeServer, program: MakeProgram) -> None:
    assert await program("send", "#general", "hello there").run() == (0, "", "")
    assert [(message.target, message.text) for message in server.stored] == [("#general", "hello there")]


async def test_send_reads_the_password_from_the_first_line_and_the_text_from_the_others(
    server: FakeServer, program: MakeProgram
) -> None:
    outcome = await program("send", "bob", "--password-stdin", sign_in=False).run(b"secret\none\n\ntwo\nthr\xc3\xa9e")
    assert outcome == (0, "", "")
    assert [message.text for message in server.stored] == ["one", "two", "thrée"]


async def test_send_survives_a_cut_before_the_echo_and_sends_nothing_twice(
    server: FakeServer, program: MakeProgram
) -> None:
    server.cut_after_storing.add("two")
    server.cut_before_storing.add("three")
    outcome = await program("send", "#general").run(b"one\ntwo\nthree\nfour\n")
    assert outcome.code == 0
    assert outcome.err.count("connection lost") == 2
    assert [message.text for message in server.stored] == ["one", "two", "three", "four"]


async def test_send_repeated_with_the_same_id_stores_nothing_new(server: FakeServer, program: MakeProgram) -> None:
    key = str(uuid.uuid4())
    for _ in range(2):
        assert (await program("send", "#general", "--id", key).run(b"one\ntwo\n")).code == 0
    assert [message.text for message in server.stored] == ["one", "two"]
    assert server.stored[0].id == key
    # Control: another id is another message.
    assert (await program("send", "#general", "one").run()).code == 0
    assert [message.text for message in server.stored] == ["one", "two", "one"]


async def test_send_exits_with_1_when_a_message_is_refused_and_says_which(
    server: FakeServer, program: MakeProgram
) -> None:
    server.refused["bad"] = "404 alice #general :Cannot \x1b[31msend"
    outcome = await program("send", "#general").run(b"good\nbad\nfine\n")
    assert outcome.code == 1
    assert outcome.err == "securechat-client: message 2 to #general was refused: Cannot ^[[31msend\n"
    assert [message.text for message in server.stored] == ["good", "fine"]


@pytest.mark.parametrize("text", [b"x" * 500, b"not \xff UTF-8", b"nul \0 inside"])
async def test_send_stops_at_what_cannot_be_sent(server: FakeServer, program: MakeProgram, text: bytes) -> None:
    outcome = await program("send", "#general").run(b"one\n" + text + b"\nthree\n")
    assert outcome.code == 1
    assert outcome.err.startswith("securechat-client: message 2: ")
    assert outcome.err.endswith("; it and what follows was not sent\n")
    assert [message.text for message in server.stored] == ["one"]


async def test_a_wrong_password_is_exit_20_with_its_cause_and_remedy(program: MakeProgram) -> None:
    outcome = await program("send", "#general", "hi", "--password-stdin", sign_in=False).run(b"wrong\n")
    assert outcome.code == 20
    assert outcome.out == ""
    assert "does not let alice in: wrong name or password (SASL authentication failed, 904)" in outcome.err
    assert outcome.err.count("\n") == 2


async def test_a_wrong_ca_is_exit_10_and_nothing_is_sent(program: MakeProgram, tmp_path: Path) -> None:
    async with FakeServer(trustme.CA()) as stranger:
        outcome = await program("send", "#general", "hi", server=f"localhost:{stranger.port}").run()
        assert stranger.received == b""
    assert outcome.code == 10
    assert "not from a CA that you trust" in outcome.err
    assert outcome.err.count("\n") == 2


async def test_no_server_is_exit_3(server: FakeServer, program: MakeProgram) -> None:
    await server.stop()
    for words in (("send", "#general", "hi"), ("tail", "#general"), ("history", "#general"), ()):
        outcome = await program(*words).run()
        assert outcome.code == 3
        assert "nothing listens there" in outcome.err
        assert outcome.err.count("\n") == 2


MISUSES = [
    (["send"], "Missing argument 'TARGET'"),
    (
        ["send", "#a,#b", "hi", "--server", "localhost", "--user", "alice", "--token-file", "TOKEN"],
        "neither one #channel",
    ),
    (["send", "#a", "hi", "--user", "alice"], "no server"),
    (["send", "#a", "hi", "--server", "localhost"], "no name"),
    (["send", "#a", "hi", "--server", "localhost", "--user", "alice"], "no password"),
    (["send", "#a", "hi", "--server", "localhost:x", "--user", "alice"], "the port must be a number"),
    (["send", "#a", "hi", "--server", "localhost:00000199999", "--user", "alice"], "the port must be a number"),
    (["tail", "#a", "--server", "::1", "--user", "alice"], "brackets"),
    (["tail", "#a", "--server", "localhost", "--user", "a b", "--token-file", "TOKEN"], "is no account name"),
    (["tail", "#a", "--server", "localhost", "--user", "alice", "--token-file", "/nowhere"], "token file /nowhere"),
    (["tail", "#a", "--server", "localhost", "--user", "alice", "--ca", "/nowhere"], "CA file /nowhere"),
    (["send", "#a", "hi", "--id", "7", "--server", "localhost", "--user", "alice", "--token-file", "TOKEN"], "no UUID"),
    (
        ["tail", "#a", "--since", "a b", "--server", "localhost", "--user", "alice", "--token-file", "TOKEN"],
        "nor a time",
    ),
    (["history", "#a", "--limit", "0"], "Invalid value for '--limit'"),
    (["localhost", "extra"], "unexpected extra argument"),
    (["--nonsense"], "No such option"),
    ([], "no server"),
]


@pytest.mark.parametrize(("words", "said"), MISUSES)
async def test_misuse_is_exit_2_and_says_what_is_wrong(tmp_path: Path, words: list[str], said: str) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("secret\n")
    outcome = await Program([str(token) if word == "TOKEN" else word for word in words]).run()
    assert outcome.code == 2
    assert outcome.out == ""
    assert said in outcome.err
    assert "Traceback" not in outcome.err


async def test_help_names_every_form() -> None:
    outcome = await Program(["--help"]).run()
    assert outcome.code == 0
    for word in (
        "[HOST[:PORT]]",
        "--ca",
        "--user",
        "--password-stdin",
        "--token-file",
        "--plain",
        "send",
        "tail",
        "history",
    ):
        assert word in outcome.out
    assert (await Program(["--version"]).run()).out.startswith("securechat-client ")


async def test_tail_prints_one_object_a_line_as_messages_come(server: FakeServer, program: MakeProgram) -> None:
    server.say("bob", "#general", "before")
    async with program("tail", "#general", "--json") as tail:
        await tail.read_until("following #general", err=True)
        server.say("bob", "#general", "grüße \x1b[31m")
        server.say("bob", "alice", "not this one")
        server.say("carol", "#general", "end")
        rows = [json.loads(line) for line in await tail.read_until('"end"')]
        tail.process.send_signal(signal.SIGINT)
        assert await tail.process.wait() == 130
    assert rows == [
        {
            "v": 1,
            "msgid": "m0002",
            "time": "2023-11-14T22:13:20.002Z",
            "target": "#general",
            "sender": "bob",
            "text": "grüße \x1b[31m",
            "command": "PRIVMSG",
        },
        {
            "v": 1,
            "msgid": "m0004",
            "time": "2023-11-14T22:13:20.004Z",
            "target": "#general",
            "sender": "carol",
            "text": "end",
            "command": "PRIVMSG",
        },
    ]


async def test_tail_writes_only_ascii_as_json_and_nothing_that_acts_on_a_terminal(
    server: FakeServer, program: MakeProgram
) -> None:
    async with program("tail", "#general", "--json") as as_json, program("tail", "#general") as as_lines:
        for tail in (as_json, as_lines):
            await tail.read_until("following", err=True)
        server.say("bob", "#general", "\x1b]52;c;x\x07\x9b\u202e end")
        (row,) = await as_json.read_until(' end"')
        (line,) = await as_lines.read_until("end")
    assert row.isascii()
    assert row.isprintable()
    assert line == "22:13 #general <bob> ^[]52;c;x^G<U+009B><U+202E> end"


async def test_tail_comes_back_without_a_gap_and_without_a_double(server: FakeServer, program: MakeProgram) -> None:
    async with program("tail", "#general", "--json") as tail:
        await tail.read_until("following", err=True)
        server.say("bob", "#general", "0")
        await tail.read_until('"text": "0"')
        server.cut_all()
        for number in range(1, 9):
            server.say("bob", "#general", str(number))
        await tail.read_until("connection lost", err=True)
        await server.until(lambda: server.present)
        server.say("bob", "#general", "end")
        rows = [json.loads(line) for line in await tail.read_until('"end"')]
    assert [row["text"] for row in rows] == ["1", "2", "3", "4", "5", "6", "7", "8", "end"]


@pytest.mark.parametrize("since", ["m0003", "2023-11-14T22:13:20.003Z"])
async def test_tail_begins_after_a_message_or_a_time(server: FakeServer, program: MakeProgram, since: str) -> None:
    for number in range(1, 11):
        server.say("bob", "#general", f"text {number}")
    async with program("tail", "#general", "--json", since=since) as tail:
        rows = [json.loads(line) for line in await tail.read_until("text 10")]
    assert [row["msgid"] for row in rows] == [f"m{number:04d}" for number in range(4, 11)]


async def test_tail_follows_a_person(server: FakeServer, program: MakeProgram) -> None:
    async with program("tail", "bob", "--json") as tail:
        await tail.read_until("following bob", err=True)
        server.say("bob", "alice", "to me")
        server.say("alice", "bob", "from me")
        rows = [json.loads(line) for line in await tail.read_until("from me")]
    assert [(row["sender"], row["target"], row["text"]) for row in rows] == [
        ("bob", "alice", "to me"),
        ("alice", "bob", "from me"),
    ]


@pytest.mark.parametrize("command", ["tail", "history"])
async def test_what_cannot_be_read_is_exit_1(program: MakeProgram, command: str) -> None:
    outcome = await program(command, "#secret").run()
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err == "securechat-client: #secret: Not found; are you a member, and is it written correctly?\n"


@pytest.mark.parametrize(("limit", "first"), [("1", 11), ("3", 9), ("5", 7), ("100", 1)])
async def test_history_prints_the_last_messages_oldest_first_over_several_pages(
    server: FakeServer, program: MakeProgram, limit: str, first: int
) -> None:
    for number in range(1, 12):
        server.say("bob", "#general", f"text {number}")
    outcome = await program("history", "#general", "--json", limit=limit).run()
    assert outcome.code == 0
    texts = [json.loads(line)["text"] for line in outcome.out.splitlines()]
    assert texts == [f"text {number}" for number in range(first, 12)]
    if limit == "1":
        outcome = await program("history", "#general", limit=limit).run()
        assert outcome.out == "22:13 #general <bob> text 11\n"


async def test_a_pipe_that_is_closed_ends_tail_quietly(server: FakeServer, program: MakeProgram) -> None:
    async with program("tail", "#general") as tail:
        await tail.read_until("following", err=True)
        assert tail.process.stdout is not None
        output = tail.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
        pipe = output.get_extra_info("pipe")
        output.close()
        while not pipe.closed:
            # A turn of the loop later: what is printed before that finds a reader.
            await asyncio.sleep(0)
        server.say("bob", "#general", "into the void")
        assert tail.process.stderr is not None
        assert b"Traceback" not in await tail.process.stderr.read()
        assert await tail.process.wait() == 1

"""Full, closed and silent: what the commands say when a stream or the server takes no part any more."""

from __future__ import annotations

import asyncio
import os
import shlex
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from securechat.client import Address, Link, Outgoing, build_context
from securechat.client.events import Disconnected
from securechat.errors import UnreachableError
from securechat.plain import export, oneshot
from securechat.plain.access import Access
from securechat.plain.line import Talk
from tests.client.fakeserver import FakeServer
from tests.plain.program import Outcome, Program

MakeProgram = Callable[..., Program]


async def run_redirected(program: Program, redirection: str, stdin: bytes = b"") -> Outcome:
    """Run a command line in a shell, with its streams redirected."""
    words = shlex.join([*program.command, *program.words])
    environment = {**os.environ, "TZ": "UTC", "PYTHONWARNINGS": "error"}
    process = await asyncio.create_subprocess_shell(
        f"exec {words} {redirection}", stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
    )
    out, err = await process.communicate(stdin)
    return Outcome(process.returncode or 0, out.decode(), err.decode())


FULL = "securechat-client: standard output: No space left on device"
CLOSED = "securechat-client: standard output is closed"


@pytest.mark.parametrize(("redirection", "said"), [(">/dev/full", FULL), (">&-", CLOSED)])
@pytest.mark.parametrize("words", [("history", "#general"), ("tail", "#general", "--since", "2020-01-01"), ()])
async def test_output_that_goes_nowhere_is_exit_1_and_one_line(
    server: FakeServer, program: MakeProgram, words: tuple[str, ...], redirection: str, said: str
) -> None:
    server.say("bob", "#general", "hello")
    outcome = await run_redirected(program(*words), redirection)
    talk = ("following", "-- connected")
    assert [line for line in outcome.err.splitlines() if not line.startswith(talk)] == [said]
    assert outcome.code == 1


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
async def test_what_is_said_of_ourselves_and_reaches_nobody_keeps_no_message_back(
    server: FakeServer, program: MakeProgram, redirection: str
) -> None:
    server.say("bob", "#general", "hello")
    outcome = await run_redirected(program(), redirection)
    assert outcome.code == 0
    assert "<bob> hello" in outcome.out


async def test_send_needs_no_standard_output_and_with_a_text_no_standard_input(
    server: FakeServer, program: MakeProgram
) -> None:
    assert await run_redirected(program("send", "#general", "hi"), ">&- <&-") == (0, "", "")
    assert [message.text for message in server.stored] == ["hi"]
    outcome = await run_redirected(program("send", "#general"), "<&-")
    assert outcome == (2, "", "securechat-client: standard input is closed\n")


@pytest.mark.parametrize(("words", "stdin"), [(("",), b""), ((), b""), ((), b"\n\n")])
async def test_send_without_any_text_is_exit_2(
    server: FakeServer, program: MakeProgram, words: tuple[str, ...], stdin: bytes
) -> None:
    outcome = await program("send", "#general", *words).run(stdin)
    assert outcome == (2, "", "securechat-client: there is nothing to send: the text is empty\n")
    assert server.stored == []


async def test_send_says_why_the_link_ended_for_good_and_that_nothing_is_confirmed(
    server: FakeServer, program: MakeProgram
) -> None:
    server.cut_before_storing.add("one")
    async with program("send", "#general") as sending:
        await server.until(lambda: server.present)
        server.passwords["alice"] = "changed"
        _, err = await sending.process.communicate(b"one\n")
        assert sending.process.returncode == 20
    assert b"message 1 to #general: not confirmed" in err
    assert b"wrong name or password (SASL authentication failed, 904)\n" in err
    assert b"Traceback" not in err


async def test_history_of_a_server_that_does_not_answer_is_unreachable(
    server: FakeServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oneshot, "PATIENCE", 0.05)
    server.deaf = True
    access = Access(Address("localhost", server.port), ca_file, "alice", "secret")
    with pytest.raises(UnreachableError, match="the server does not answer"):
        await oneshot.history(access, "#general", 5, as_json=False)


async def test_an_outage_and_an_unconfirmed_message_are_told_once_and_not_after_every_attempt(
    ca_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = Link(Address("localhost"), "alice", "secret", build_context(ca_file))
    talk = Talk(link)
    link.outbox.add(Outgoing("1", "#general", "on its way"))
    link.outbox.take_unsent()
    link.outbox.add(Outgoing("2", "#general", "written offline"))
    for _ in range(3):
        link.outbox.lose_connection()
        talk._take_event(Disconnected("gone", 1.0))
    captured = capsys.readouterr()
    assert captured.out == "?     #general <alice> on its way -- not confirmed; will be sent again, and stored once\n"
    assert captured.err.count("not connected: gone") == 1


@pytest.mark.parametrize(
    ("stdin", "said"),
    [(b"x" * 2_000_000, "a line of more than 1048576 bytes"), (b"\x7fELF\x02\xff\xfe", "not UTF-8")],
)
async def test_what_came_before_a_line_that_cannot_be_sent_is_confirmed(
    server: FakeServer, program: MakeProgram, stdin: bytes, said: str
) -> None:
    outcome = await program("send", "#general").run(b"one\ntwo\n" + stdin)
    assert outcome == (1, "", f"securechat-client: message 3: {said}; it and what follows was not sent\n")
    assert [message.text for message in server.stored] == ["one", "two"]


@pytest.mark.parametrize("options", [[], ["--password-stdin"]])
async def test_a_standard_input_that_cannot_be_read_is_one_line(
    program: MakeProgram, tmp_path: Path, options: list[str]
) -> None:
    outcome = await run_redirected(program("send", "#general", *options, sign_in=not options), f"0>{tmp_path / 'new'}")
    assert outcome.code == (2 if options else 1)
    assert "cannot be read: Bad file descriptor" in outcome.err
    assert outcome.err.count("\n") == 1


async def test_the_exit_code_is_the_same_when_nobody_can_read_why(server: FakeServer, program: MakeProgram) -> None:
    server.refusal = ":irc.test 902 * :This account is disabled"
    assert (await run_redirected(program("send", "#general", "hi"), "2>/dev/full")).code == 21
    assert (await run_redirected(program("send", "#general", "hi"), "2>&-")).code == 21


async def test_a_server_that_stores_nothing_is_waited_for_once_and_not_for_each_message(
    server: FakeServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def list_lines(_: str | None) -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"line %d" % number

    monkeypatch.setattr(oneshot, "PATIENCE", 0.5)
    monkeypatch.setattr(oneshot, "MAX_UNCONFIRMED", 20)
    monkeypatch.setattr(oneshot, "_lines_of", list_lines)
    server._on_privmsg = lambda *_: None  # type: ignore[method-assign, assignment]
    access = Access(Address("localhost", server.port), ca_file, "alice", "secret")
    async with asyncio.timeout(5):
        assert await oneshot.send(access, "#general", None, None) == 3
    said = capsys.readouterr().err.splitlines()
    assert sum("not confirmed" in line for line in said) == 20
    assert "securechat-client: what follows message 20 was not sent" in said


async def test_an_export_from_a_server_that_does_not_answer_is_unreachable(
    server: FakeServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PATIENCE", 0.05)
    server.deaf = True
    access = Access(Address("localhost", server.port), ca_file, "alice", "secret")
    with pytest.raises(UnreachableError, match="the server does not answer"):
        await export.export(access, ["#general"], None)

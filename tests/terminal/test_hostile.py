"""Whatever a server or a person sends, nothing acts on the terminal but what is ours."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.client.fakeserver import FakeServer
from tests.terminal.screen import Terminal, foreign_controls

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b[6n\x1bP+q\x1b\\\x9b2J\x9d0;t\x9c\u202e\u2066\u200f\u200b\x08\x0b\x0c\x0e\x7f\x00"[
    :-1
]
"""OSC 52, erasure, questions to the terminal, C1, bidi, invisible characters, backspace; no NUL: no line has one."""
FLOOD = "z" + "\u0301" * 120
MARKUP = "<ansired>red</ansired> <style bg='red'>x</style> \x01\x02 [ZeroWidthEscape] %s {0} &amp;"


PROGRAM = "from securechat.cli.client import main; main()"
BLIND = f"import securechat.plain.visible as visible; visible.show = lambda text: text; {PROGRAM}"


@pytest.fixture
async def sit_down(server: FakeServer, ca_file: Path, tmp_path: Path) -> AsyncIterator[Callable[[str], Terminal]]:
    """Yield what starts a client of the scripted server, on a terminal of 60 columns."""
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("secret\n")
    options = {"server": f"localhost:{server.port}", "ca": str(ca_file), "user": "alice", "token-file": str(token)}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    environment = {"TERM": "xterm-256color", "PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8"}
    started: list[Terminal] = []

    def start(program: str) -> Terminal:
        command = [sys.executable, "-c", program, *words]
        started.append(Terminal(command, {**environment, "HOME": str(tmp_path)}, columns=60))
        return started[-1]

    yield start
    for terminal in started:
        await asyncio.to_thread(terminal.kill)


def lines_with(text: str) -> list[str]:
    """Return lines of a server with `text` in every place that has one."""
    word = text.replace(" ", "\u00a0")
    return [
        f":{word}!{word}@{word} PRIVMSG #general :{text}",
        f":bob!b@c PRIVMSG #{word} :{text}",
        f":bob!b@c PRIVMSG alice :alice {text}",
        f":{word}!b@c NOTICE alice :{text}",
        f":{word} NOTICE alice :{text}",
        f":bob!b@c PRIVMSG #general :\x01ACTION {text}\x01",
        f"@+draft/reply={word} :bob!b@c PRIVMSG #general :{text}",
        f":{word}!a@b JOIN #general",
        f":{word}!a@b PART #general :{text}",
        f":bob!b@c KICK #general {word} :{text}",
        f":{word}!a@b QUIT :{text}",
        f":{word}!a@b NICK {word}",
        f":{word}!a@b TOPIC #general :{text}",
        f":irc.test 332 alice #general :{text}",
        f":irc.test 353 alice = #general :{word} @{word}",
        ":irc.test 366 alice #general :end",
        f":{word}!a@b AWAY :{text}",
        f":{word}!a@b MODE #general +{word} {word}",
        f":{word}!a@b INVITE alice #{word}",
        f":irc.test 352 alice #{word} u h s {word} H{word} :0 {text}",
        f":irc.test 315 alice {word} :end",
        f":irc.test 311 alice {word} {word} {word} * :{text}",
        f":irc.test 319 alice {word} :{text}",
        f":irc.test 301 alice {word} :{text}",
        f":irc.test 318 alice {word} :end",
        f":irc.test 322 alice #{word} {word} :{text}",
        ":irc.test 323 alice :end",
        f":irc.test 367 alice #{word} {word} {word} {word}",
        f":irc.test 368 alice #{word} :end",
        f":irc.test 372 alice :- {text}",
        f":irc.test 473 alice #{word} :{text}",
        f":irc.test 999 alice {word} :{text}",
        f"FAIL {word} {word} {word} :{text}",
        f"WARN {word} {word} :{text}",
        f"NOTE {word} {word} :{text}",
        f"NOTE ACCOUNT DEVICE {word} {word} {word} :{text}",
        "NOTE ACCOUNT END_OF_DEVICES :end",
        f"NOTE ACCOUNT EXPORT 1 :{text}",
        f"NOTE ACCOUNT END_OF_EXPORT :{text}",
    ]


async def say_everything(server: FakeServer, client: Terminal, text: str) -> None:
    """Have the server send hostile lines of every kind, and Tab offer what is in them."""
    await asyncio.to_thread(client.wait_for, "members:")
    client.type("/set bell off\r")
    await asyncio.to_thread(client.wait_for, "bell is off")
    lines = lines_with(text)
    for number, line in enumerate(lines):
        server.guests[0].tell(line, f":bob!b@c PRIVMSG #general :end {number}")
    await asyncio.to_thread(client.wait_for, f"<bob> end {len(lines) - 1}")
    client.type("hi \t\tb\t\t#\t\t\r")
    server.guests[0].tell(f"ERROR :{text}")
    await asyncio.to_thread(client.wait_for, "connection lost")


@pytest.mark.parametrize(
    ("text", "shown"),
    [(EVIL, "^[]52;c;"), (FLOOD, "z" + "\u0301" * 4 + "<+116 marks>"), (MARKUP, "<ansired>red</ansired>")],
    ids=["controls", "flood", "markup"],
)
async def test_no_control_byte_that_is_not_ours_reaches_the_terminal(
    server: FakeServer, sit_down: Callable[[str], Terminal], text: str, shown: str
) -> None:
    client = await asyncio.to_thread(sit_down, PROGRAM)
    await say_everything(server, client, text)
    assert foreign_controls(client.recorded) == []
    assert "\u0301" * 5 not in client.text
    assert client.text.count(shown) > 20


async def test_control_a_client_that_shows_text_as_it_came_is_found_out(
    server: FakeServer, sit_down: Callable[[str], Terminal]
) -> None:
    client = await asyncio.to_thread(sit_down, BLIND)
    await say_everything(server, client, EVIL)
    assert {"\x9b", "\x07", "\u202e"} <= set(foreign_controls(client.recorded))


def test_control_the_recorder_sees_each_of_them() -> None:
    for character in set(EVIL) - set("\x1b]52;c;ZXZpbA==[2J6nP+q\\0t"):
        assert foreign_controls(f"text {character} text".encode()) == [character]
    for sequence in ("\x1b]52;c;x\x07", "\x1b[2J", "\x1b[6n", "\x1bP+q\x1b\\", "\x07"):
        assert foreign_controls(f"\x1b[?25l\x1b[1;31m{sequence}\x1b[0m".encode()) != []
    assert foreign_controls(b"\x1b[?2004h\x1b[3A\x1b[J\x1b[0;1mtext\r\n") == []

"""Labels that need escaping come back as they were meant, once, and break no line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adversarial.unguarded import without
from tests.fuzz.oracle import judged
from tests.server.harness import RunningServer, running_server
from tests.server.witness import Witness

# As a client writes it, and how it must come back: the same value, written the one way there is.
LABELS = [
    (r"a\sb", r"a\sb"),
    (r"a\:b", r"a\:b"),
    (r"a\\b", r"a\\b"),
    (r"a\rb\nc", r"a\rb\nc"),
    (r"a\r\n:chat.example\s001\swanda", r"a\r\n:chat.example\s001\swanda"),
    ("a\\", "a"),
    (r"a\bc", "abc"),
    (r"\\\\\s\:\r\n", r"\\\\\s\:\r\n"),
    ("a=b=c", "a=b=c"),
    ("a,b:c@d", "a,b:c@d"),
    ("\u00e9\u202e\U0001f600", "\u00e9\u202e\U0001f600"),
    ("\x1b[2J\x07", "\x1b[2J\x07"),
    ("x" * 64, "x" * 64),
]
COMMANDS = [
    "PING x",
    "PRIVMSG #general :hello",
    "NICK",
    "FNORD",
    "NAMES #general",
    "METADATA",
    "CHATHISTORY",
    "JOIN #a,#b",
]


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[tuple[RunningServer, Witness]]:
    async with running_server(tmp_path) as server:
        await server.add("wanda")
        yield server, await judged(server, "wanda", "message-tags batch labeled-response echo-message")


async def ask(witness: Witness, label: str, command: str) -> list[bytes]:
    """Attack: a command with this label. Return what came with a label, as bytes, up to a fence."""
    witness.send(f"@label={label} {command}", "PING fence")
    labelled = []
    while True:
        raw = await witness.reader.readline()
        assert raw.endswith(b"\r\n")
        if raw.startswith(b"@") and b"label=" in raw.split(b" ")[0]:
            labelled.append(raw.split(b" ")[0])
        witness.judge.hear(raw)
        if b" PONG " in raw and raw.endswith(b" fence\r\n"):
            return labelled


@pytest.mark.parametrize(("sent", "back"), LABELS)
async def test_each_label_comes_back_once_and_escaped(
    witness: tuple[RunningServer, Witness], sent: str, back: str
) -> None:
    """Expected: one line with the label for every command, whatever answers it, and no line that is malformed."""
    _, client = witness
    for command in COMMANDS:
        (tags,) = await ask(client, sent, command)
        assert f"label={back}" in tags[1:].decode().split(";"), command
    assert client.judge.faults == []


@pytest.mark.parametrize("label", ["", "\\", "x" * 4000])
async def test_a_label_that_is_empty_or_endless_breaks_nothing(
    witness: tuple[RunningServer, Witness], label: str
) -> None:
    _, client = witness
    for command in COMMANDS:
        assert len(await ask(client, label, command)) <= 1
    assert client.judge.faults == []


async def test_control_an_encoder_that_escapes_nothing_is_found(witness: tuple[RunningServer, Witness]) -> None:
    _, client = witness
    with without("lines-that-are-encoded"):
        labelled = await ask(client, r"a\sb\:c", "PING x")
    assert labelled != [rb"@label=a\sb\:c"]

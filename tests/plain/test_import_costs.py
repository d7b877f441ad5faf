"""What a client loads, seen in a process of its own that really does its work: every import is waited for by somebody."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.fakeserver import FakeServer
from tests.plain.program import Program
from tests.terminal.screen import Terminal

MakeProgram = Callable[..., Program]

RECORDING = (
    "import atexit, sys; bare = set(sys.modules); "
    "atexit.register(lambda: open({path!r}, 'w').write(' '.join(sorted(set(sys.modules) - bare)))); "
    "from securechat.cli.client import main; main()"
)
# Another module of ours in a script's way is a decision: put it here.
OURS = """
securechat
securechat.cli securechat.cli.client securechat.cli.exits
securechat.client securechat.client.address securechat.client.connection securechat.client.credentials
securechat.client.errors securechat.client.events securechat.client.gaps securechat.client.link
securechat.client.listings securechat.client.outbox securechat.client.private securechat.client.profile
securechat.client.session securechat.client.signin securechat.client.state securechat.client.timing
securechat.client.translate securechat.client.trust
securechat.errors
securechat.plain securechat.plain.access securechat.plain.asking securechat.plain.oneshot securechat.plain.printed
securechat.plain.typed securechat.plain.visible securechat.plain.wording
securechat.wire securechat.wire.batch securechat.wire.framing securechat.wire.message securechat.wire.names
securechat.wire.numerics securechat.wire.sasl securechat.wire.times
"""
THIRD_PARTY = {"click"}
SLOW = {"ctypes", "difflib", "email", "getpass", "http", "multiprocessing", "sqlite3", "tomllib", "unittest", "xml"}


def find_foreign(loaded: set[str]) -> set[str]:
    """Return the packages among loaded modules that neither Python nor we bring along."""
    tops = {name.partition(".")[0] for name in loaded}
    return {top for top in tops if top not in sys.stdlib_module_names and not top.startswith(("securechat", "__"))}


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the client write down what it has loaded when it ends, into this file."""
    path = tmp_path / "loaded"
    monkeypatch.setattr(Program, "command", [sys.executable, "-c", RECORDING.format(path=str(path))])
    return path


async def test_send_loads_what_it_needs_and_nothing_of_the_terminal(
    server: FakeServer, program: MakeProgram, record: Path
) -> None:
    assert (await program("send", "#general", "hello").run()).code == 0
    loaded = set(record.read_text().split())
    assert {name for name in loaded if name.partition(".")[0] == "securechat"} - set(OURS.split()) == set()
    assert find_foreign(loaded) == THIRD_PARTY
    assert loaded & SLOW == set()


@pytest.mark.parametrize("words", [("history", "#general"), ("--password-stdin",)])
async def test_without_a_terminal_nobody_loads_a_prompt_a_keyring_or_certificates(
    server: FakeServer, program: MakeProgram, record: Path, words: tuple[str, ...]
) -> None:
    outcome = await program(*words, sign_in="--password-stdin" not in words).run(b"secret\n")
    assert outcome.code == 0
    assert find_foreign(set(record.read_text().split())) <= THIRD_PARTY | {"wcwidth"}


async def test_a_terminal_with_a_token_in_a_file_loads_neither_keyring_nor_certificates(
    server: FakeServer, program: MakeProgram, record: Path, client_home: Path
) -> None:
    words = [*Program.command, *program(sign_in=False).words]

    def talk(*, password: bool) -> None:
        client = Terminal(words, {**os.environ, "TERM": "xterm"})
        try:
            if password:
                client.wait_for("Password of alice")
                client.wait_unseen()
                client.type("secret\r")
            client.wait_for("[#general]")
            client.type("/quit\r")
            assert client.wait_end() == 0
            assert ("Password" in client.text) is password
        finally:
            client.kill()

    for password in (True, False):
        await asyncio.to_thread(talk, password=password)
    foreign = find_foreign(set(record.read_text().split()))
    assert "prompt_toolkit" in foreign
    assert foreign & {"keyring", "cryptography", "msgspec", "jeepney", "secretstorage"} == set()

"""Whoever was in before sits down while the server is away, writes, and is connected when it is back."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from tests.scenario.processes import BIN, Programs, Server
from tests.terminal.conftest import Hall, SitDown
from tests.terminal.screen import Terminal
from tests.terminal.test_interruptions import building, prepared, start_again

__all__ = ["building", "prepared"]


def come_and_go(sit_down: SitDown) -> None:
    """Be in once, as alice."""
    alice = sit_down("alice")
    alice.wait_for("members:")
    alice.type("/quit\r")
    assert alice.wait_end() == 0


def check_home(home: Path, server: str) -> None:
    """Check that a client's home holds what the documentation lists, for nobody else to read."""
    names = {str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*")}
    mine = ("outbox-1.jsonl", "read.json", "settings.json", "token", "typed.json")
    files = dict.fromkeys(["profile.toml", *(f"{server}/alice/{name}" for name in mine)], 0o600)
    assert names == {**files, server: 0o700, f"{server}/alice": 0o700}
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
    assert all(f"`HOST_PORT/NAME/{name}`" in page for name in mine)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_it_starts_with_what_it_knows_and_says_what_was_typed_when_the_server_is_back(
    hall: Hall, sit_down: SitDown
) -> None:
    come_and_go(sit_down)
    hall.running.kill()
    leaving = sit_down("alice", wait="not connected: nothing listens there; trying again in ")
    leaving.wait_for("[#general, offline]")
    leaving.type("of the first evening\r")
    leaving.wait_for(".. #general of the first evening")
    leaving.kill()

    alice = sit_down("alice", wait="[#general, offline]")
    alice.wait_for("known from last time: #general")
    alice.wait_for("not connected yet; what you say in #general is sent when the server is there")
    alice.wait_for("1 message of last time was not confirmed; sent again when the server is\n   there, and stored once")
    alice.wait_for("? #general of the first evening")
    assert re.search(r"not connected: nothing listens there; trying again in \d+\.\d s", alice.text)
    alice.type("/switch #gen\t\r")
    alice.wait_for("you talk in #general now")
    alice.type("/join #elsewhere\r")
    alice.wait_for("not sent: no connection at the moment")
    alice.type("of the second\r")
    alice.wait_for(".. #general of the second")
    start_again(hall)
    end = alice.wait_for("connected to 127.0.0.1")
    alice.wait_for("<alice> of the second", end)
    alice.wait_for("[#general]", end)
    hall.send("bob", "#general", "there you are")
    alice.wait_for("<bob> there you are", end)
    assert "connection lost" not in alice.text
    alice.type("/quit\r")
    assert alice.wait_end() == 0
    assert hall.read("bob", "#general") == ["of the first evening", "of the second", "there you are"]


def test_on_a_dumb_terminal_it_says_the_same_in_lines(hall: Hall, sit_down: SitDown) -> None:
    come_and_go(sit_down)
    hall.running.kill()
    dumb = sit_down("alice", wait="not connected: ", TERM="dumb")
    dumb.type("hello\n")
    dumb.wait_for("<alice> hello -- will be sent when the connection is back")
    start_again(hall)
    dumb.wait_for("connected to 127.0.0.1")
    dumb.wait_for("#general <alice> hello\n")
    dumb.type("/quit\n")
    assert dumb.wait_end() == 0


def test_where_nothing_is_known_yet_it_is_exit_3(hall: Hall, sit_down: SitDown) -> None:
    hall.running.kill()
    stranger = sit_down("alice", wait="nothing listens there")
    assert stranger.wait_end() == 3
    assert "what to do: check that the server" in stranger.text
    assert "offline" not in stranger.text


def test_a_script_is_told_at_once_also_where_something_is_known(hall: Hall, sit_down: SitDown) -> None:
    come_and_go(sit_down)
    hall.running.kill()
    environment = {**hall.programs.environment, "HOME": str(hall.home)}
    hall.programs.environment = environment
    done = hall.programs.run("securechat-client", "--user", "alice", *hall.sign_in, stdin="hello\n")
    assert (done.code, done.out) == (3, "")


@pytest.mark.parametrize("comes_late", [False, True], ids=["it is there", "it comes later"])
def test_another_server_in_its_place_is_refused(
    hall: Hall, sit_down: SitDown, programs: Programs, tmp_path: Path, comes_late: bool
) -> None:
    come_and_go(sit_down)
    hall.running.kill()
    # The same address, another CA. What it gets to read is counted where it is scripted: tests/client.
    other = hall.programs.server(tmp_path / "other", port=int(hall.address.rpartition(":")[2]))
    if not comes_late:
        other.wait_ready()
    alice = sit_down("alice", wait="is not from a CA that you trust")
    assert alice.wait_end() == 10
    assert "Traceback" not in alice.text
    assert alice.echoes


def test_a_password_that_was_changed_meanwhile_ends_it(hall: Hall, sit_down: SitDown) -> None:
    come_and_go(sit_down)
    hall.running.kill()
    alice = sit_down("alice", wait="[#general, offline]")
    assert hall.programs.admin(hall.data, "user", "disable", "alice").code == 0
    start_again(hall)
    assert alice.wait_end() == 21
    assert "the account is disabled" in alice.text
    assert alice.echoes


def test_with_a_profile_and_a_token_nothing_needs_to_be_given(
    hall: Hall, sit_down: SitDown, programs: Programs, building: tuple[Programs, Path, Server]
) -> None:
    settings = {**hall.programs.environment, "TERM": "xterm", "HOME": str(hall.home)}
    settings["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    settings["PATH"] = os.environ["PATH"]
    client = str(BIN / "securechat-client")
    first = Terminal([client, hall.address, "--ca", str(hall.data / "ca.pem"), "--user", "alice"], settings)
    first.wait_for("Password of alice")
    first.wait_unseen()
    first.type(f"{(hall.data / 'token').read_text()}\r")
    first.wait_for("members:")
    # Nothing is in its notebook: the token alone says that it was here.
    first.kill()
    for path in hall.home.rglob("read.json"):
        path.unlink()
    hall.running.kill()
    again = Terminal([client], settings)
    again.wait_for("[nowhere, offline]")
    start_again(hall)
    again.wait_for("[#general]")
    again.type("/set bell off\rhere again\r")
    again.wait_for("<alice> here again")
    again.type("/quit\r")
    assert again.wait_end() == 0
    again.kill()
    check_home(hall.home / ".config" / "securechat", hall.address.replace(":", "_"))

"""Whoever is called something else from now on talks on, and the next start signs in by itself."""

from __future__ import annotations

from tests.scenario.processes import BIN, PASSWORD
from tests.terminal.conftest import Hall
from tests.terminal.screen import Terminal


def test_a_rename_while_one_talks_loses_no_echo_and_no_token(hall: Hall) -> None:
    settings = {**hall.programs.environment, "TERM": "xterm", "HOME": str(hall.home)}
    settings["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    command = [str(BIN / "securechat-client")]
    alice = Terminal([*command, hall.address, "--ca", str(hall.data / "ca.pem"), "--user", "alice"], settings)
    alice.wait_for("Password of alice")
    alice.wait_unseen()
    alice.type(f"{PASSWORD}\r")
    alice.wait_for("members:")
    alice.type("by the old name\r")
    alice.wait_for("<alice> by the old name")
    assert hall.programs.admin(hall.data, "user", "rename", "alice", "alicia").code == 0
    end = alice.wait_for("you are called alicia now, and this client signs in by that name from now on")
    alice.type("by the new one\r")
    alice.wait_for("<alicia> by the new one", end)
    alice.type("/quit\r")
    assert alice.wait_end() == 0
    assert "not confirmed" not in alice.text
    alice.kill()

    again = Terminal(command, settings)
    again.wait_for("as alicia")
    again.type("\x1b[A\x1b[A")
    again.wait_for("by the new one")
    again.type("\r/quit\r")
    assert again.wait_end() == 0
    again.kill()
    assert "Password" not in again.text
    assert hall.read("bob", "#general") == ["by the old name", "by the new one", "by the new one"]

"""Taking everything along and leaving for good, at a terminal and a real server."""

from __future__ import annotations

import json
import stat

from tests.scenario.processes import BIN, PASSWORD
from tests.terminal.conftest import Hall, SitDown
from tests.terminal.screen import Terminal


def test_export_writes_everything_into_a_private_file(hall: Hall, sit_down: SitDown) -> None:
    hall.send("alice", "#general", *(f"line {number} \u00e9 {'x' * 300}" for number in range(400)))
    hall.send("alice", "bob", "psst")
    alice = sit_down("alice")
    alice.wait_for("members:")
    path = hall.home / "mine.jsonl"
    alice.type(f"/export {path}\r")
    alice.wait_for("which only you can read")
    alice.type(f"/export {path}\r")
    alice.wait_for("File exists")
    alice.type("/quit\r")
    assert alice.wait_end() == 0
    rows = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rows[0]["type"] == "account"
    assert rows[0]["name"] == "alice"
    said = [row["text"] for row in rows if row["type"] == "message"]
    assert said[-1:] == ["psst"] or "psst" in said
    assert [text for text in said if text != "psst"] == [f"line {n} \u00e9 {'x' * 300}" for n in range(400)]
    done = hall.programs.run("securechat-client", "export", "--mine", "--user", "alice", *hall.sign_in)
    assert done.out == path.read_text("ascii")


def test_an_account_is_deleted_once_its_name_and_password_are_typed(hall: Hall, sit_down: SitDown) -> None:
    settings = {**hall.programs.environment, "TERM": "xterm", "HOME": str(hall.home)}
    settings["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    words = [str(BIN / "securechat-client"), hall.address, "--ca", str(hall.data / "ca.pem"), "--user", "carol"]
    carol = Terminal(words, settings)
    carol.wait_for("Password of carol")
    carol.wait_unseen()
    carol.type(f"{PASSWORD}\r")
    end = carol.wait_for("members:")
    (token,) = [path for path in hall.home.rglob("token") if path.parent.name == "carol"]
    for name, password, answer in (
        ("bob", None, "nothing is deleted"),
        ("carol", "not the password", "The password is wrong"),
        ("carol", PASSWORD, "your account is deleted"),
    ):
        carol.type("/delete\r")
        end = carol.wait_for("The account's name, if you mean it: ", end)
        carol.type(f"{name}\r")
        if password is not None:
            end = carol.wait_for("The password of carol: ", end)
            carol.type(f"{password}\r")
        end = carol.wait_for(answer, end)
    assert carol.wait_end() == 0
    assert carol.echoes
    carol.kill()
    assert PASSWORD not in carol.text
    assert "not the password" not in carol.text
    assert "Traceback" not in carol.text
    assert not token.exists()
    assert "carol" not in (next(hall.home.rglob("profile.toml"))).read_text()
    assert not [path for path in hall.home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    listed = json.loads(hall.programs.admin(hall.data, "user", "list", "--json").out)
    assert "carol" not in [account["name"] for account in listed]
    done = hall.programs.run("securechat-client", "history", "#general", "--user", "carol", *hall.sign_in)
    assert done.code == 20

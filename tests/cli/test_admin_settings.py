"""securechat-admin config: what a server would refuse to start with is told before it is tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.listing import list_directory
from tests.scenario.processes import Programs


def test_the_example_is_itself_good_and_every_setting_is_in_it(programs: Programs, tmp_path: Path) -> None:
    example = programs.admin(tmp_path, "config", "example")
    assert (example.code, example.err) == (0, [])
    assert "#password_length = 12" in example.out
    assert '#listen = ["0.0.0.0:6697","[::]:6697"]' in example.out
    (tmp_path / "config.toml").write_text(example.out.replace("#password_length = 12", "password_length = 16"))
    checked = programs.admin(tmp_path, "config", "check")
    assert (checked.code, checked.out, checked.err) == (0, "", [f"{tmp_path / 'config.toml'}: good"])
    as_json = programs.admin(tmp_path, "config", "check", "--json")
    assert json.loads(as_json.out) == {"file": str(tmp_path / "config.toml"), "exists": True, "faults": []}


def test_no_file_means_the_defaults_but_a_missing_directory_is_a_mistake(programs: Programs, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    checked = programs.admin(tmp_path, "config", "check")
    assert (checked.code, checked.err) == (0, [f"{path}: is not there, so every default holds"])
    for arguments in (["config", "check", str(path)], ["--data", str(tmp_path / "typo"), "config", "check"]):
        refused = programs.run("securechat-admin", *arguments)
        assert (refused.code, refused.out, len(refused.err)) == (2, "", 1)
    assert set(list_directory(tmp_path)) == {"home"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("listn = []", "unknown key listn; did you mean listen?"),
        ("[limits]\nhandshake = -1", "handshake"),
        ("listen = [", "is not valid TOML"),
        ('listen = ["localhost:port"]', "write HOST:PORT"),
        ('names = ["not a name"]', "'not a name' is neither a host name nor an IP address"),
        ('cert = "server.pem"', "cert and key belong together; give both or neither"),
        ('cert = "/no/such.pem"\nkey = "/no/such.key"', "/no/such.pem: no such file or directory"),
        (
            'listen = ["[::1]", "[::1]:6697,client-cert=optional"]',
            "listen: the same address stands there twice; remove one",
        ),
        ("[chat]\nabsence = inf", "chat.absence: has to end; write a number, however large"),
        ("[logs]\naddress_days = 99999999999999999999", "logs.address_days: Expected `int` <= 36500"),
        ('[chat]\ncontact = "a\\u0007b"', "chat.contact: holds control characters; remove them"),
        ('[chat]\ndefault_channels = ["general"]', "chat.default_channels: 'general' cannot be a channel"),
    ],
)
def test_what_a_server_would_refuse_is_one_line(programs: Programs, tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "new.toml"
    path.write_text(text)
    done = programs.admin(tmp_path, "config", "check", str(path))
    assert (done.code, done.out, len(done.err)) == (2, "", 1)
    assert done.err[0].startswith(f"securechat-admin: {path}: ")
    assert line in done.err[0]


def test_every_fault_is_told_and_not_only_the_first(programs: Programs, tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    path.write_text('listn = []\nsts = -1\n[limits]\nhandshake = "long"\nsilense = 3\n[chat]\nmotd = 7\n')
    done = programs.admin(tmp_path, "config", "check", str(path))
    assert done.code == 2
    assert [line.removeprefix(f"securechat-admin: {path}: ").split(";")[0] for line in done.err] == [
        "unknown key listn",
        "sts: Expected `int` >= 0",
        "limits.handshake: Expected `float`, got `str`",
        "unknown key limits.silense",
        "chat.motd: Expected `str`, got `int`",
    ]
    assert "did you mean limits.silence?" in done.err[3]


def test_without_a_server_there_is_nothing_to_read_anew(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    done = programs.admin(tmp_path / "data", "config", "reload")
    assert (done.code, done.out) == (1, "")
    assert done.err == ["securechat-admin: no server runs here; the next one reads its settings when it starts"]

"""What a client remembers: a private file that survives being written, read back, and damaged."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from securechat.client.address import Address
from securechat.client.profile import (
    KnownServer,
    Profile,
    account_directory,
    find_home,
    parse_profile,
    read_profile,
    remember,
    write_toml,
)
from securechat.errors import ConfigError

CHAT = Address("chat.example")


def test_what_was_remembered_is_read_again_and_the_first_server_is_the_default(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    alice = KnownServer("alice", "chat.example_6697/ca.pem", "ab" * 32, "file")
    remember(home, CHAT, alice)
    remember(home, Address("::1", 7000), KnownServer("bob", ca='/a "quoted" \\ path/ü\n.pem'))
    profile = read_profile(home)
    assert profile.default == "chat.example:6697"
    assert profile.find(Address("CHAT.example")) == alice
    assert profile.find(Address("::1", 7000)).ca == '/a "quoted" \\ path/ü\n.pem'
    assert profile.find(Address("::1")) == KnownServer()


def test_the_profile_is_for_its_owner_only_and_written_as_a_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    remember(home, CHAT, KnownServer("alice"))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "profile.toml").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["profile.toml"]


def test_the_file_is_one_that_a_person_can_change() -> None:
    known = {"chat.example:6697": KnownServer("alice", "ca.pem")}
    assert write_toml(Profile("chat.example:6697", known)) == (
        "# securechat-client: the servers it knows. Written by it, and yours to change.\n"
        'default = "chat.example:6697"\n'
        "\n"
        '[servers."chat.example:6697"]\n'
        'user = "alice"\n'
        'ca = "ca.pem"\n'
    )


def test_a_profile_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_profile(tmp_path / "nowhere") == Profile()


FAULTY = [
    ({"defualt": "x"}, "unknown key defualt; did you mean default?"),
    ({"servers": {"a": {"usr": "x"}}}, "unknown key servers.a.usr; did you mean servers.a.user?"),
    ({"servers": {"a": {"password": "x"}}}, "unknown key servers.a.password; known keys: user, ca, fingerprint, token"),
    ({"servers": {"a": {"user": 7}}}, "servers.a.user must be a text"),
    ({"servers": {"a": "x"}}, "servers.a must be a table"),
    ({"servers": []}, "servers a table"),
    ({"default": 7}, "default must be a text"),
    ({"default": "a:b"}, "profile.toml: default: 'a:b': the port must be a number"),
    ({"servers": {"a b": {}}}, "profile.toml: servers: 'a b' names no host"),
    ({"servers": {"a": {"token": "pocket"}}}, 'token must be "keyring" or "file"'),
]


@pytest.mark.parametrize(("table", "said"), FAULTY)
def test_a_faulty_profile_is_one_line_that_names_the_place(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_profile(table, "profile.toml")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"= what", b"\xff", b'default = "a"\ndefault = "b"', b"a = " + b"[" * 20_000, b"a = " + b"9" * 5000]
)
def test_a_file_that_is_no_profile_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "profile.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"profile\.toml"):
        remember(tmp_path, CHAT, KnownServer("alice"))
    assert path.read_bytes() == content


def test_an_editor_may_leave_its_mark_and_its_ends_of_lines(tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_bytes(b'\xef\xbb\xbfdefault = "a"\r\n[servers.a]\r\nuser = "alice"\r\n')
    assert read_profile(tmp_path) == Profile("a:6697", {"a:6697": KnownServer("alice")})


def test_a_path_that_toml_cannot_hold_is_refused_and_leaves_the_profile_as_it_was(tmp_path: Path) -> None:
    remember(tmp_path, CHAT, KnownServer("alice"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        remember(tmp_path, Address("other.example"), KnownServer("bob", ca="/tmp/\udcff/ca.pem"))
    assert read_profile(tmp_path) == Profile("chat.example:6697", {"chat.example:6697": KnownServer("alice")})


def test_what_many_clients_write_at_once_is_all_there(tmp_path: Path) -> None:
    names = [f"chat{number}.example" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: remember(tmp_path, Address(name), KnownServer("alice")), names))
    assert sorted(read_profile(tmp_path).servers) == sorted(f"{name}:6697" for name in names)


def test_who_has_no_home_directory_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SECURECHAT_CLIENT_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    # As in a container whose user has a number and no name.
    monkeypatch.setattr("os.getuid", lambda: 3_000_000_000)
    with pytest.raises(ConfigError, match="set HOME, or SECURECHAT_CLIENT_HOME"):
        find_home()


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigError, match=r"profile\.toml: cannot be"):
        remember(tmp_path / "home", CHAT, KnownServer("alice"))


@pytest.mark.parametrize(
    ("user", "name"),
    [("alice", "alice"), ("alice@my laptop", "alice@my%20laptop"), ("a/../b", "a%2F..%2Fb"), ("a@ü", "a@%C3%BC")],
)
def test_each_account_has_a_directory_of_its_own_that_leads_nowhere_else(user: str, name: str) -> None:
    assert account_directory(Path("/h"), Address("Chat.example", 7), user) == Path("/h/chat.example_7") / name
    assert account_directory(Path("/h"), Address("::1"), user).parent == Path("/h/%3A%3A1_6697")


def test_the_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("SECURECHAT_CLIENT_HOME", "/somewhere")
    assert find_home() == Path("/somewhere")
    monkeypatch.delenv("SECURECHAT_CLIENT_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/settings")
    assert find_home() == Path("/settings/securechat")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/alice")
    assert find_home() == Path("/home/alice/.config/securechat")

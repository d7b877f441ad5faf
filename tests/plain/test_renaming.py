"""What a client keeps for an account that has another name now: it is found by that name at the next start."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from securechat.client.address import Address
from securechat.client.credentials import Credentials
from securechat.client.outbox import Outgoing
from securechat.client.profile import KnownServer, account_directory, read_profile, remember
from securechat.plain.access import Access
from securechat.plain.belongings import unpack
from securechat.plain.renaming import follow_name

ADDRESS = Address("chat.example")
TOKEN = "sct_" + "a" * 52


@dataclass
class Ring:
    """A keyring in memory."""

    held: dict[tuple[str, str], str] = field(default_factory=dict)

    def get_password(self, service: str, name: str) -> str | None:
        return self.held.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self.held[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        del self.held[service, name]


def make_access(home: Path, user: str = "alice", place: str = "file") -> Access:
    """Return the access of a client that keeps a token, and make what it has for it."""
    remember(home, ADDRESS, KnownServer(user, "ca.pem", token=place))
    access = Access(ADDRESS, None, user, TOKEN, place=place).with_home()
    if place == "file":
        assert Credentials(account_directory(home, ADDRESS, user), ADDRESS, user).keep(TOKEN) == "file"
    return access


@pytest.mark.parametrize(("user", "renamed"), [("alice", "alicia"), ("alice@laptop", "alicia@laptop")])
def test_profile_directory_and_token_go_by_the_new_name(client_home: Path, user: str, renamed: str) -> None:
    access = make_access(client_home, user)
    moved, remark = follow_name(access, "alicia")
    assert remark == "you are called alicia now, and this client signs in by that name from now on"
    place = client_home / "chat.example_6697" / renamed
    assert (moved.user, moved.home, moved.place, moved.secret) == (renamed, place, "file", TOKEN)
    assert read_profile(client_home).find(ADDRESS) == KnownServer(renamed, "ca.pem", token="file")
    assert (place / "token").read_text() == f"{TOKEN}\n"
    assert not (place.parent / user).exists()


def test_a_token_in_the_keyring_goes_along(client_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring({("securechat", "alice@chat.example:6697"): TOKEN})
    monkeypatch.setitem(sys.modules, "keyring", ring)  # type: ignore[arg-type]
    moved, _ = follow_name(make_access(client_home, place="keyring"), "alicia")
    assert moved.place == "keyring"
    assert ring.held == {("securechat", "alicia@chat.example:6697"): TOKEN}
    assert read_profile(client_home).find(ADDRESS) == KnownServer("alicia", "ca.pem", token="keyring")


def test_a_second_client_on_the_same_home_finds_it_done(client_home: Path) -> None:
    access = make_access(client_home)
    assert follow_name(access, "alicia") == follow_name(access, "alicia")
    assert read_profile(client_home).find(ADDRESS).user == "alicia"


def test_where_the_new_name_has_a_directory_already_the_token_is_put_there(client_home: Path) -> None:
    access = make_access(client_home)
    there = account_directory(client_home, ADDRESS, "alicia")
    there.mkdir()
    moved, _ = follow_name(access, "alicia")
    assert moved.home == there
    assert (there / "token").read_text() == f"{TOKEN}\n"


def test_who_is_not_the_one_of_the_profile_is_told_to_say_the_name(client_home: Path) -> None:
    make_access(client_home, "bob")
    access = Access(ADDRESS, None, "alice", "password").with_home()
    _, remark = follow_name(access, "alicia")
    assert remark == "you are called alicia now; start with --user alicia from now on"
    assert read_profile(client_home).find(ADDRESS).user == "bob"


def test_what_cannot_be_remembered_is_said(client_home: Path) -> None:
    access = make_access(client_home)
    (client_home / "profile.toml").write_text("nonsense")
    _, remark = follow_name(access, "alicia")
    assert remark.startswith("you are called alicia now; start with --user alicia, for it cannot be remembered: ")


def test_control_a_name_that_no_account_has_moves_nothing(client_home: Path) -> None:
    access = make_access(client_home)
    assert follow_name(access, "../..") == (access, "you are called ../.. now")
    assert read_profile(client_home).find(ADDRESS).user == "alice"


def test_what_is_kept_afterwards_is_kept_by_the_new_name(client_home: Path) -> None:
    access = make_access(client_home)
    belongings = unpack(access.home)
    belongings.access = access
    recall = belongings.open_recall()
    recall.add("before")
    assert belongings.journal is not None
    assert belongings.notebook is not None
    belongings.journal.keep(Outgoing("u-1", "#x", "before"))
    belongings.follow_name("alicia")
    recall.add("after")
    belongings.journal.keep(Outgoing("u-2", "#x", "after"))
    belongings.notebook.note("#x", 1, "m1")
    belongings.settings.bell = False
    belongings.save_settings()
    belongings.pack()
    again = unpack(account_directory(client_home, ADDRESS, "alicia"))
    assert again.open_recall().lines == ["before", "after"]
    assert again.journal is not None
    assert again.notebook is not None
    assert [message.text for message in again.journal.left] == ["before", "after"]
    assert again.notebook.positions == {"#x": (1, "m1")}
    assert again.settings.bell is False
    assert [path.name for path in (client_home / "chat.example_6697").iterdir()] == ["alicia"]

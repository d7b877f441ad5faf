"""What administrators do to accounts: names that cannot be made, all or none, and the default channels."""

from __future__ import annotations

import pytest

from securechat.chat import administration
from securechat.chat.administration import Impossible, NewAccount
from securechat.chat.effects import Append, Entry
from securechat.chat.events import (
    Created,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Enabled,
    Joined,
    Left,
    ModeSet,
    PasswordSet,
    Registered,
)
from securechat.chat.streams import channel_stream
from tests.chat.stage import Stage


def test_the_first_accounts_make_the_default_channel_and_the_first_of_them_owns_it() -> None:
    stage = Stage()
    accounts = [NewAccount("alice", "admin", "$hash"), NewAccount("bob", digest="abc", device_label="phone")]
    append = administration.add_accounts(stage.world, accounts)
    assert append == Append(
        (
            Entry("a/n1", Registered("alice", "admin", "$hash")),
            Entry("a/n2", Registered("bob", "member", "")),
            Entry("a/n2", DeviceAdded("n3", "phone", "abc")),
            Entry("c/n4", Created("#general", "n1")),
            Entry("c/n4", Joined("n1", "q")),
            Entry("c/n4", Joined("n2", "")),
        )
    )


def test_later_accounts_join_what_is_there() -> None:
    stage = Stage("alice")
    stage.channel("#general", {"alice": "q"})
    append = administration.add_accounts(stage.world, [NewAccount("bob"), NewAccount("carol")])
    assert append.entries[2:] == (Entry("c/c-#general", Joined("n1", "")), Entry("c/c-#general", Joined("n2", "")))
    assert append.expects == (("c/c-#general", 0),)
    stage.carry_out(append)
    assert stage.roles("#general") == {"alice": "q", "bob": "", "carol": ""}


def test_an_empty_default_channel_gets_an_owner() -> None:
    for leaves_as in ("", "q"):
        stage = Stage("alice")
        channel = stage.channel("#general", {"alice": leaves_as})
        stage.write_into(channel, "alice")
        stage.happen(channel_stream(channel.id), Left("id-alice", role=leaves_as))
        stage.carry_out(administration.add_accounts(stage.world, [NewAccount("bob"), NewAccount("carol")]))
        assert stage.roles("#general") == {"bob": "q", "carol": ""}


@pytest.mark.parametrize(("channels", "made"), [([], []), (["#a", "#b"], ["#a", "#b"])])
def test_which_channels_are_default_is_a_setting(channels: list[str], made: list[str]) -> None:
    stage = Stage(default_channels=channels)
    append = administration.add_accounts(stage.world, [NewAccount("alice")])
    assert [entry.event.name for entry in append.entries if isinstance(entry.event, Created)] == made


@pytest.mark.parametrize(("limit", "inside"), [(1, []), (2, ["bob"]), (3, ["bob", "carol"]), (9, ["bob", "carol"])])
def test_a_default_channel_takes_as_many_as_it_has_room_for(limit: int, inside: list[str]) -> None:
    stage = Stage("alice")
    channel = stage.channel("#general", {"alice": "q"})
    stage.happen(channel_stream(channel.id), ModeSet("id-alice", limit=limit))
    stage.carry_out(administration.add_accounts(stage.world, [NewAccount("bob"), NewAccount("carol")]))
    assert list(stage.roles("#general")) == ["alice", *inside]
    assert stage.directory.account_named("carol") is not None


CANNOT = "cannot be a name: a letter, then up to 31 letters, digits, - or _"

# Names that cannot be made where alice and Will are, and why.
FAULTS = [
    ("", f"'' {CANNOT}"),
    ("1st", f"'1st' {CANNOT}"),
    ("a b", f"'a b' {CANNOT}"),
    ("_a", f"'_a' {CANNOT}"),
    ("grün", f"'grün' {CANNOT}"),
    ("a" * 33, f"{'a' * 33!r} {CANNOT}"),
    ("alice\n", f"'alice\\n' {CANNOT}"),
    ("NickServ", "'NickServ' is reserved for services"),
    ("n1ckserv", "'n1ckserv' is reserved for services"),
    ("server", "'server' is reserved for services"),
    ("everyone", "'everyone' is reserved for services"),
    ("alice", "there is an account 'alice' already"),
    ("Alice", "'Alice' could be mistaken for 'alice', which exists"),
    ("a1ice", "'a1ice' could be mistaken for 'alice', which exists"),
    ("a-l-ice", "'a-l-ice' could be mistaken for 'alice', which exists"),
    ("vvill", "'vvill' could be mistaken for 'Will', which exists"),
    ("will", "'will' could be mistaken for 'Will', which exists"),
]


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_name_that_cannot_be_made_is_refused_with_the_reason_and_nothing_is_made(name: str, fault: str) -> None:
    stage = Stage("alice", "Will")
    assert administration.fault_of_name(stage.world, name) == fault
    for accounts in [[name], [name, "carol"], ["carol", name]]:
        with pytest.raises(Impossible) as caught:
            administration.add_accounts(stage.world, [NewAccount(each) for each in accounts])
        assert str(caught.value) == fault


@pytest.mark.parametrize("name", ["a", "Bob", "a" * 32, "bob-2", "x_y", "ali", "Emily"])
def test_any_other_name_can_be_made(name: str) -> None:
    stage = Stage("alice", "Will")
    assert administration.fault_of_name(stage.world, name) is None
    assert administration.add_accounts(stage.world, [NewAccount(name)]).entries[0].event == Registered(name)


@pytest.mark.parametrize(
    ("first", "second"), [("bob", "bob"), ("bob", "Bob"), ("bob", "b0b"), ("morn", "rnorn"), ("b-ob", "bo_b")]
)
def test_names_of_one_list_must_not_be_mistaken_for_each_other(first: str, second: str) -> None:
    stage = Stage()
    with pytest.raises(Impossible) as caught:
        administration.add_accounts(stage.world, [NewAccount(first), NewAccount("carol"), NewAccount(second)])
    assert str(caught.value) == f"{second!r} could be mistaken for {first!r}, which is in the same list"


def test_a_role_that_is_none_is_refused() -> None:
    stage = Stage()
    for role in ["member", "admin", "bot"]:
        administration.add_accounts(stage.world, [NewAccount("alice", role)])
    with pytest.raises(Impossible, match="'owner' is no role; use member, admin, bot"):
        administration.add_accounts(stage.world, [NewAccount("alice", "owner")])


def test_what_is_done_to_an_account_is_judged_on_its_epoch() -> None:
    stage = Stage("alice")
    stage.happen("a/id-alice", PasswordSet("old"))
    expects = (("a/id-alice", 1),)
    world = stage.world
    assert administration.set_password(world, "ALICE", "$new") == Append(
        (Entry("a/id-alice", PasswordSet("$new")),), expects=expects
    )
    assert administration.set_enabled(world, "alice", False) == Append(
        (Entry("a/id-alice", Disabled()),), expects=expects
    )
    assert administration.set_enabled(world, "alice", True) is None
    assert administration.add_device(world, "alice", "phone", "d1", "abc") == Append(
        (Entry("a/id-alice", DeviceAdded("d1", "phone", "abc")),), expects=expects
    )
    stage.happen("a/id-alice", Disabled())
    assert administration.set_enabled(world, "alice", False) is None
    enabling = administration.set_enabled(world, "alice", True)
    assert enabling is not None
    assert enabling.entries == (Entry("a/id-alice", Enabled()),)


def test_a_device_is_found_by_its_id_alone() -> None:
    stage = Stage("alice", "bob")
    stage.happen("a/id-bob", DeviceAdded("d7", "phone", "abc"))
    assert administration.revoke_device(stage.world, "d7").entries == (Entry("a/id-bob", DeviceRevoked("d7")),)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda world: administration.set_password(world, "nobody", "$x"), "there is no account 'nobody'"),
        (lambda world: administration.set_enabled(world, "nobody", True), "there is no account 'nobody'"),
        (lambda world: administration.add_device(world, "nobody", "phone", "d", "x"), "there is no account 'nobody'"),
        (lambda world: administration.add_device(world, "alice", "a\nb", "d", "x"), "a label has 1 to 64 bytes"),
        (lambda world: administration.add_device(world, "alice", "", "d", "x"), "a label has 1 to 64 bytes"),
        (lambda world: administration.revoke_device(world, "d9"), "there is no device 'd9'"),
    ],
)
def test_what_cannot_be_done_says_why(act: object, text: str) -> None:
    with pytest.raises(Impossible, match=text):
        act(Stage("alice").world)  # type: ignore[operator]

"""Renames, deletions and what administrators do to channels, as appends; and what the directory makes of them."""

from __future__ import annotations

import pytest

from securechat.chat import administration
from securechat.chat.administration import Impossible
from securechat.chat.effects import Append, Entry
from securechat.chat.events import (
    BanLifted,
    BanSet,
    Created,
    Deleted,
    DeviceAdded,
    Disabled,
    Dropped,
    Ignored,
    Invited,
    Joined,
    Left,
    Renamed,
    RoleSet,
    TopicSet,
)
from securechat.wire.names import is_reserved
from tests.chat.stage import NOON, Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol")
    stage.channel("#room", {"alice": "q", "bob": "", "carol": "v"})
    return stage


# ── another name ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rename_is_one_event_judged_on_the_account(stage: Stage) -> None:
    append = administration.rename_account(stage.world, "ALICE", "alicia")
    assert append == Append((Entry("a/id-alice", Renamed("alicia", "alice")),), expects=(("a/id-alice", 0),))
    assert administration.rename_account(stage.world, "alice", "alice") is None


def test_who_is_banned_is_banned_under_the_new_name_too(stage: Stage) -> None:
    for name, mask in (("#mask", "bo?!*@*"), ("#other", "carol!*@*"), ("#all", "*!*@*")):
        stage.channel(name, {"alice": "q"})
        stage.happen(f"c/c-{name}", BanSet("id-alice", mask))
    append = administration.rename_account(stage.world, "bob", "robert")
    assert append is not None
    assert append.entries == (
        Entry("a/id-bob", Renamed("robert", "bob")),
        Entry("c/c-#mask", BanSet("", "robert!*@*")),
    )


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        ("b0b", "'b0b' could be mistaken for 'bob', which exists"),
        ("bob", "there is an account 'bob' already"),
        ("x y", "'x y' cannot be a name: a letter, then up to 31 letters, digits, - or _"),
        ("NickServ", "'NickServ' is reserved for services"),
        ("deleted-abcdef", "'deleted-abcdef' is reserved for services"),
        ("old", "'old' is, or could be mistaken for, a name that 'carol' had; it stays reserved"),
        ("o-1d", "'o-1d' is, or could be mistaken for, a name that 'carol' had; it stays reserved"),
        ("Gone", "'Gone' is, or could be mistaken for, a name that 'deleted-id-gon' had; it stays reserved"),
    ],
)
def test_names_that_are_or_were_somebodys_are_refused_to_new_and_old_accounts(
    stage: Stage, new: str, fault: str
) -> None:
    stage.register("gone")
    stage.happen("a/id-gone", Deleted())
    stage.happen("a/id-carol", Renamed("old", "carol"))
    stage.happen("a/id-carol", Renamed("carol", "old"))
    with pytest.raises(Impossible) as caught:
        administration.rename_account(stage.world, "alice", new)
    assert str(caught.value) == fault
    assert administration.fault_of_name(stage.world, new) == fault


@pytest.mark.parametrize("name", ["Alice", "a-l-ice", "first"])
def test_ones_own_names_and_what_looks_like_them_can_be_taken_again(stage: Stage, name: str) -> None:
    stage.happen("a/id-alice", Renamed("first", "alice"))
    stage.happen("a/id-alice", Renamed("second", "first"))
    append = administration.rename_account(stage.world, "second", name)
    assert append is not None
    stage.carry_out(append)
    assert stage.directory.name_of("id-alice") == name


def test_after_a_rename_the_account_is_found_by_the_new_name_alone(stage: Stage) -> None:
    stage.directory.rosters["c-#room"] = []
    stage.happen("a/id-alice", Renamed("alicia", "alice"))
    directory = stage.directory
    assert directory.account_named("alice") is None
    assert directory.anyone_named("alice") is None
    assert directory.account_named("ALICIA") is directory.accounts["id-alice"]
    assert directory.account_resembling("al1ce") is directory.accounts["id-alice"]
    assert directory.name_of("id-alice") == "alicia"
    assert directory.rosters == {}
    assert directory.accounts["id-alice"].epoch == 1


# ── leaving for good ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deletion_leaves_every_channel_first_and_names_heirs(stage: Stage) -> None:
    stage.channel("#own", {"alice": "q"})
    written = stage.channel("#written", {"alice": "q"})
    stage.write_into(written, "alice")
    append = administration.delete_account(stage.world, stage.world.account("id-alice"), erase=True)
    assert append == Append(
        (
            Entry("c/c-#own", Left("id-alice", "Account deleted", "q")),
            Entry("c/c-#own", Dropped()),
            Entry("c/c-#room", Left("id-alice", "Account deleted", "q")),
            Entry("c/c-#room", RoleSet("id-carol", "q", "v")),
            Entry("c/c-#written", Left("id-alice", "Account deleted", "q")),
            Entry("a/id-alice", Deleted(erase=True)),
        ),
        expects=(("a/id-alice", 0), ("c/c-#own", 0), ("c/c-#room", 0), ("c/c-#written", 0)),
    )


def test_who_is_erased_leaves_no_topic_behind_wherever_it_was_set(stage: Stage) -> None:
    stage.channel("#left", {"carol": "q"})
    for name, by in (("#room", "id-carol"), ("#left", "id-bob")):
        stage.happen(f"c/c-{name}", TopicSet(by, "words"))
    bob = stage.world.account("id-bob")
    cleared = Entry("c/c-#left", TopicSet("id-bob", ""))
    assert administration.delete_account(stage.world, bob, erase=True).entries[0] == cleared
    assert cleared not in administration.delete_account(stage.world, bob, erase=False).entries


def test_an_administrators_deletion_is_judged_on_the_others_too(stage: Stage) -> None:
    for name in ("ada", "eve"):
        stage.register(name, "admin")
    append = administration.delete_account(stage.world, stage.world.account("id-ada"), erase=False)
    assert append.expects == (("a/id-ada", 0), ("a/id-eve", 0))


def test_nothing_is_left_of_a_deleted_account_but_its_name_and_what_it_wrote(stage: Stage) -> None:
    directory = stage.directory
    stage.happen("a/id-bob", DeviceAdded("d1", "phone", "x1"))
    stage.happen("a/id-bob", Ignored("id-alice"))
    stage.channel("#closed", {"alice": "q"}, modes="i")
    stage.happen("c/c-#closed", Invited("id-bob", "id-alice"))
    stage.happen("c/c-#room", RoleSet("id-bob", "v", "", "id-alice"))
    stage.carry_out(administration.delete_account(stage.world, stage.world.account("id-bob"), erase=False))
    bob = directory.accounts["id-bob"]
    assert (bob.name, bob.enabled, bob.deleted) == ("deleted-id-bob", False, True)
    assert (bob.devices, bob.ignored) == ({}, set())
    assert directory.device_with("x1") is None
    assert directory.channels_of("id-bob") == []
    assert directory.channels["c-#closed"].invited == set()
    assert directory.channels["c-#room"].former_roles == {}
    assert directory.account_named("bob") is None
    assert directory.account_named("deleted-id-bob") is None
    assert directory.anyone_named("Deleted-ID-bob") is bob
    with pytest.raises(Impossible, match="there is no account 'deleted-id-bob'"):
        administration.set_password(stage.world, "deleted-id-bob", "$x")


def test_names_of_deleted_accounts_are_reserved_with_all_that_looks_like_them() -> None:
    for name in ("deleted-abc123", "Deleted_x", "DELETEDx", "de1eted-abc"):
        assert is_reserved(name)
    for name in ("delete", "undeleted", "delta"):
        assert not is_reserved(name)


@pytest.mark.parametrize(
    ("others", "last"),
    [([], True), ([("eve", True)], False), ([("eve", False)], True), ([("eve", False), ("flo", True)], False)],
)
def test_who_is_the_last_administrator(others: list[tuple[str, bool]], last: bool) -> None:
    stage = Stage("alice")
    ada = stage.register("ada", "admin")
    for name, enabled in others:
        stage.register(name, "admin")
        if not enabled:
            stage.happen(f"a/id-{name}", Disabled())
    assert administration.is_last_admin(stage.world, ada) is last
    assert not administration.is_last_admin(stage.world, stage.world.account("id-alice"))


# ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_channel_is_made_with_its_owner_in_it(stage: Stage) -> None:
    append = administration.create_channel(stage.world, "#Lab", "bob")
    entries = (Entry("c/n1", Created("#Lab", "id-bob")), Entry("c/n1", Joined("id-bob", "q")))
    assert append == Append(entries, expects=(("a/id-bob", 0),))


def test_a_channel_is_dropped_whatever_is_in_it(stage: Stage) -> None:
    room = stage.directory.channels["c-#room"]
    stage.write_into(room, "alice")
    append = administration.drop_channel(stage.world, "#ROOM")
    assert append == Append((Entry("c/c-#room", Dropped(forced=True)),), expects=(("c/c-#room", 0),))
    stage.carry_out(append)
    assert stage.directory.channel_named("#room") is None
    assert stage.directory.channels_of("id-alice") == []
    assert room.members == {}, "or somebody who is being shown it slowly is shown people"
    assert stage.directory.name_of_channel("c-#room") == "#room"
    assert stage.directory.name_of_channel("c-never") == "*"


@pytest.mark.parametrize(
    ("name", "role", "event"),
    [
        ("bob", "operator", RoleSet("id-bob", "o", "")),
        ("bob", "owner", RoleSet("id-bob", "q", "")),
        ("carol", "member", RoleSet("id-carol", "", "v")),
        ("CAROL", "voice", None),
        ("alice", "owner", None),
    ],
)
def test_roles_are_given_by_name(stage: Stage, name: str, role: str, event: RoleSet | None) -> None:
    append = administration.set_role(stage.world, "#room", name, role)
    expected = None if event is None else Append((Entry("c/c-#room", event),), expects=(("c/c-#room", 0),))
    assert append == expected


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda world: administration.rename_account(world, "nobody", "x"), "there is no account 'nobody'"),
        (lambda world: administration.create_channel(world, "#x", "nobody"), "there is no account 'nobody'"),
        (lambda world: administration.create_channel(world, "x", "bob"), "'x' cannot be a channel: #"),
        (lambda world: administration.create_channel(world, "#a,b", "bob"), "'#a,b' cannot be a channel: #"),
        (lambda world: administration.create_channel(world, "#Room", "bob"), "there is a channel '#Room' already"),
        (lambda world: administration.drop_channel(world, "#x"), "there is no channel '#x'"),
        (lambda world: administration.set_role(world, "#x", "bob", "owner"), "there is no channel '#x'"),
        (lambda world: administration.set_role(world, "#room", "nobody", "owner"), "there is no account 'nobody'"),
        (lambda world: administration.set_role(world, "#room", "dave", "owner"), "'dave' is no member of '#room'"),
        (
            lambda world: administration.set_role(world, "#room", "bob", "admin"),
            "'admin' is no role in a channel; use ow",
        ),
        (
            lambda world: administration.set_role(world, "#room", "alice", "voice"),
            "'alice' is the only owner of '#room'",
        ),
    ],
)
def test_what_cannot_be_done_says_why(stage: Stage, act: object, text: str) -> None:
    stage.register("dave")
    with pytest.raises(Impossible, match=text):
        act(stage.world)  # type: ignore[operator]


def test_a_rename_keeps_somebody_in_every_list_that_its_name_put_it_into_as_it_was(stage: Stage) -> None:
    stage.channel("#lists", {"alice": "q"})
    kept = [
        BanSet("id-alice", "~q:bob!*@*"),
        BanSet("id-alice", "~t:5:bo?!*@*", until=NOON + 300_000),
        BanSet("id-alice", "~a:id-bob"),
        BanSet("id-alice", "bob!*@*", "e"),
        BanSet("id-alice", "bob!*@*", "I"),
    ]
    for event in kept:
        stage.happen("c/c-#lists", event)
    append = administration.rename_account(stage.world, "bob", "robert")
    assert append is not None
    assert [entry.event for entry in append.entries[1:]] == [
        BanSet("", "~q:robert!*@*"),
        BanSet("", "~t:5:robert!*@*", until=NOON + 300_000),
        BanSet("", "robert!*@*", "e"),
        BanSet("", "robert!*@*", "I"),
    ]


def test_in_a_full_list_the_mask_of_the_new_name_takes_the_place_of_the_old_ones(stage: Stage) -> None:
    stage.channel("#full", {"alice": "q"})
    stage.happen("c/c-#full", BanSet("id-alice", "bob!*@*"))
    for number in range(99):
        stage.happen("c/c-#full", BanSet("id-alice", f"other{number}!*@*"))
    append = administration.rename_account(stage.world, "bob", "robert")
    assert append is not None
    assert [entry.event for entry in append.entries[1:]] == [BanLifted("", "bob!*@*"), BanSet("", "robert!*@*")]

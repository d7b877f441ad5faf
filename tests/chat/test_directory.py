"""The directory: what the history amounts to, and look-ups by name, resemblance, device and acquaintance."""

from __future__ import annotations

import pytest

from securechat.chat.directory import Directory, epoch_of
from securechat.chat.events import (
    BanLifted,
    BanSet,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Dropped,
    Enabled,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    PasswordRehashed,
    PasswordSet,
    Posted,
    RoleSet,
    TopicSet,
)
from securechat.chat.ports import BanState, ChannelState, DeviceState, MemberState, Snapshot
from tests.chat.stage import NOON, Stage

ROOM = "c/c-#room"


@pytest.fixture
def stage() -> Stage:
    stage = Stage("Alice", "bob", "carol")
    stage.channel("#Grüße", {"Alice": "q", "bob": ""})
    stage.channel("#room", {"Alice": "q", "carol": ""})
    return stage


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Alice", "Alice"),
        ("alice", "Alice"),
        ("ALICE", "Alice"),
        ("a1ice", None),
        ("BOB", "bob"),
        ("dave", None),
        ("", None),
    ],
)
def test_people_are_found_in_any_case(stage: Stage, name: str, found: str | None) -> None:
    account = stage.directory.account_named(name)
    assert (None if account is None else account.name) == found


@pytest.mark.parametrize(
    ("name", "found"), [("a1ice", "Alice"), ("al-ice", "Alice"), ("b0b", "bob"), ("b_o_b", "bob"), ("bobby", None)]
)
def test_people_are_found_by_what_their_name_can_be_taken_for(stage: Stage, name: str, found: str | None) -> None:
    account = stage.directory.account_resembling(name)
    assert (None if account is None else account.name) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("#grüße", "#Grüße"),
        ("#GRÜSSE", "#Grüße"),
        ("#gru\u0308ße", "#Grüße"),
        ("#ROOM", "#room"),
        ("#r00m", None),
        ("room", None),
    ],
)
def test_channels_are_found_in_any_case(stage: Stage, name: str, found: str | None) -> None:
    channel = stage.directory.channel_named(name)
    assert (None if channel is None else channel.name) == found


def test_who_knows_whom(stage: Stage) -> None:
    directory = stage.directory
    assert sorted(directory.acquaintances("id-Alice")) == ["id-bob", "id-carol"]
    assert sorted(directory.acquaintances("id-bob")) == ["id-Alice"]
    assert "id-carol" in directory.acquaintances("id-Alice")
    assert "id-carol" not in directory.acquaintances("id-bob")
    assert directory.are_acquainted("id-carol", "id-Alice")
    assert directory.are_acquainted("id-Alice", "id-bob")
    assert not directory.are_acquainted("id-carol", "id-bob")
    assert not directory.are_acquainted("id-Alice", "id-Alice")
    assert not directory.are_acquainted("id-nobody", "id-Alice")
    assert [channel.name for channel in directory.channels_of("id-Alice")] == ["#Grüße", "#room"]
    assert directory.channels_of("id-nobody") == []
    assert directory.name_of("id-nobody") == "*"


@pytest.mark.parametrize("event", [Left("id-carol"), Kicked("id-carol", "id-Alice")])
def test_who_is_gone_knows_nobody_there_any_more(stage: Stage, event: Left | Kicked) -> None:
    stage.happen(ROOM, event)
    assert list(stage.directory.acquaintances("id-carol")) == []
    assert stage.directory.channels_of("id-carol") == []
    assert "id-carol" not in stage.directory.acquaintances("id-Alice")


def test_a_dropped_channel_leaves_nothing_behind(stage: Stage) -> None:
    stage.happen(ROOM, Dropped())
    assert stage.directory.channel_named("#room") is None
    assert stage.directory.channels_of("id-carol") == []
    assert "c-#room" not in stage.directory.channels


def test_a_channel_is_what_its_records_make_of_it(stage: Stage) -> None:
    for event in [
        RoleSet("id-carol", "o", "", "id-Alice"),
        TopicSet("id-carol", "news"),
        ModeSet("id-Alice", on="im", off="t", key="k", limit=5),
        BanSet("id-Alice", "x!*@*"),
        BanSet("id-Alice", "y!*@*"),
        BanLifted("id-Alice", "x!*@*"),
        Invited("id-bob", "id-Alice"),
        Posted("id-carol", "PRIVMSG", "hello"),
        Left("id-carol", role="o"),
    ]:
        stage.happen(ROOM, event)
    assert stage.directory.channel_named("#room") == ChannelState(
        id="c-#room",
        name="#room",
        epoch=3,
        created=NOON,
        modes="imn",
        key="k",
        limit=5,
        topic="news",
        topic_by="id-carol",
        topic_time=NOON,
        written=True,
        members={"id-Alice": MemberState("q", 2)},
        former_roles={"id-carol": "o"},
        bans={"y!*@*": BanState("y!*@*", "id-Alice", NOON)},
        invited={"id-bob"},
    )
    stage.happen(ROOM, ModeSet("id-Alice", off="im", key="", limit=0))
    stage.happen(ROOM, Joined("id-bob", ""))
    stage.happen(ROOM, Joined("id-carol", "o"))
    channel = stage.directory.channel_named("#room")
    assert channel is not None
    assert (channel.modes, channel.key, channel.limit, channel.invited, channel.former_roles) == ("n", "", 0, set(), {})
    assert channel.members["id-carol"] == MemberState("o", 15)
    assert channel.epoch == 3


def test_an_account_is_what_its_records_make_of_it(stage: Stage) -> None:
    account = stage.directory.accounts["id-bob"]
    epochs = []
    for event in [
        DeviceAdded("d1", "phone", "x1"),
        DeviceAdded("d2", "laptop", "x2"),
        DeviceRevoked("d1"),
        PasswordRehashed("v"),
        Disabled(),
        Enabled(),
        PasswordSet("v"),
    ]:
        stage.happen("a/id-bob", event)
        epochs.append((account.epoch, account.enabled, sorted(account.devices)))
    assert epochs == [
        (0, True, ["d1"]),
        (0, True, ["d1", "d2"]),
        (1, True, ["d2"]),
        (1, True, ["d2"]),
        (2, False, ["d2"]),
        (2, True, ["d2"]),
        (3, True, []),
    ]
    assert epoch_of(account) == ("a/id-bob", 3)


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (PasswordSet("v"), ""),
        (PasswordSet("v", kept="d1"), "d1"),
        (PasswordSet("v", kept="d9"), ""),
        (PasswordSet("v", kept="*"), "d1 d2"),
        (DeviceRevoked("d2"), "d1"),
        (DeviceRevoked("d9"), "d1 d2"),
        (Disabled(), "d1 d2"),
    ],
)
def test_a_revoked_token_opens_nothing_and_a_kept_one_still_does(
    stage: Stage, event: PasswordSet | DeviceRevoked | Disabled, left: str
) -> None:
    for number in "12":
        stage.happen("a/id-bob", DeviceAdded(f"d{number}", "phone", f"x{number}"))
    stage.happen("a/id-bob", event)
    for number in "12":
        found = stage.directory.device_with(f"x{number}")
        assert (found is not None) == (f"d{number}" in left.split())
        if found is not None:
            assert found[0].name == "bob"
            assert found[1] == DeviceState(f"d{number}", "phone", f"x{number}", NOON)
    assert stage.directory.device_with("x9") is None


def test_a_directory_loaded_from_a_snapshot_answers_like_the_one_that_lived_through_it(stage: Stage) -> None:
    stage.happen("a/id-bob", DeviceAdded("d1", "phone", "x1"))
    lived = stage.directory
    loaded = Directory(Snapshot(list(lived.accounts.values()), list(lived.channels.values())))
    assert loaded.account_named("ALICE") is lived.account_named("alice")
    assert loaded.account_resembling("a1ice") is lived.account_resembling("a1ice")
    assert loaded.channel_named("#GRÜSSE") is lived.channel_named("#grüße")
    assert loaded.channels_of("id-Alice") == lived.channels_of("id-Alice")
    assert loaded.device_with("x1") == lived.device_with("x1")
    assert sorted(loaded.acquaintances("id-Alice")) == sorted(lived.acquaintances("id-Alice"))


def test_a_direct_conversation_changes_nothing_in_the_directory(stage: Stage) -> None:
    before = {account.id: account.epoch for account in stage.directory.accounts.values()}
    stage.happen("d/id-Alice/id-bob", Posted("id-bob", "PRIVMSG", "hi"))
    assert {account.id: account.epoch for account in stage.directory.accounts.values()} == before

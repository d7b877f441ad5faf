"""Channels and who is in them: founding, coming back, heirs, obstacles, invitations, topics."""

from __future__ import annotations

import pytest

from securechat.chat.event import Event
from securechat.chat.events import (
    BanSet,
    Created,
    Dropped,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    RoleSet,
    TopicSet,
)
from securechat.chat.streams import channel_stream
from tests.chat.stage import Scene, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage("alice", "bob", "carol", "dave")


# ── JOIN ──


def test_joining_a_channel_that_is_none_makes_it_and_its_owner(stage: Stage) -> None:
    scene = stage.play(stage.enter("alice"), "JOIN #room")
    assert scene.events == [Created("#room", "id-alice", "nt"), Joined("id-alice", "q")]
    channel = stage.directory.channel_named("#ROOM")
    assert channel is not None
    assert (channel.name, channel.modes) == ("#room", "nt")
    assert stage.roles("#room") == {"alice": "q"}


def test_who_joins_next_has_no_role(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "JOIN #room")
    assert stage.play(stage.enter("bob"), "JOIN #Room").events == [Joined("id-bob", "")]


def test_joining_where_one_is_says_and_changes_nothing(stage: Stage) -> None:
    session = stage.enter("alice")
    stage.play(session, "JOIN #room")
    assert stage.play(session, "JOIN #room", "JOIN #ROOM wrong-key") == Scene()


@pytest.mark.parametrize(
    "name", ["room", "#", "&room", "0", "#a\x07b", "#a\u200bb", "#a\u202eb", "#" + "x" * 64, "#e\u0301"]
)
def test_a_name_that_is_none_is_refused(stage: Stage, name: str) -> None:
    assert stage.play(stage.enter("alice"), f"JOIN {name}").lines == [
        f":chat.example 403 alice {name} :Invalid channel name"
    ]


@pytest.mark.parametrize("name", ["#a", "#grüße", "#日本", "#" + "x" * 63, "#a:b", "##", "#\U0001f600"])
def test_a_name_in_any_script_is_taken(stage: Stage, name: str) -> None:
    stage.play(stage.enter("alice"), f"JOIN {name}")
    assert stage.roles(name) == {"alice": "q"}


def test_where_only_admins_make_channels_others_are_told_there_is_none() -> None:
    stage = Stage("alice", create_channels="admins")
    stage.register("root", role="admin")
    refused = stage.play(stage.enter("alice"), "JOIN #room")
    assert refused.lines == [":chat.example 403 alice #room :No such channel"]
    assert stage.play(stage.enter("root"), "JOIN #room").events[1:] == [Joined("id-root", "q")]


def test_several_are_joined_one_by_one_each_with_its_key(stage: Stage) -> None:
    for name, key in [("#a", "ka"), ("#b", ""), ("#c", "kc")]:
        channel = stage.channel(name, {"alice": "q"})
        stage.happen(channel_stream(channel.id), ModeSet("id-alice", key=key))
    scene = stage.play(stage.enter("bob"), "JOIN #a,,#b,#a,#c,#d ka,,,ka,kc")
    assert [type(event) for event in scene.events] == [Joined, Joined, Joined, Created, Joined]
    assert scene.lines == []


def test_a_line_joins_as_many_as_it_holds_and_parts_from_eight_at_once(stage: Stage) -> None:
    fifty = [f"#{i}" for i in range(50)]
    assert len(stage.play(stage.enter("alice"), f"JOIN {','.join(fifty)}").events) == 100
    scene = stage.play(stage.enter("alice"), f"PART {','.join(fifty[:9])}")
    assert scene.numerics == ["407"]
    assert scene.events == []
    assert len(stage.play(stage.enter("alice"), f"PART {','.join(fifty[:8])}").events) == 16


def test_there_is_a_limit_to_the_channels_of_one_account(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("securechat.chat.world.CHANNELS_PER_ACCOUNT", 2)
    assert stage.play(stage.enter("alice"), "JOIN #a,#b,#c").lines == [
        ":chat.example 405 alice #c :You have joined too many channels"
    ]


# What keeps bob (its numeric), what of it an invitation opens, and the key he gives.
OBSTACLES = [
    ([], "", False, None),
    ([ModeSet("id-alice", on="i")], "", False, "473"),
    ([ModeSet("id-alice", on="i")], "", True, None),
    ([ModeSet("id-alice", key="open")], "", False, "475"),
    ([ModeSet("id-alice", key="open")], "shut", False, "475"),
    ([ModeSet("id-alice", key="open")], "OPEN", False, "475"),
    ([ModeSet("id-alice", key="open")], "open", False, None),
    ([ModeSet("id-alice", key="open")], "", True, "475"),
    ([ModeSet("id-alice", limit=1)], "", False, "471"),
    ([ModeSet("id-alice", limit=1)], "", True, "471"),
    ([ModeSet("id-alice", limit=2)], "", False, None),
    ([BanSet("id-alice", "bob!*@*")], "", False, "474"),
    ([BanSet("id-alice", "bob!*@*")], "", True, "474"),
    ([BanSet("id-alice", "B?B!*@securechat")], "", False, "474"),
    ([BanSet("id-alice", "carol!*@*")], "", False, None),
    ([BanSet("id-alice", "*!*@*.example")], "", False, None),
    ([BanSet("id-alice", "bob!*@*"), ModeSet("id-alice", on="i", key="open", limit=1)], "", False, "474"),
    ([ModeSet("id-alice", on="i", key="open", limit=1)], "", False, "473"),
    ([ModeSet("id-alice", key="open", limit=1)], "", False, "475"),
]


@pytest.mark.parametrize(("events", "key", "invited", "numeric"), OBSTACLES)
def test_what_keeps_somebody_out_has_its_numeric(
    stage: Stage, events: list[Event], key: str, invited: bool, numeric: str | None
) -> None:
    channel = stage.channel("#room", {"alice": "q"})
    for event in events:
        stage.happen(channel_stream(channel.id), event)
    if invited:
        stage.happen(channel_stream(channel.id), Invited("id-bob", "id-alice"))
    scene = stage.play(stage.enter("bob"), f"JOIN #room {key}".rstrip())
    assert scene.numerics == ([] if numeric is None else [numeric])
    assert ("bob" in stage.roles("#room")) == (numeric is None)


def test_an_invitation_is_used_up_by_joining(stage: Stage) -> None:
    stage.channel("#room", {"alice": "q"}, modes="i")
    alice, bob = stage.enter("alice"), stage.enter("bob")
    stage.play(alice, "INVITE bob #room")
    stage.play(bob, "JOIN #room", "PART #room")
    assert stage.play(bob, "JOIN #room").numerics == ["473"]


# ── PART, KICK and who inherits ──


@pytest.mark.parametrize(("role", "kept"), [("o", "o"), ("v", "v"), ("", "")])
def test_a_role_survives_parting(stage: Stage, role: str, kept: str) -> None:
    stage.channel("#room", {"alice": "q", "bob": role})
    bob = stage.enter("bob")
    assert stage.play(bob, "PART #room :bye").events == [Left("id-bob", "bye", role)]
    stage.play(bob, "JOIN #room")
    assert stage.roles("#room") == {"alice": "q", "bob": kept}


@pytest.mark.parametrize("role", ["q", "o", "v"])
def test_a_role_does_not_survive_a_kick(stage: Stage, role: str) -> None:
    stage.channel("#room", {"alice": "q", "bob": role})
    assert stage.play(stage.enter("alice"), "KICK #room bob :out").events == [Kicked("id-bob", "id-alice", "out", role)]
    stage.play(stage.enter("bob"), "JOIN #room")
    assert stage.roles("#room") == {"alice": "q", "bob": ""}


def test_a_role_kept_from_earlier_is_lost_by_a_kick_later(stage: Stage) -> None:
    stage.channel("#room", {"alice": "q", "bob": "o"})
    alice, bob = stage.enter("alice"), stage.enter("bob")
    stage.play(bob, "PART #room", "JOIN #room")
    stage.play(alice, "KICK #room bob")
    stage.play(bob, "JOIN #room")
    assert stage.roles("#room")["bob"] == ""


# Members in the order they joined, the owner first; who inherits when alice goes.
HEIRS = [
    ({"alice": "q", "bob": "", "carol": ""}, "bob"),
    ({"alice": "q", "bob": "", "carol": "v"}, "carol"),
    ({"alice": "q", "bob": "v", "carol": "o"}, "carol"),
    ({"alice": "q", "bob": "o", "carol": "o"}, "bob"),
    ({"bob": "", "alice": "q", "carol": "v", "dave": "v"}, "carol"),
    ({"alice": "q", "bob": "q", "carol": "o"}, None),
    ({"alice": "q"}, None),
    ({"bob": "q", "alice": "o", "carol": ""}, None),
]


@pytest.mark.parametrize("line", ["PART #room", "KICK #room alice"])
@pytest.mark.parametrize(("members", "heir"), HEIRS)
def test_the_highest_role_and_among_equals_the_longest_standing_inherits(
    stage: Stage, members: dict[str, str], heir: str | None, line: str
) -> None:
    channel = stage.channel("#room", members)
    stage.write_into(channel, "alice")
    scene = stage.play(stage.enter("alice"), line)
    expected = [] if heir is None else [RoleSet(f"id-{heir}", "q", members[heir], by="")]
    assert scene.events[1:] == expected
    if len(members) > 1:
        assert "q" in stage.roles("#room").values()


def test_standing_begins_again_with_every_joining(stage: Stage) -> None:
    stage.channel("#room", {"alice": "q", "bob": "", "carol": ""})
    stage.play(stage.enter("bob"), "PART #room", "JOIN #room")
    stage.play(stage.enter("alice"), "PART #room")
    assert stage.roles("#room") == {"carol": "q", "bob": ""}


@pytest.mark.parametrize("line", ["PART #room", "KICK #room alice"])
def test_a_channel_nobody_is_in_and_nobody_wrote_to_disappears(stage: Stage, line: str) -> None:
    stage.channel("#room", {"alice": "q"})
    assert stage.play(stage.enter("alice"), line).events[1:] == [Dropped()]
    assert stage.directory.channel_named("#room") is None
    stage.play(stage.enter("bob"), "JOIN #room")
    assert stage.roles("#room") == {"bob": "q"}


def test_a_channel_somebody_wrote_to_stays_and_keeps_its_owner(stage: Stage) -> None:
    channel = stage.channel("#room", {"alice": "q"})
    stage.write_into(channel, "alice")
    stage.play(stage.enter("alice"), "PART #room")
    assert stage.directory.channel_named("#room") is channel
    stage.play(stage.enter("alice"), "JOIN #room")
    stage.play(stage.enter("bob"), "JOIN #room")
    assert stage.roles("#room") == {"alice": "q", "bob": ""}


def test_who_enters_a_channel_nobody_is_in_owns_it_and_the_former_owner_still_does(stage: Stage) -> None:
    channel = stage.channel("#room", {"alice": "q"})
    stage.write_into(channel, "alice")
    stage.play(stage.enter("alice"), "PART #room")
    stage.play(stage.enter("bob"), "JOIN #room")
    stage.play(stage.enter("alice"), "JOIN #room")
    assert stage.roles("#room") == {"bob": "q", "alice": "q"}


@pytest.mark.parametrize(("role", "numerics"), [("q", []), ("o", []), ("v", ["473"]), ("", ["473"])])
@pytest.mark.parametrize("mode", ["+i", "+ik key", "+il 1"])
def test_who_ran_a_closed_channel_comes_back_in(stage: Stage, role: str, numerics: list[str], mode: str) -> None:
    channel = stage.channel("#room", {"alice": "q", "bob": role})
    stage.write_into(channel, "alice")
    stage.play(stage.enter("bob"), "PART #room")
    stage.play(stage.enter("alice"), f"MODE #room {mode}", "PART #room")
    assert [each for each in stage.play(stage.enter("bob"), "JOIN #room").numerics if each[0] == "4"] == numerics


def test_who_ran_a_channel_and_was_banned_stays_out(stage: Stage) -> None:
    stage.channel("#room", {"alice": "q", "bob": "o"})
    stage.play(stage.enter("bob"), "PART #room")
    stage.play(stage.enter("alice"), "MODE #room +b bob")
    assert stage.play(stage.enter("bob"), "JOIN #room").numerics == ["474"]


def test_an_invitation_that_stands_is_sent_again(stage: Stage) -> None:
    """Modern IRC, INVITE: "the server MUST send a RPL_INVITING […] and an INVITE message": the first was missed, perhaps."""
    stage.channel("#room", {"alice": "q"})
    alice = stage.enter("alice")
    assert len(stage.play(alice, "INVITE bob #room").events) == 1
    again = stage.play(alice, "INVITE bob #room")
    assert (again.numerics, again.events) == (["341", "301"], [Invited("id-bob", "id-alice")])


def test_a_channel_whose_owner_was_kicked_out_of_it_belongs_to_who_comes_next(stage: Stage) -> None:
    channel = stage.channel("#room", {"alice": "q"})
    stage.write_into(channel, "alice")
    stage.play(stage.enter("alice"), "KICK #room alice")
    stage.play(stage.enter("bob"), "JOIN #room")
    assert stage.roles("#room") == {"bob": "q"}


# Who may kick whom: the kicker's role, then the victim's.
KICKS = {
    ("q", "q"): True, ("q", "o"): True, ("q", "v"): True, ("q", ""): True,
    ("o", "q"): False, ("o", "o"): True, ("o", "v"): True, ("o", ""): True,
    ("v", "q"): False, ("v", "o"): False, ("v", "v"): False, ("v", ""): False,
    ("", "q"): False, ("", "o"): False, ("", "v"): False, ("", ""): False,
}  # fmt: skip


@pytest.mark.parametrize(("pair", "allowed"), KICKS.items())
def test_operators_kick_and_nobody_above_them(stage: Stage, pair: tuple[str, str], allowed: bool) -> None:
    stage.channel("#room", {"dave": "q", "alice": pair[0], "bob": pair[1]})
    scene = stage.play(stage.enter("alice"), "KICK #room bob")
    assert scene.events == ([Kicked("id-bob", "id-alice", "", pair[1])] if allowed else [])
    assert scene.lines == ([] if allowed else [":chat.example 482 alice #room :You're not a channel operator"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PART #closed", "442 alice #closed :You're not on that channel"),
        ("PART #none", "403 alice #none :No such channel"),
        ("PART #room :" + "x" * 301, "417 alice :Text is longer than 300 bytes"),
        ("KICK #room nobody", "401 alice nobody :No such nick"),
        ("KICK #room carol", "441 alice carol #room :They aren't on that channel"),
        ("KICK #closed bob", "442 alice #closed :You're not on that channel"),
        ("KICK #none bob", "403 alice #none :No such channel"),
        ("KICK #room bob :" + "é" * 151, "417 alice :Text is longer than 300 bytes"),
        ("TOPIC #closed :x", "442 alice #closed :You're not on that channel"),
        ("TOPIC #closed", "442 alice #closed :You're not on that channel"),
        ("TOPIC #room :" + "x" * 301, "417 alice :Text is longer than 300 bytes"),
        ("TOPIC #room", "331 alice #room :No topic is set"),
        ("INVITE nobody #room", "401 alice nobody :No such nick"),
        ("INVITE bob #room", "443 alice bob #room :is already on channel"),
        ("INVITE carol #closed", "442 alice #closed :You're not on that channel"),
        ("INVITE carol #none", "403 alice #none :No such channel"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(stage: Stage, line: str, expected: str) -> None:
    stage.channel("#room", {"alice": "q", "bob": ""})
    stage.channel("#closed", {"bob": "q"}, modes="i")
    scene = stage.play(stage.enter("alice"), line)
    assert scene.lines == [f":chat.example {expected}"]
    assert scene.events == []


# ── INVITE and TOPIC ──

# Whether a member of that role may invite, in an open channel and in one that is closed in some way.
INVITERS = {
    ("q", "n"): True, ("o", "n"): True, ("v", "n"): True, ("", "n"): True,
    ("q", "i"): True, ("o", "i"): True, ("v", "i"): False, ("", "i"): False,
    ("o", "s"): True, ("", "s"): False, ("o", "k"): True, ("", "k"): False,
}  # fmt: skip


@pytest.mark.parametrize(("case", "allowed"), INVITERS.items())
def test_into_a_closed_channel_only_operators_invite(stage: Stage, case: tuple[str, str], allowed: bool) -> None:
    role, mode = case
    channel = stage.channel("#room", {"dave": "q", "alice": role}, modes=mode.replace("k", ""))
    stage.happen(channel_stream(channel.id), ModeSet("id-dave", key="key" if mode == "k" else ""))
    scene = stage.play(stage.enter("alice"), "INVITE bob #room")
    assert scene.events == ([Invited("id-bob", "id-alice")] if allowed else [])
    assert scene.numerics[0] == ("341" if allowed else "482")


def test_who_invites_somebody_absent_is_told_so(stage: Stage) -> None:
    stage.channel("#room", {"alice": "q"})
    stage.enter("bob")
    alice = stage.enter("alice")
    assert stage.play(alice, "INVITE bob #room").lines == [":chat.example 341 alice bob #room"]
    assert stage.play(alice, "INVITE carol #room").lines == [
        ":chat.example 341 alice carol #room",
        ":chat.example 301 alice carol :Not connected",
    ]


@pytest.mark.parametrize(("role", "modes", "allowed"), [
    ("q", "t", True), ("o", "t", True), ("v", "t", False), ("", "t", False), ("v", "", True), ("", "", True),
])  # fmt: skip
def test_a_topic_is_set_by_operators_or_where_it_is_free_by_members(
    stage: Stage, role: str, modes: str, allowed: bool
) -> None:
    stage.channel("#room", {"dave": "q", "alice": role}, modes=modes)
    scene = stage.play(stage.enter("alice"), "TOPIC #room :news")
    assert scene.events == ([TopicSet("id-alice", "news")] if allowed else [])


def test_a_topic_is_shown_with_who_set_it_and_when_and_can_be_cleared(stage: Stage) -> None:
    stage.channel("#room", {"alice": "q"})
    alice = stage.enter("alice")
    stage.play(alice, "TOPIC #room :all the news")
    assert stage.play(stage.enter("bob"), "TOPIC #Room").lines == [
        ":chat.example 332 bob #room :all the news",
        ":chat.example 333 bob #room alice 1795262400",
    ]
    stage.play(alice, "TOPIC #room :")
    assert stage.play(alice, "TOPIC #room").numerics == ["331"]

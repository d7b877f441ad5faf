"""IRCv3 channel-rename (draft/channel-rename), section by section. (Who is told what: tests/server/test_channels.py)"""

from __future__ import annotations

import pytest

from securechat.chat import administration
from securechat.chat.administration import Impossible, NewAccount
from securechat.chat.announcements import enters_anew, rename_lines
from securechat.chat.events import BanSet, ChannelRenamed, Joined, ModeSet, TopicSet
from securechat.chat.render import message
from securechat.chat.streams import channel_stream
from securechat.wire.capabilities import ACCOUNT_TAG, CHANNEL_RENAME, EXTENDED_JOIN, MESSAGE_TAGS, SERVER_TIME
from tests.chat.stage import Stage, told

ROOM = channel_stream("c-#room")


@pytest.fixture
def stage() -> Stage:
    """Alice owns #room, oscar is operator, bob is a member, dave is outside."""
    stage = Stage("alice", "oscar", "bob", "dave")
    stage.channel("#room", {"alice": "q", "oscar": "o", "bob": ""})
    return stage


# ── Messages ──


def test_an_operator_renames_with_a_reason_and_without(stage: Stage) -> None:
    assert stage.play(stage.enter("oscar"), "RENAME #room #hall :Typo fix").events == [
        ChannelRenamed("#hall", "#room", "id-oscar", "Typo fix")
    ]
    stage.now += 60_000
    assert stage.play(stage.enter("alice"), "RENAME #HALL #room").events == [
        ChannelRenamed("#room", "#hall", "id-alice")
    ]


@pytest.mark.parametrize("reason", ["Typo fix", ""])
def test_the_line_from_the_server_always_has_a_reason(stage: Stage, reason: str) -> None:
    """`MUST always include the third parameter, an empty string MAY be used`."""
    record = stage.happen(ROOM, ChannelRenamed("#hall", "#room", "id-alice", reason))
    line = message(record, stage.world, MESSAGE_TAGS)
    assert line is not None
    assert told([line]) == [f"@msgid={record.msgid} :alice!alice@securechat RENAME #room #hall :{reason}"]


def test_a_rename_preserves_all_channel_state(stage: Stage) -> None:
    for event in (
        TopicSet("id-alice", "about"),
        ModeSet("id-alice", "m", key="key", limit=9, slow=5),
        BanSet("id-alice", "x!*@*"),
        BanSet("id-alice", "y!*@*", "e"),
    ):
        stage.happen(ROOM, event)
    channel = stage.directory.channels["c-#room"]
    before = (stage.roles("#room"), channel.topic, channel.modes, channel.key, channel.limit, channel.slow)
    masks = (dict(channel.bans), dict(channel.exceptions))
    stage.play(stage.enter("alice"), "RENAME #room #hall")
    assert stage.directory.channel_named("#hall") is channel
    assert (stage.roles("#hall"), channel.topic, channel.modes, channel.key, channel.limit, channel.slow) == before
    assert (channel.bans, channel.exceptions) == masks


def test_a_name_may_change_its_case_alone(stage: Stage) -> None:
    """`MUST allow channels to be renamed while only changing the casing`."""
    assert len(stage.play(stage.enter("alice"), "RENAME #room #Room").events) == 1
    channel = stage.directory.channel_named("#ROOM")
    assert channel is not None
    assert (channel.name, channel.former_names) == ("#Room", [])


def test_what_was_judged_on_the_old_name_is_judged_again(stage: Stage) -> None:
    bob = stage.enter("bob")
    (append,) = stage.judge(bob, "PRIVMSG #room :x")
    stage.play(stage.enter("alice"), "RENAME #room #hall")
    assert append.expects[0] == (ROOM, 0)  # type: ignore[union-attr]
    assert stage.directory.channels["c-#room"].epoch == 1
    assert stage.play(bob, "PRIVMSG #room :x").numerics == ["403"]


# ── Errors ──


@pytest.mark.parametrize(
    ("name", "line", "answer"),
    [
        ("bob", "RENAME #room #hall", "482 bob #room :You're not a channel operator"),
        ("dave", "RENAME #room #hall", "442 dave #room :You're not on that channel"),
        ("alice", "RENAME #none #hall", "403 alice #none :No such channel"),
        ("alice", "RENAME #room", "461 alice RENAME :Not enough parameters"),
        ("alice", "RENAME #room #other", "FAIL RENAME CHANNEL_NAME_IN_USE #room #other :The channel name is already taken"),
        ("alice", "RENAME #room #OTHER", "FAIL RENAME CHANNEL_NAME_IN_USE #room #OTHER :The channel name is already taken"),
        ("alice", "RENAME #room #was", "FAIL RENAME CHANNEL_NAME_IN_USE #room #was :The channel name is already taken"),
        ("alice", "RENAME #room hall", "FAIL RENAME CANNOT_RENAME #room hall :That is no name for a channel"),
        ("alice", "RENAME #room #a,b", "FAIL RENAME CANNOT_RENAME #room #a,b :That is no name for a channel"),
        ("alice", "RENAME #room #room", "FAIL RENAME CANNOT_RENAME #room #room :The channel is called that already"),
        ("alice", "RENAME #room #hidden", "FAIL RENAME CANNOT_RENAME #room #hidden :The channel cannot be called that"),
        ("alice", "RENAME #room #hall :" + "x" * 301, "417 alice :Text is longer than 300 bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(stage: Stage, name: str, line: str, answer: str) -> None:
    stage.channel("#was", {"dave": "q"})
    stage.play(stage.enter("dave"), "RENAME #was #other")
    stage.channel("#hidden", {"dave": "q"}, modes="s")
    scene = stage.play(stage.enter(name), line)
    assert (scene.lines, scene.events) == ([f":chat.example {answer}"], [])


def test_a_channel_is_renamed_once_a_minute_but_in_its_case(stage: Stage) -> None:
    """Security Considerations: `a per-channel cooldown`."""
    alice = stage.enter("alice")
    stage.play(alice, "RENAME #room #hall")
    stage.now += 59_999
    refused = ":chat.example FAIL RENAME CANNOT_RENAME #hall #room :This channel has been renamed recently"
    assert stage.play(alice, "RENAME #hall #room").lines == [refused]
    assert len(stage.play(alice, "RENAME #hall #Hall").events) == 1
    stage.now += 1
    assert len(stage.play(alice, "RENAME #hall #room").events) == 1


# ── Channel redirection ──


def test_who_asks_for_the_old_name_is_told_the_new_one_and_not_taken_there(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "RENAME #room #hall")
    scene = stage.play(stage.enter("dave", CHANNEL_RENAME), "JOIN #Room")
    assert scene.lines == [
        ":chat.example FAIL JOIN CHANNEL_RENAMED #Room #hall :The channel has been renamed: it is #hall now"
    ]
    scene = stage.play(stage.enter("dave"), "JOIN #room")
    line = ":chat.example 470 dave #room #hall :The channel has been renamed: it is #hall now"
    assert (scene.lines, scene.events) == ([line], [])


def test_of_a_secret_channel_the_old_name_says_nothing(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "RENAME #room #hall", "MODE #hall +s")
    dave = stage.enter("dave", CHANNEL_RENAME)
    assert stage.play(dave, "JOIN #room").lines == [":chat.example 403 dave #room :No such channel"]
    assert stage.play(dave, "TOPIC #room").lines == [":chat.example 403 dave #room :No such channel"]


def test_no_administrator_makes_a_channel_of_an_old_name_either(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "RENAME #room #hall")
    with pytest.raises(Impossible, match="'#room' was the name of '#hall' and stays its own"):
        administration.create_channel(stage.world, "#room", "dave")


def test_a_default_channel_that_was_renamed_is_still_the_default() -> None:
    stage = Stage("alice", default_channels=["#room"])
    stage.channel("#room", {"alice": "q"})
    stage.play(stage.enter("alice"), "RENAME #room #hall")
    append = administration.add_accounts(stage.world, [NewAccount("erik")])
    assert [stream for stream, event in append.entries if isinstance(event, Joined)] == [ROOM]


# ── Fallback ──


def lines_for(stage: Stage, event: ChannelRenamed, caps: int) -> list[str]:
    record = stage.happen(ROOM, event)
    return told(rename_lines(record, event, stage.world, "id-bob", caps))


@pytest.mark.parametrize(("reason", "parting"), [("We move", "PART #room :We move"), ("", "PART #room")])
def test_who_does_not_know_rename_is_shown_leaving_and_coming_back(stage: Stage, reason: str, parting: str) -> None:
    event = ChannelRenamed("#hall", "#room", "id-alice", reason)
    assert lines_for(stage, event, 0) == [
        f":bob!bob@securechat {parting}",
        ":bob!bob@securechat JOIN #hall",
    ]
    assert enters_anew(event, 0)
    assert not enters_anew(event, CHANNEL_RENAME)


def test_these_lines_have_the_tags_of_who_is_shown_them_and_no_msgid(stage: Stage) -> None:
    event = ChannelRenamed("#hall", "#room", "id-alice")
    caps = SERVER_TIME | MESSAGE_TAGS | ACCOUNT_TAG | EXTENDED_JOIN
    tags = "@time=2026-11-21T12:00:00.000Z;account=bob"
    parting, join = lines_for(stage, event, caps)
    assert parting == f"{tags} :bob!bob@securechat PART #room"
    assert join.partition(" ")[2] == ":bob!bob@securechat JOIN #hall bob bob"
    assert set(join.partition(" ")[0][1:].split(";")) == set(tags[1:].split(";"))


def test_a_change_of_case_alone_is_told_by_rename_or_not_at_all(stage: Stage) -> None:
    """`This fallback SHOULD NOT be used if the rename only changes the case`."""
    event = ChannelRenamed("#Room", "#room", "id-alice")
    assert lines_for(stage, event, 0) == []
    assert not enters_anew(event, 0)
    assert lines_for(stage, event, CHANNEL_RENAME) == [":alice!alice@securechat RENAME #room #Room :"]


def test_names_fill_lines_as_far_as_the_new_name_leaves_room() -> None:
    people = {f"{'n' * 28}{i:04d}": "" for i in range(40)}
    stage = Stage("alice", *people)
    stage.channel("#r", {"alice": "q", **people})
    alice = stage.enter("alice")
    stage.play(alice, "NAMES #r", f"RENAME #r #{'x' * 63}")
    lines = stage.play(alice, f"NAMES #{'x' * 63}").lines
    assert max(len(line) for line in lines) <= 510
    assert sum(len(line.split(":")[2].split()) for line in lines if " 353 " in line) == 41

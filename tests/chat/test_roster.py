"""The names of a channel's members: shared while nothing changes, true when something does."""

from __future__ import annotations

from securechat.chat.events import Joined, Kicked, Left, RoleSet
from securechat.chat.ports import ChannelState
from securechat.chat.roster import draw_names
from securechat.chat.streams import channel_stream
from tests.chat.stage import Stage

PEOPLE = {"alice": "q", "bob": "o", "carol": "v", "dave": "", "erin": ""}


def crowd() -> tuple[Stage, ChannelState]:
    stage = Stage(*PEOPLE, "frank")
    return stage, stage.channel("#a", PEOPLE)


def test_names_fill_lines_to_the_byte() -> None:
    stage, channel = crowd()
    assert list(draw_names(stage.directory, channel, 11)) == ["~alice @bob", "+carol dave", "erin"]


def test_names_fit_no_more_than_the_budget() -> None:
    stage, channel = crowd()
    assert list(draw_names(stage.directory, channel, 10)) == ["~alice", "@bob", "+carol", "dave erin"]


def test_the_same_lines_serve_everybody_until_the_members_change() -> None:
    stage, channel = crowd()
    first, second = (list(draw_names(stage.directory, channel, 11)) for _ in range(2))
    assert [id(line) for line in first] == [id(line) for line in second]


def test_who_leaves_or_changes_while_names_are_drawn_is_shown_as_it_is_now() -> None:
    stage, channel = crowd()
    stream = channel_stream(channel.id)
    drawn = draw_names(stage.directory, channel, 11)
    assert next(drawn) == "~alice @bob"
    stage.happen(stream, Left("id-dave"))
    stage.happen(stream, RoleSet("id-erin", "o", "", "id-alice"))
    stage.happen(stream, Joined("id-frank", ""))
    assert list(drawn) == ["+carol", "@erin"], "frank's JOIN has told of him"
    assert list(draw_names(stage.directory, channel, 40)) == ["~alice @bob +carol @erin frank"]


def test_a_line_whose_names_have_grown_is_drawn_as_two() -> None:
    stage, channel = crowd()
    drawn = draw_names(stage.directory, channel, 11)
    next(drawn)
    stage.happen(channel_stream(channel.id), RoleSet("id-dave", "o", "", "id-alice"))
    assert list(drawn) == ["+carol", "@dave", "erin"]


def test_a_kick_is_seen_by_the_next_who_comes() -> None:
    stage, channel = crowd()
    assert len(list(draw_names(stage.directory, channel, 11))) == 3
    stage.happen(channel_stream(channel.id), Kicked("id-carol", "id-alice", "", "v"))
    assert list(draw_names(stage.directory, channel, 40)) == ["~alice @bob dave erin"]


def test_a_channel_without_members_has_no_names() -> None:
    stage, channel = crowd()
    for name, role in PEOPLE.items():
        stage.happen(channel_stream(channel.id), Left(f"id-{name}", "", role))
    assert list(draw_names(stage.directory, channel, 40)) == []

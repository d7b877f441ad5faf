"""The state folded from events."""

from __future__ import annotations

from securechat.client import state as limits
from securechat.client.events import (
    AwayChanged,
    Departed,
    Joined,
    Left,
    MessageSeen,
    NamesListed,
    Renamed,
    SignedIn,
    TopicSet,
)
from securechat.client.state import Position, State


def make_state() -> State:
    state = State()
    for event in (
        SignedIn("alice", 100),
        Joined("#X", "alice", True),
        TopicSet("#x", "tea"),
        NamesListed("#x", (("~", "Bob"), ("", "alice"))),
    ):
        state.apply(event)
    return state


def seen(msgid: str, time: int, conversation: str = "#x") -> MessageSeen:
    return MessageSeen(conversation, conversation, "bob", "text", msgid, time)


def members(state: State) -> dict[str, tuple[str, str]]:
    channel = state.find_channel("#x")
    assert channel is not None
    return channel.members


def test_channels_topics_and_members_follow_the_events() -> None:
    state = make_state()
    channel = state.find_channel("#x")
    assert channel is not None
    assert (channel.name, channel.topic) == ("#X", "tea")
    assert members(state) == {"bob": ("~", "Bob"), "alice": ("", "alice")}
    state.apply(Joined("#x", "Carol", False))
    state.apply(Renamed("BOB", "robert", False))
    state.apply(AwayChanged("carol", "lunch"))
    assert members(state) == {"alice": ("", "alice"), "carol": ("", "Carol"), "robert": ("~", "robert")}
    assert state.away == {"carol"}
    state.apply(Departed("carol", ""))
    state.apply(Left("#x", "robert", False))
    assert members(state) == {"alice": ("", "alice")}
    assert state.away == set()
    state.apply(Left("#X", "alice", True))
    assert state.channels == {}


def test_what_concerns_channels_we_are_not_in_is_not_kept() -> None:
    state = make_state()
    for event in (
        Joined("#y", "bob", False),
        TopicSet("#y", "t"),
        NamesListed("#y", (("", "bob"),)),
        Left("#y", "bob", False),
    ):
        assert state.apply(event)
    assert list(state.channels) == ["#x"]


def test_a_new_sign_in_forgets_channels_and_keeps_positions() -> None:
    state = make_state()
    state.apply(seen("m1", 5))
    state.apply(SignedIn("alice", 100))
    assert state.channels == {}
    assert state.position("#X") == Position("#x", 5, "m1")


def test_a_message_seen_twice_is_news_once() -> None:
    state = make_state()
    assert state.apply(seen("m1", 5))
    assert not state.apply(seen("m1", 5))
    assert state.apply(seen("m2", 5))
    assert state.apply(seen("", 5))
    assert state.apply(seen("", 5))


def test_a_position_moves_on_and_never_back() -> None:
    state = make_state()
    for msgid, time, position in [("m2", 20, "m2"), ("m1", 10, "m2"), ("m3", 20, "m3"), ("m4", 21, "m4")]:
        state.apply(seen(msgid, time))
        known = state.position("#x")
        assert known is not None
        assert known.msgid == position
    assert state.latest_time == 21


def test_a_position_is_written_as_chathistory_takes_it() -> None:
    assert Position("#x", 5, "m1").bound == "msgid=m1"
    assert Position("#x", 1_700_000_000_123).bound == "timestamp=2023-11-14T22:13:20.123Z"
    assert Position("#x", 0).bound == "timestamp=1970-01-01T00:00:00.000Z"


def test_everything_kept_has_a_limit() -> None:
    state = make_state()
    for i in range(limits.MAX_SEEN + 10):
        state.apply(seen(f"m{i}", i, f"#c{i}"))
    assert len(state._seen) == limits.MAX_SEEN
    assert len(state._positions) == limits.MAX_POSITIONS
    for i in range(limits.MAX_AWAY + 10):
        state.apply(AwayChanged(f"n{i}", "away"))
    assert len(state.away) == limits.MAX_AWAY
    for i in range(limits.MAX_CHANNELS + 10):
        state.apply(Joined(f"#c{i}", "alice", True))
    assert len(state.channels) == limits.MAX_CHANNELS
    crowd = tuple(("", f"n{i}") for i in range(10_000))
    for i in range(8):
        state.apply(NamesListed(f"#c{i}", crowd))
    assert sum(len(channel.members) for channel in state.channels.values()) == limits.MAX_MEMBERS


def test_a_time_that_cannot_be_written_is_not_asked_from() -> None:
    state = make_state()
    state.apply(seen("", limits.LATEST_TIME + 1))
    assert state.latest_time is None


def test_lines_without_an_id_belong_to_the_message_of_their_time() -> None:
    """A message of several lines for who knows no batch of them: a repeat of the first is one of all. (IRCv3 multiline)"""
    state = make_state()
    assert [state.apply(seen(msgid, time)) for msgid, time in [("m1", 10), ("", 10), ("", 10), ("m2", 11)]] == [
        True
    ] * 4
    assert [state.apply(seen(msgid, time)) for msgid, time in [("m1", 10), ("", 10), ("", 10)]] == [False] * 3
    assert [state.apply(seen(msgid, time)) for msgid, time in [("m3", 12), ("", 12)]] == [True, True]
    assert state.position("#x") == Position("#x", 12, "m3")
    assert state.apply(seen("", 13))
    assert state.position("#x") == Position("#x", 13)

"""The lists b, e and I: what can be put into them, how they are shown, whom they match, and for how long."""

from __future__ import annotations

import time

import msgspec
import pytest

from securechat.chat.bans import expiries, is_silenced, lift_expired, parse_kept
from securechat.chat.effects import Append, Entry
from securechat.chat.events import BanLifted, BanSet, Invited, Renamed
from securechat.chat.streams import account_stream, channel_stream
from tests.chat.stage import NOON, Stage

ROOM = channel_stream("c-#room")
MINUTE = 60_000


@pytest.fixture
def stage() -> Stage:
    """Alice owns #room, bob and carol are plain members, vera has a voice, dave is outside."""
    stage = Stage("alice", "bob", "carol", "vera", "dave")
    stage.channel("#room", {"alice": "q", "vera": "v", "bob": "", "carol": ""})
    return stage


def rename(stage: Stage, was: str, name: str) -> None:
    stage.happen(account_stream(f"id-{was}"), Renamed(name, was))


def test_the_worst_masks_cost_little_a_message(stage: Stage) -> None:
    """An owner may fill three lists with what takes longest; each message of a member is held against them all."""
    channel = stage.directory.channels["c-#room"]
    for number in range(100):
        mask = "*a*" + "*".join(["?" * 31 + "b"] * 4) + f"{number}!*@*"
        stage.happen(ROOM, BanSet("id-alice", mask))
    member = msgspec.structs.replace(stage.directory.accounts["id-bob"], name="a" * 32)
    took = []
    for _ in range(5):
        begin = time.perf_counter()
        assert not is_silenced(channel, member)
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.002


# ── what is kept of what is typed ──

KEPT = [
    ("bob", "bob!*@*"),
    ("~a:bob", "~a:id-bob"),
    ("~a:BOB", "~a:id-bob"),
    ("~account:bob", "~a:id-bob"),
    ("~q:bob", "~q:bob!*@*"),
    ("~quiet:bob", "~q:bob!*@*"),
    ("~q:~a:bob", "~q:~a:id-bob"),
    ("~t:5:bob", "~t:5:bob!*@*"),
    ("~time:5:~quiet:~account:bob", "~t:5:~q:~a:id-bob"),
    ("a:bob", "a:bob!*@*"),
    ("*!*@fe80::1", "*!*@fe80::1"),
]


@pytest.mark.parametrize(("typed", "kept"), KEPT)
def test_a_mask_is_kept_in_one_spelling(stage: Stage, typed: str, kept: str) -> None:
    (event,) = stage.play(stage.enter("alice"), f"MODE #room +b {typed}").events
    assert isinstance(event, BanSet)
    assert event.mask == kept
    assert parse_kept(kept).write() == kept


UNUSABLE = [
    ("~a:nobody", "There is no account of that name"),
    ("~a:b*b", "There is no account of that name"),
    ("~a:", "There is no account of that name"),
    ("~x:bob", "There are ~a:account, ~q:mask and ~t:minutes:mask"),
    ("~bob", "There are ~a:account, ~q:mask and ~t:minutes:mask"),
    ("~q:", "There are ~a:account, ~q:mask and ~t:minutes:mask"),
    ("~q:~t:5:bob", "There are ~a:account, ~q:mask and ~t:minutes:mask"),
    ("~t:0:bob", "A time is a number of minutes from 1 to 525600"),
    ("~t:525601:bob", "A time is a number of minutes from 1 to 525600"),
    ("~t:-1:bob", "A time is a number of minutes from 1 to 525600"),
    ("~t:٣:bob", "A time is a number of minutes from 1 to 525600"),
    ("~t:bob", "A time is a number of minutes from 1 to 525600"),
]


@pytest.mark.parametrize(("typed", "reason"), UNUSABLE)
def test_what_is_no_mask_is_refused_with_the_reason(stage: Stage, typed: str, reason: str) -> None:
    scene = stage.play(stage.enter("alice"), f"MODE #room +b {typed}")
    assert scene.lines == [f":chat.example 696 alice #room b {typed} :{reason}"]
    assert scene.events == []


@pytest.mark.parametrize("letter", ["e", "I"])
def test_only_bans_can_be_limited_to_silence(stage: Stage, letter: str) -> None:
    scene = stage.play(stage.enter("alice"), f"MODE #room +{letter} ~q:bob")
    assert scene.lines == [f":chat.example 696 alice #room {letter} ~q:bob :Only bans can be limited to silence"]


# ── the lists. (Modern IRC, MODE, Type A; 346 to 349, 367, 368) ──


@pytest.mark.parametrize(
    ("letter", "entry", "end", "name"),
    [("b", "367", "368", "ban"), ("e", "348", "349", "exception"), ("I", "346", "347", "invite exception")],
)
def test_each_list_has_its_numerics(stage: Stage, letter: str, entry: str, end: str, name: str) -> None:
    stage.play(stage.enter("alice"), f"MODE #room +{letter} ~a:dave")
    assert stage.play(stage.enter("bob"), f"MODE #room {letter}").lines == [
        f":chat.example {entry} bob #room ~a:dave alice 1795262400",
        f":chat.example {end} bob #room :End of channel {name} list",
    ]
    assert stage.play(stage.enter("dave"), f"MODE #room {letter}").numerics == [end]


def test_several_lists_can_be_asked_for_at_once_and_beside_a_change(stage: Stage) -> None:
    assert stage.play(stage.enter("bob"), "MODE #room beIb").numerics == ["368", "349", "347"]
    scene = stage.play(stage.enter("alice"), "MODE #room +mb")
    assert (scene.numerics, len(scene.events)) == (["368"], 1)


def test_a_mask_is_lifted_in_any_spelling_and_without_naming_its_time(stage: Stage) -> None:
    alice = stage.enter("alice")
    stage.play(alice, "MODE #room +bb ~t:5:~q:~a:bob dave")
    assert stage.play(alice, "MODE #room -bb ~quiet:~account:BOB DAVE").events == [
        BanLifted("id-alice", "~t:5:~q:~a:id-bob"),
        BanLifted("id-alice", "dave!*@*"),
    ]


def test_a_list_is_full_for_itself_alone(stage: Stage) -> None:
    for i in range(100):
        stage.happen(ROOM, BanSet("id-alice", f"m{i}!*@*", "e"))
    scene = stage.play(stage.enter("alice"), "MODE #room +eIb one one one")
    assert scene.lines == [":chat.example 478 alice #room e :Channel exception list is full"]
    assert scene.events == [BanSet("id-alice", "one!*@*", "I"), BanSet("id-alice", "one!*@*")]


# ── whom they match ──


def can_join(stage: Stage, name: str) -> bool:
    stage.play(stage.enter(name), "JOIN #room")
    return name in stage.roles("#room")


def can_post(stage: Stage, name: str) -> bool:
    return stage.play(stage.enter(name), "PRIVMSG #room :x").numerics == []


def test_a_mask_matches_the_name_of_the_moment_and_an_account_ban_the_account(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "MODE #room +bb bob ~a:carol")
    assert not can_post(stage, "bob")
    assert not can_post(stage, "carol")
    rename(stage, "bob", "robert")
    rename(stage, "carol", "caroline")
    assert can_post(stage, "robert")
    assert not can_post(stage, "caroline")


def test_an_account_ban_is_shown_and_lifted_by_the_name_of_the_moment(stage: Stage) -> None:
    alice = stage.enter("alice")
    stage.play(alice, "MODE #room +b ~t:5:~a:carol")
    rename(stage, "carol", "caroline")
    assert stage.play(alice, "MODE #room b").lines[0].split()[4] == "~t:5:~a:caroline"
    assert stage.play(alice, "MODE #room -b ~a:carol").numerics == ["696"]
    assert stage.play(alice, "MODE #room -b ~a:caroline").events == [BanLifted("id-alice", "~t:5:~a:id-carol")]


def test_a_ban_keeps_out_and_silences_and_a_mute_silences_alone(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "MODE #room +b d*")
    assert stage.play(stage.enter("dave"), "JOIN #room").numerics == ["474"]
    stage.play(stage.enter("alice"), "MODE #room -b+b d* ~q:d*")
    assert can_join(stage, "dave")
    assert not can_post(stage, "dave")
    assert can_post(stage, "bob")


def test_who_has_a_role_is_not_silenced(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "MODE #room +bb ~q:* *")
    assert can_post(stage, "vera")
    assert can_post(stage, "alice")
    assert not can_post(stage, "bob")


@pytest.mark.parametrize("exception", ["dave", "~a:dave", "~t:5:dave"])
def test_an_exception_lifts_bans_and_mutes_for_whom_it_matches(stage: Stage, exception: str) -> None:
    """EXCEPTS=e. (Modern IRC, Ban Exception Channel Mode)"""
    stage.register("donald")
    stage.play(stage.enter("alice"), f"MODE #room +bbe d* ~q:* {exception}")
    assert can_join(stage, "dave")
    assert can_post(stage, "dave")
    assert stage.play(stage.enter("donald"), "JOIN #room").numerics == ["474"]
    stage.play(stage.enter("alice"), f"MODE #room -e {exception}")
    assert not can_post(stage, "dave")


def test_an_exception_does_not_give_a_voice(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "MODE #room +me bob")
    assert not can_post(stage, "bob")


@pytest.mark.parametrize("mask", ["dave", "d*!*@*", "~a:dave"])
def test_an_invite_exception_opens_an_invite_only_channel(stage: Stage, mask: str) -> None:
    """INVEX=I. (Modern IRC, Invite-Exception Channel Mode)"""
    stage.register("erik")
    stage.play(stage.enter("alice"), f"MODE #room +iI {mask}")
    assert can_join(stage, "dave")
    assert stage.play(stage.enter("erik"), "JOIN #room").numerics == ["473"]


def test_neither_it_nor_an_invitation_lifts_a_ban_a_key_or_a_limit(stage: Stage) -> None:
    alice, dave = stage.enter("alice"), stage.enter("dave")
    stage.play(alice, "MODE #room +iI dave")
    stage.happen(ROOM, Invited("id-dave", "id-alice"))
    for letters, numeric in (("b dave", "474"), ("k key", "475"), ("l 4", "471")):
        stage.play(alice, f"MODE #room +{letters}")
        assert stage.play(dave, "JOIN #room").numerics == [numeric]
        stage.play(alice, f"MODE #room -{letters}")


# ── for a time ──


def test_a_timed_mask_says_until_when_it_holds(stage: Stage) -> None:
    assert stage.play(stage.enter("alice"), "MODE #room +bI ~t:5:bob ~t:1:dave").events == [
        BanSet("id-alice", "~t:5:bob!*@*", "b", NOON + 5 * MINUTE),
        BanSet("id-alice", "~t:1:dave!*@*", "I", NOON + MINUTE),
    ]


def test_what_was_said_last_of_how_long_holds(stage: Stage) -> None:
    alice = stage.enter("alice")
    stage.play(alice, "MODE #room +b bob")
    assert stage.play(alice, "MODE #room +b ~t:5:bob").events == [
        BanLifted("id-alice", "bob!*@*"),
        BanSet("id-alice", "~t:5:bob!*@*", "b", NOON + 5 * MINUTE),
    ]
    stage.now += MINUTE
    assert stage.play(alice, "MODE #room +b ~t:5:bob").events == [
        BanSet("id-alice", "~t:5:bob!*@*", "b", NOON + 6 * MINUTE)
    ]
    assert stage.play(alice, "MODE #room +b bob").events == [
        BanLifted("id-alice", "~t:5:bob!*@*"),
        BanSet("id-alice", "bob!*@*"),
    ]
    assert stage.play(alice, "MODE #room +b bob").events == []


def test_when_its_time_is_over_the_server_lifts_it_and_nothing_else(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "MODE #room +bbeI bob ~t:5:carol ~t:2:~a:dave ~t:6:dave")
    channel = stage.directory.channels["c-#room"]
    assert [(each.until - NOON) // MINUTE for each in expiries(channel)] == [2, 5, 6]
    stage.now = NOON + 2 * MINUTE - 1
    assert lift_expired(stage.world, "c-#room") is None
    stage.now = NOON + 5 * MINUTE
    append = lift_expired(stage.world, "c-#room")
    assert append == Append(
        (Entry(ROOM, BanLifted("", "~t:2:~a:id-dave", "e")), Entry(ROOM, BanLifted("", "~t:5:carol!*@*", "b"))),
        expects=((ROOM, channel.epoch),),
    )
    assert not can_post(stage, "carol")
    stage.carry_out(append)
    assert can_post(stage, "carol")
    assert lift_expired(stage.world, "c-#room") is None
    assert lift_expired(stage.world, "gone") is None

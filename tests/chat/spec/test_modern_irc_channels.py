"""Modern IRC, Channel Operations and MODE, as its text has them: each numeric with its parameters in their order."""

from __future__ import annotations

import pytest

from securechat.chat.events import BanSet
from securechat.chat.streams import channel_stream
from tests.chat.stage import NOON, Stage

TIME = NOON // 1000


@pytest.fixture
def stage() -> Stage:
    """Alice owns #room, oscar is its operator, vera voiced, bob a plain member; carol is nowhere."""
    stage = Stage("alice", "oscar", "vera", "bob", "carol")
    stage.channel("#room", {"alice": "q", "oscar": "o", "vera": "v", "bob": ""})
    return stage


def say(stage: Stage, nick: str, *lines: str) -> list[str]:
    return [line.removeprefix(":chat.example ") for line in stage.play(stage.enter(nick), *lines).lines]


# ── JOIN, PART ──


def test_join_takes_lists_and_each_key_is_for_the_channel_in_its_place(stage: Stage) -> None:
    """JOIN: `the first <key> being used for the first <channel>, the second <key> … the second <channel>, etc.`"""
    for name in ("#one", "#two", "#three"):
        stage.channel(name, {"alice": "q"})
        stage.play(stage.enter("alice"), f"MODE {name} +k key-of-{name[1:]}")
    refused = say(stage, "carol", "JOIN #one,#two,#three,#open key-of-two,key-of-two")
    assert refused == [
        "475 carol #one :Cannot join channel: wrong key",
        "475 carol #three :Cannot join channel: wrong key",
    ]
    assert say(stage, "carol", "JOIN #one,,#three key-of-one,,key-of-three") == []
    assert {name for name in ("#one", "#two", "#three", "#open") if "carol" in stage.roles(name)} == {
        "#one", "#two", "#three", "#open",
    }  # fmt: skip


def test_one_target_written_twice_is_one(stage: Stage) -> None:
    """RFC 2812, 407: duplicate recipients. In another case it is the same channel, or nick, too."""
    assert say(stage, "bob", "PART #room,#ROOM") == []
    assert len(stage.play(stage.enter("alice"), "PRIVMSG carol,Carol,CAROL,#room,#Room :x").events) == 2


OBSTACLES = {
    "+i": "473 carol #room :Cannot join channel: it is invite-only",
    "+k key": "475 carol #room :Cannot join channel: wrong key",
    "+l 4": "471 carol #room :Cannot join channel: it is full",
    "+b carol": "474 carol #room :Cannot join channel: you are banned",
}


@pytest.mark.parametrize("modes", OBSTACLES)
def test_what_keeps_one_out_has_its_numeric_with_the_channel(stage: Stage, modes: str) -> None:
    stage.play(stage.enter("alice"), f"MODE #room {modes}")
    assert say(stage, "carol", "JOIN #ROOM") == [OBSTACLES[modes]]


REFUSED = [
    ("carol", "JOIN", "461 carol JOIN :Not enough parameters"),
    ("carol", "JOIN room", "403 carol room :Invalid channel name"),
    ("carol", "JOIN #a\x07", "403 carol #a\x07 :Invalid channel name"),
    ("carol", "PART", "461 carol PART :Not enough parameters"),
    ("carol", "PART #room", "442 carol #room :You're not on that channel"),
    ("carol", "PART #none", "403 carol #none :No such channel"),
    ("bob", "TOPIC", "461 bob TOPIC :Not enough parameters"),
    ("bob", "TOPIC #none", "403 bob #none :No such channel"),
    ("bob", "TOPIC #room", "331 bob #room :No topic is set"),
    ("bob", "TOPIC #room :x", "482 bob #room :You're not a channel operator"),
    ("carol", "TOPIC #room :x", "442 carol #room :You're not on that channel"),
    ("bob", "NAMES", "366 bob * :End of /NAMES list"),
    ("bob", "NAMES #none", "366 bob #none :End of /NAMES list"),
    ("bob", "NAMES none", "366 bob none :End of /NAMES list"),
    ("alice", "INVITE carol", "461 alice INVITE :Not enough parameters"),
    ("alice", "INVITE zoe #room", "401 alice zoe :No such nick"),
    ("alice", "INVITE carol #none", "403 alice #none :No such channel"),
    ("alice", "INVITE bob #room", "443 alice bob #room :is already on channel"),
    ("carol", "INVITE carol #room", "442 carol #room :You're not on that channel"),
    ("alice", "KICK #room", "461 alice KICK :Not enough parameters"),
    ("alice", "KICK #none bob", "403 alice #none :No such channel"),
    ("alice", "KICK #room zoe", "401 alice zoe :No such nick"),
    ("alice", "KICK #room carol", "441 alice carol #room :They aren't on that channel"),
    ("bob", "KICK #room vera", "482 bob #room :You're not a channel operator"),
    ("carol", "KICK #room bob", "442 carol #room :You're not on that channel"),
    ("alice", "MODE", "461 alice MODE :Not enough parameters"),
    ("alice", "MODE #none", "403 alice #none :No such channel"),
    ("alice", "MODE #none +m", "403 alice #none :No such channel"),
    ("bob", "MODE #room +m", "482 bob #room :You're not a channel operator"),
    ("alice", "MODE #room +z", "472 alice z :is unknown mode char to me"),
    ("alice", "MODE #room +o carol", "441 alice carol #room :They aren't on that channel"),
    ("alice", "MODE #room +o zoe", "401 alice zoe :No such nick"),
    ("alice", "MODE #room +k a,b", "696 alice #room k a,b :Key is not well-formed"),
    ("alice", "MODE #room +l many", "696 alice #room l many :A limit is a number from 1 to 999999"),
]


@pytest.mark.parametrize(("nick", "line", "expected"), REFUSED, ids=[f"{nick} {line}" for nick, line, _ in REFUSED])
def test_a_refusal_is_one_numeric_and_changes_nothing(stage: Stage, nick: str, line: str, expected: str) -> None:
    """Key Channel Mode: `If the value is invalid, they SHOULD return ERR_INVALIDMODEPARAM`."""
    scene = stage.play(stage.enter(nick), line)
    assert ([each.removeprefix(":chat.example ") for each in scene.lines], scene.events) == ([expected], [])


def test_each_channel_of_a_list_is_answered_for_itself(stage: Stage) -> None:
    assert say(stage, "carol", "PART #none,#room") == [
        "403 carol #none :No such channel", "442 carol #room :You're not on that channel",
    ]  # fmt: skip
    assert say(stage, "alice", "NAMES #none,#ROOM") == [
        "366 alice #none :End of /NAMES list",
        "353 alice = #room :~alice @oscar +vera bob",
        "366 alice #room :End of /NAMES list",
    ]


# ── TOPIC, NAMES, LIST ──


def test_a_topic_is_shown_with_who_set_it_and_when_until_it_is_cleared(stage: Stage) -> None:
    """TOPIC: `If RPL_TOPIC is returned […], RPL_TOPICWHOTIME SHOULD also be sent`; an empty one clears."""
    assert say(stage, "oscar", "TOPIC #room :All about it", "TOPIC #ROOM") == [
        "332 oscar #room :All about it", f"333 oscar #room oscar {TIME}",
    ]  # fmt: skip
    assert say(stage, "alice", "TOPIC #room :", "TOPIC #room") == ["331 alice #room :No topic is set"]


def test_names_has_the_symbol_of_the_channel(stage: Stage) -> None:
    """RPL_NAMREPLY: `=` public, `@` secret; a secret one is one 366 to who is not in it."""
    stage.play(stage.enter("alice"), "MODE #room +s")
    assert say(stage, "bob", "NAMES #room")[0] == "353 bob @ #room :~alice @oscar +vera bob"
    assert say(stage, "carol", "NAMES #room") == ["366 carol #room :End of /NAMES list"]


def test_list_has_count_and_topic_and_one_end(stage: Stage) -> None:
    stage.channel("#quiet", {"bob": "q"}, modes="s")
    stage.play(stage.enter("alice"), "TOPIC #room :All about it")
    everything = [
        "321 carol Channel :Users  Name", "322 carol #room 4 :All about it", "323 carol :End of /LIST",
    ]  # fmt: skip
    for line in ("LIST", "LIST #room,#none", "LIST >3", "LIST #room >3,<5", "LIST #quiet,#room"):
        assert say(stage, "carol", line) == everything
    for line in ("LIST >4", "LIST <4", "LIST #none", "LIST #quiet", "LIST !#r*"):
        assert say(stage, "carol", line) == [everything[0], everything[-1]]


# ── INVITE, KICK ──


def test_an_invitation_is_told_by_341_and_heard_each_time(stage: Stage) -> None:
    """`the server MUST send a RPL_INVITING numeric to the command issuer, and an INVITE message […] to the target user`."""
    stage.enter("carol")
    for _ in range(2):
        scene = stage.play(stage.enter("alice"), "INVITE Carol #ROOM")
        assert scene.lines == [":chat.example 341 alice carol #room"]
        assert len(scene.events) == 1
    assert say(stage, "carol", "INVITE") == ["336 carol #room", "337 carol :End of /INVITE list"]


def test_into_an_invite_only_channel_operators_invite(stage: Stage) -> None:
    """`they SHOULD reject it when the channel has invite-only mode set, and the user is not a channel operator`."""
    stage.play(stage.enter("alice"), "MODE #room +i")
    assert say(stage, "bob", "INVITE carol #room") == ["482 bob #room :You're not a channel operator"]


def test_kick_takes_several_of_one_channel_or_each_of_its_own(stage: Stage) -> None:
    stage.channel("#two", {"alice": "q", "carol": ""})
    assert say(stage, "alice", "KICK #room,#two vera,carol :out") == []
    assert ("vera" in stage.roles("#room"), "carol" in stage.roles("#two")) == (False, False)
    assert say(stage, "alice", "KICK #room bob,oscar") == []
    assert stage.roles("#room") == {"alice": "q"}


@pytest.mark.parametrize(
    "line", ["KICK #room,#two bob", "KICK #room,#two bob,vera,carol", "KICK #room,#two,#three bob,vera"]
)
def test_kick_with_lists_that_do_not_fit_each_other_removes_nobody(stage: Stage, line: str) -> None:
    """`there MUST be either one channel parameter and multiple user parameter, or as many channel[s] as […] user[s]`."""
    stage.channel("#two", {"alice": "q", "carol": ""})
    scene = stage.play(stage.enter("alice"), line)
    assert (len(scene.lines), scene.events) == (1, [])


# ── MODE ──


def test_the_modes_of_a_channel_are_shown_with_its_key_to_members_alone(stage: Stage) -> None:
    """RPL_CHANNELMODEIS, RPL_CREATIONTIME; `Servers MAY choose to hide sensitive information such as channel keys`."""
    stage.play(stage.enter("alice"), "MODE #room +klm key 9")
    assert say(stage, "bob", "MODE #room") == ["324 bob #room +mntkl key 9", f"329 bob #room {TIME}"]
    assert say(stage, "carol", "MODE #room") == ["324 carol #room +mntkl * 9", f"329 carol #room {TIME}"]


@pytest.mark.parametrize("letters", ["+l", "+k", "+W", "+o", "+v", "+q", "-o"])
def test_a_mode_without_the_parameter_it_needs_is_passed_over(stage: Stage, letters: str) -> None:
    """`If a type B or C mode does not have a parameter when being set, the server MUST ignore that mode.`"""
    scene = stage.play(stage.enter("alice"), f"MODE #room +m{letters}")
    assert [line.split()[1] for line in scene.lines] == ["696"]
    assert len(scene.events) == 1
    assert say(stage, "alice", "MODE #room")[0] == "324 alice #room +mnt"


LISTS = {
    "b": ("367", "368 {} #room :End of channel ban list"),
    "e": ("348", "349 {} #room :End of channel exception list"),
    "I": ("346", "347 {} #room :End of channel invite exception list"),
}


@pytest.mark.parametrize("letter", LISTS)
@pytest.mark.parametrize("sign", ["", "+", "-"])
def test_a_list_is_sent_when_its_letter_has_no_argument(stage: Stage, letter: str, sign: str) -> None:
    """Type A: `If a type A mode has been sent without an argument, the contents of the list MUST be sent to the user`."""
    entry, end = LISTS[letter]
    stage.play(stage.enter("alice"), f"MODE #room +{letter}{letter} one!*@* two")
    assert say(stage, "bob", f"MODE #room {sign}{letter}") == [
        f"{entry} bob #room one!*@* alice {TIME}", f"{entry} bob #room two!*@* alice {TIME}", end.format("bob"),
    ]  # fmt: skip
    assert say(stage, "carol", f"MODE #room {sign}{letter}") == [end.format("carol")]


def test_a_mask_that_the_server_set_is_listed_under_its_name(stage: Stage) -> None:
    """RPL_BANLIST: `<who> is either the nickname or nickmask of the client that set the ban, or a server name`."""
    stage.happen(channel_stream("c-#room"), BanSet("", "carla!*@*"))
    assert say(stage, "alice", "MODE #room b")[0] == f"367 alice #room carla!*@* chat.example {TIME}"


def test_a_full_list_is_told_with_its_letter(stage: Stage) -> None:
    """RFC 2812, 478: `<channel> <char> :Channel list is full`."""
    alice = stage.enter("alice")
    for i in range(0, 100, 10):
        stage.play(alice, f"MODE #room +{'b' * 10} " + " ".join(f"m{i + each}" for each in range(10)))
    assert stage.play(alice, "MODE #room +b more").lines == [
        ":chat.example 478 alice #room b :Channel ban list is full"
    ]


def test_what_is_known_of_a_command_is_done_and_the_rest_told(stage: Stage) -> None:
    scene = stage.play(stage.enter("alice"), "MODE #room +mYo-tb+Z bob foo")
    assert scene.lines == [f":chat.example 472 alice {letter} :is unknown mode char to me" for letter in "YZ"]
    assert len(scene.events) == 2
    assert stage.roles("#room")["bob"] == "o"
    assert say(stage, "alice", "MODE #room")[0] == "324 alice #room +mn"


USER_MODES = [
    ("MODE alice", ["221 alice +"]),
    ("MODE ALICE", ["221 alice +"]),
    ("MODE bob", ["502 alice :Cannot show or change modes of other people"]),
    ("MODE bob +B", ["502 alice :Cannot show or change modes of other people"]),
    ("MODE zoe", ["401 alice zoe :No such nick"]),
    ("MODE alice +z", ["501 alice :Unknown user mode"]),
    ("MODE alice +zB", [":alice!alice@securechat MODE alice +B", "501 alice :Unknown user mode"]),
]


@pytest.mark.parametrize(("line", "expected"), USER_MODES, ids=[line for line, _ in USER_MODES])
def test_user_modes(stage: Stage, line: str, expected: list[str]) -> None:
    """`the server MUST apply the modes that are implemented, and then send the ERR_UMODEUNKNOWNFLAG`."""
    assert say(stage, "alice", line) == expected

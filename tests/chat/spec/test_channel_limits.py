"""Every limit of ISUPPORT that concerns channels is the one that is enforced: read from the 005 lines, then tried.

(Modern IRC, RPL_ISUPPORT Parameters)
"""

from __future__ import annotations

import re

import pytest

from securechat.chat.events import BanSet, Created, Joined
from securechat.chat.streams import channel_stream
from tests.chat.spec.tokens import read_isupport
from tests.chat.stage import Stage

ROOM = channel_stream("c-#room")


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", *(f"m{i:02d}" for i in range(20)))
    stage.channel("#room", {"alice": "q", "bob": "", **{f"m{i:02d}": "" for i in range(20)}})
    return stage


@pytest.fixture
def tokens(stage: Stage) -> dict[str, str]:
    return read_isupport(stage)


def maximum(tokens: dict[str, str], token: str, name: str) -> int | None:
    """Return a number of a token like TARGMAX=KICK:8,JOIN: or None where it says there is none."""
    numbers = dict(pair.split(":") for pair in tokens[token].split(","))
    return int(numbers[name]) if numbers[name] else None


def words(stage: Stage, line: str) -> list[str]:
    return stage.play(stage.enter("alice"), line).numerics


def test_channellen(stage: Stage, tokens: dict[str, str]) -> None:
    name = "#" + "x" * (int(tokens["CHANNELLEN"]) - 1)
    assert words(stage, f"JOIN {name}x") == ["403"]
    assert words(stage, f"JOIN {name}") == []
    assert words(stage, f"RENAME {name} {name}y") == ["FAIL"]
    assert stage.directory.channel_named(name) is not None


@pytest.mark.parametrize(
    ("token", "line"), [("TOPICLEN", "TOPIC #room :"), ("KICKLEN", "KICK #room bob :"), ("KICKLEN", "PART #room :")]
)
def test_texts(stage: Stage, tokens: dict[str, str], token: str, line: str) -> None:
    assert words(stage, line + "x" * (int(tokens[token]) + 1)) == ["417"]
    assert words(stage, line + "x" * int(tokens[token])) == []


def test_keylen(stage: Stage, tokens: dict[str, str]) -> None:
    assert words(stage, "MODE #room +k " + "x" * (int(tokens["KEYLEN"]) + 1)) == ["696"]
    assert words(stage, "MODE #room +k " + "x" * int(tokens["KEYLEN"])) == []


def test_chanlimit(stage: Stage, tokens: dict[str, str]) -> None:
    prefix, number = tokens["CHANLIMIT"].split(":")
    assert prefix == tokens["CHANTYPES"] == "#"
    for i in range(int(number) - 2):
        stage.happen(f"c/{i}", Created(f"#{i}", "id-alice"))
        stage.happen(f"c/{i}", Joined("id-alice", ""))
    assert words(stage, "JOIN #last") == []
    assert words(stage, "JOIN #more") == ["405"]


def test_maxlist_excepts_and_invex(stage: Stage, tokens: dict[str, str]) -> None:
    letters = tokens["CHANMODES"].split(",")[0]
    assert (letters, tokens["EXCEPTS"], tokens["INVEX"]) == ("beI", "e", "I")
    for letter in letters:
        number = maximum(tokens, "MAXLIST", letter)
        assert number is not None
        for i in range(number - 1):
            stage.happen(ROOM, BanSet("id-alice", f"x{i}!*@*", letter))
        assert words(stage, f"MODE #room +{letter} last") == []
        assert words(stage, f"MODE #room +{letter} more") == ["478"]


def test_modes(stage: Stage, tokens: dict[str, str]) -> None:
    """Modes with a parameter are counted, flags are not; what is too much is said and the rest done."""
    number = int(tokens["MODES"])
    masks = " ".join(f"x{i}" for i in range(number + 1))
    scene = stage.play(stage.enter("alice"), f"MODE #room +ims{'b' * (number + 1)} {masks}")
    assert len(scene.events) == 1 + number
    assert scene.lines == [
        f":chat.example 696 alice #room b x{number} :At most {number} modes with a parameter in one command"
    ]


def test_chanmodes_and_prefix_name_every_mode_there_is(stage: Stage, tokens: dict[str, str]) -> None:
    lists, always, when_set, never = tokens["CHANMODES"].split(",")
    roles, _ = re.fullmatch(r"\((\w+)\)(\W+)", tokens["PREFIX"]).groups()  # type: ignore[union-attr]
    known = set(lists + always + when_set + never + roles)
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        assert (words(stage, f"MODE #room +{letter}") == ["472"]) == (letter not in known), letter
    for letter in when_set:
        assert words(stage, f"MODE #room +{letter} 5") == []
        assert words(stage, f"MODE #room -{letter}") == []


@pytest.mark.parametrize("command", ["KICK", "NAMES", "PART", "PRIVMSG", "NOTICE", "TAGMSG"])
def test_targmax(stage: Stage, tokens: dict[str, str], command: str) -> None:
    number = maximum(tokens, "TARGMAX", command)
    assert number is not None
    form = {"KICK": "KICK #room {} :out", "NAMES": "NAMES {}", "PART": "PART {}"}.get(command, command + " {} :x")
    targets = [f"m{i:02d}" if command == "KICK" else f"#no{i}" for i in range(number + 1)]
    alice = stage.enter("alice", ~0)
    too_many = stage.play(alice, form.format(",".join(targets)))
    silent = command == "NOTICE"
    assert (too_many.numerics, too_many.events) == ([] if silent else ["407"], [])
    just = stage.play(alice, form.format(",".join(targets[:number])))
    assert "407" not in just.numerics
    assert len(just.numerics) + len(just.events) == (0 if silent else number)


def test_targmax_names_no_number_for_join_and_list(stage: Stage, tokens: dict[str, str]) -> None:
    assert maximum(tokens, "TARGMAX", "JOIN") is maximum(tokens, "TARGMAX", "LIST") is None
    names = ",".join(f"#{i}" for i in range(40))
    assert len(stage.play(stage.enter("alice"), f"JOIN {names}").events) == 80
    assert words(stage, f"LIST {names}").count("322") == 40


def test_targmax_whois_is_one(stage: Stage, tokens: dict[str, str]) -> None:
    assert maximum(tokens, "TARGMAX", "WHOIS") == 1
    assert "311" in words(stage, "WHOIS bob")
    assert "311" not in words(stage, "WHOIS bob,m01")


def test_there_is_no_statusmsg(stage: Stage, tokens: dict[str, str]) -> None:
    assert tokens["STATUSMSG"] == ""
    assert words(stage, "PRIVMSG @#room :x") == ["401"]


# ── KICK of several. (Modern IRC, KICK) ──


def test_several_are_kicked_from_one_channel_or_each_from_its_own(stage: Stage) -> None:
    stage.channel("#hall", {"alice": "q", "bob": ""})
    alice = stage.enter("alice")
    scene = stage.play(alice, "KICK #room m00,nobody,m01,m00 :out")
    assert ([event.account for event in scene.events], scene.numerics) == (["id-m00", "id-m01"], ["401"])
    stage.play(alice, "KICK #room,#hall m02,bob :out")
    assert "m02" not in stage.roles("#room")
    assert ("bob" in stage.roles("#room"), "bob" in stage.roles("#hall")) == (True, False)
    assert stage.play(alice, "KICK #room,#hall m03,m04,m05").numerics == ["407"]

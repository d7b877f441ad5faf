"""MODE: how it is read, what comes of it at once, and who may change what of whom."""

from __future__ import annotations

import pytest

from securechat.chat.bans import complete_mask
from securechat.chat.events import BanLifted, BanSet, ModeSet, RoleSet
from securechat.chat.handlers.modes import parse_changes
from securechat.chat.streams import channel_stream
from tests.chat.stage import Stage


@pytest.fixture
def stage() -> Stage:
    """Alice owns #room, oscar is operator, vera has a voice, bob and carol have nothing, dave is outside."""
    stage = Stage("alice", "oscar", "vera", "bob", "carol", "dave")
    stage.channel("#room", {"alice": "q", "oscar": "o", "vera": "v", "bob": "", "carol": ""})
    return stage


PARSED = [
    ("", [], []),
    ("+", [], []),
    ("n", [], [(True, "n", "")]),
    ("+nt", [], [(True, "n", ""), (True, "t", "")]),
    ("-nt", [], [(False, "n", ""), (False, "t", "")]),
    ("+n-t", [], [(True, "n", ""), (False, "t", "")]),
    ("+o-v", ["a", "b"], [(True, "o", "a"), (False, "v", "b")]),
    ("+ov", ["a"], [(True, "o", "a"), (True, "v", "")]),
    ("+kl", ["key", "5"], [(True, "k", "key"), (True, "l", "5")]),
    ("-kl", ["key"], [(False, "k", ""), (False, "l", "")]),
    ("-k", [], [(False, "k", "")]),
    ("-ko", ["key", "a"], [(False, "k", ""), (False, "o", "a")]),
    ("-lo", ["a"], [(False, "l", ""), (False, "o", "a")]),
    ("+l", [], [(True, "l", "")]),
    ("b", [], [(True, "b", "")]),
    ("+b", ["x!*@*"], [(True, "b", "x!*@*")]),
    ("+zo", ["a"], [(True, "z", ""), (True, "o", "a")]),
    ("+-+n", [], [(True, "n", "")]),
    ("+n", ["spare"], [(True, "n", "")]),
]


@pytest.mark.parametrize(("letters", "arguments", "expected"), PARSED)
def test_letters_take_their_arguments_in_order(
    letters: str, arguments: list[str], expected: list[tuple[bool, str, str]]
) -> None:
    assert [tuple(change) for change in parse_changes(letters, arguments)] == expected


# What alice, the owner, says of #room (+nt), and the one ModeSet that comes of it.
SETTINGS = [
    ("+m", ModeSet("id-alice", on="m")),
    ("+ims", ModeSet("id-alice", on="ims")),
    ("-nt", ModeSet("id-alice", off="nt")),
    ("+i-t", ModeSet("id-alice", on="i", off="t")),
    ("+n", None),
    ("-m", None),
    ("+m-m", None),
    ("-n+n", None),
    ("+k key", ModeSet("id-alice", key="key")),
    ("-k", None),
    ("+l 5", ModeSet("id-alice", limit=5)),
    ("+l 999999", ModeSet("id-alice", limit=999_999)),
    ("-l", None),
    ("+mkl-t key 5", ModeSet("id-alice", on="m", off="t", key="key", limit=5)),
]


@pytest.mark.parametrize(("line", "expected"), SETTINGS)
def test_all_settings_of_a_command_are_one_event(stage: Stage, line: str, expected: ModeSet | None) -> None:
    scene = stage.play(stage.enter("alice"), f"MODE #room {line}")
    assert scene.events == ([] if expected is None else [expected])
    assert scene.lines == []


def test_a_key_and_a_limit_are_taken_away_again(stage: Stage) -> None:
    alice = stage.enter("alice")
    stage.play(alice, "MODE #room +kl key 5")
    assert stage.play(alice, "MODE #room +k key", "MODE #room +l 5").events == []
    assert stage.play(alice, "MODE #room -kl whatever").events == [ModeSet("id-alice", key="", limit=0)]
    assert stage.play(alice, "MODE #room").lines[0] == ":chat.example 324 alice #room +nt"


def test_settings_roles_and_bans_of_one_command_happen_together_or_not_at_all(stage: Stage) -> None:
    effects = stage.judge(stage.enter("alice"), "MODE #room +mov-t bob carol")
    assert len(effects) == 1
    assert stage.play(stage.enter("alice"), "MODE #room +mobv-t bob evil carol").events == [
        ModeSet("id-alice", on="m", off="t"),
        RoleSet("id-bob", "o", "", by="id-alice"),
        RoleSet("id-carol", "v", "", by="id-alice"),
        BanSet("id-alice", "evil!*@*"),
    ]


def test_twelve_changes_are_made_at_once_and_no_more(stage: Stage) -> None:
    masks = " ".join(f"m{i}" for i in range(13))
    assert len(stage.play(stage.enter("alice"), f"MODE #room +{'b' * 13} {masks}").events) == 12


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+z", "472 alice z :is unknown mode char to me"),
        ("-Q", "472 alice Q :is unknown mode char to me"),
        ("+l", "696 alice #room l * :A limit is a number from 1 to 999999"),
        ("+l 0", "696 alice #room l 0 :A limit is a number from 1 to 999999"),
        ("+l -1", "696 alice #room l -1 :A limit is a number from 1 to 999999"),
        ("+l 1000000", "696 alice #room l 1000000 :A limit is a number from 1 to 999999"),
        ("+l ٣", "696 alice #room l ٣ :A limit is a number from 1 to 999999"),
        ("+o", "696 alice #room o * :A nick is needed"),
        ("+o nobody", "401 alice nobody :No such nick"),
        ("+o dave", "441 alice dave #room :They aren't on that channel"),
        ("+k", "696 alice #room k * :Key is not well-formed"),
        ("+k a,b", "696 alice #room k a,b :Key is not well-formed"),
        ("+k " + "x" * 33, "696 alice #room k " + "x" * 33 + " :Key is not well-formed"),
        ("+k :a b", "696 alice #room k * :Key is not well-formed"),
        ("+b " + "x" * 151, "696 alice #room b " + "x" * 151 + " :Not a usable mask"),
        ("+b :a b", "696 alice #room b * :Not a usable mask"),
    ],
)
def test_what_cannot_be_set_is_said_and_the_rest_is_done(stage: Stage, line: str, expected: str) -> None:
    alice = stage.enter("alice")
    letters, _, arguments = line.partition(" ")
    scene = stage.play(alice, f"MODE #room {letters}m {arguments}".rstrip())
    assert scene.lines == [f":chat.example {expected}"]
    assert scene.events == ([] if letters[0] == "-" else [ModeSet("id-alice", on="m")])


def test_outsiders_and_who_is_no_operator_change_nothing(stage: Stage) -> None:
    for name, numeric in [("dave", "442"), ("bob", "482"), ("vera", "482")]:
        for change in ["+m", "-n", "+o bob", "+b x", "+k key", "-l", "+z"]:
            scene = stage.play(stage.enter(name), f"MODE #room {change}")
            assert (scene.numerics, scene.events) == ([numeric], [])


# ── roles ──

# actor's role -> victim's role -> changes that do something, and what the victim holds then.
ROLE_CHANGES: dict[str, dict[str, dict[str, str]]] = {
    "q": {
        "q": {"-q": ""},
        "o": {"+q": "q", "-o": ""},
        "v": {"+q": "q", "+o": "o", "-v": ""},
        "": {"+q": "q", "+o": "o", "+v": "v"},
    },
    "o": {
        "q": {},
        "o": {"-o": ""},
        "v": {"+o": "o", "-v": ""},
        "": {"+o": "o", "+v": "v"},
    },
    "v": {"q": {}, "o": {}, "v": {}, "": {}},
    "": {"q": {}, "o": {}, "v": {}, "": {}},
}
CHANGES = ["+q", "-q", "+o", "-o", "+v", "-v"]


@pytest.mark.parametrize("actor", ["q", "o", "v", ""])
@pytest.mark.parametrize("victim", ["q", "o", "v", ""])
@pytest.mark.parametrize("change", CHANGES)
def test_who_may_change_whose_role(actor: str, victim: str, change: str) -> None:
    stage = Stage("root", "alice", "bob")
    stage.channel("#room", {"root": "q", "alice": actor, "bob": victim})
    scene = stage.play(stage.enter("alice"), f"MODE #room {change} bob")
    becomes = ROLE_CHANGES[actor][victim].get(change)
    if becomes is None:
        assert scene.events == []
        assert stage.roles("#room")["bob"] == victim
    else:
        assert scene.events == [RoleSet("id-bob", becomes, victim, by="id-alice")]
        assert scene.lines == []


@pytest.mark.parametrize("change", ["-q", "-q+o", "-q+v"])
def test_the_last_owner_cannot_give_it_up(stage: Stage, change: str) -> None:
    nicks = " ".join(["alice"] * (len(change) // 2))
    scene = stage.play(stage.enter("alice"), f"MODE #room {change} {nicks}")
    assert ":chat.example 482 alice #room :A channel needs an owner: name another first" in scene.lines
    assert stage.roles("#room")["alice"] == "q"


@pytest.mark.parametrize(
    ("letters", "nicks", "owners"),
    [
        ("+q-q", "bob alice", {"bob"}),
        ("-q+q", "alice bob", {"alice", "bob"}),
        ("+q-q-q", "bob alice bob", {"bob"}),
        ("+q-q-q", "bob bob alice", {"alice"}),
        ("+qq-q", "bob carol alice", {"bob", "carol"}),
    ],
)
def test_a_channel_is_never_without_an_owner_whatever_one_command_says(
    stage: Stage, letters: str, nicks: str, owners: set[str]
) -> None:
    stage.play(stage.enter("alice"), f"MODE #room {letters} {nicks}")
    assert {nick for nick, role in stage.roles("#room").items() if role == "q"} == owners


@pytest.mark.parametrize(
    ("letters", "nicks", "expected"),
    [
        ("+o-o", "bob bob", []),
        ("-o+v", "oscar oscar", [RoleSet("id-oscar", "v", "o", by="id-alice")]),
        ("+v+o", "bob bob", [RoleSet("id-bob", "o", "", by="id-alice")]),
        (
            "-vo",
            "vera oscar",
            [RoleSet("id-vera", "", "v", by="id-alice"), RoleSet("id-oscar", "", "o", by="id-alice")],
        ),
    ],
)
def test_several_changes_of_a_role_are_one_event(
    stage: Stage, letters: str, nicks: str, expected: list[RoleSet]
) -> None:
    assert stage.play(stage.enter("alice"), f"MODE #room {letters} {nicks}").events == expected


# ── bans ──


@pytest.mark.parametrize(
    ("given", "complete"),
    [
        ("bob", "bob!*@*"),
        ("bob!", "bob!*@*"),
        ("bob!b", "bob!b@*"),
        ("bob!b@", "bob!b@*"),
        ("bob!b@h", "bob!b@h"),
        ("!b", "*!b@*"),
        ("b@h", "*!b@h"),
        ("@h", "*!*@h"),
        ("*", "*!*@*"),
        ("*!*@*", "*!*@*"),
        ("b?b", "b?b!*@*"),
    ],
)
def test_a_mask_is_completed(stage: Stage, given: str, complete: str) -> None:
    assert complete_mask(given) == complete
    assert stage.play(stage.enter("alice"), f"MODE #room +b {given}").events == [BanSet("id-alice", complete)]


def test_bans_are_set_once_lifted_in_any_case_and_listed_to_members(stage: Stage) -> None:
    alice = stage.enter("alice")
    stage.play(alice, "MODE #room +b Evil")
    assert stage.play(alice, "MODE #room +b evil!*@*").events == []
    assert stage.play(alice, "MODE #room -b other").events == []
    for list_command in ["MODE #room b", "MODE #room +b", "MODE #room -b"]:
        assert stage.play(stage.enter("bob"), list_command).lines == [
            ":chat.example 367 bob #room Evil!*@* alice 1795262400",
            ":chat.example 368 bob #room :End of channel ban list",
        ]
    assert stage.play(stage.enter("dave"), "MODE #room b").numerics == ["368"]
    assert stage.play(alice, "MODE #room -b EVIL").events == [BanLifted("id-alice", "Evil!*@*")]


@pytest.mark.parametrize(
    ("letters", "banned"), [("+b-b", False), ("-b+b", True), ("+b-b+b", True), ("-b", False), ("+b", True)]
)
@pytest.mark.parametrize("before", [False, True])
def test_the_last_word_on_a_mask_counts(stage: Stage, letters: str, banned: bool, before: bool) -> None:
    if before:
        stage.happen(channel_stream("c-#room"), BanSet("id-alice", "bob!*@*"))
    stage.play(stage.enter("alice"), f"MODE #room {letters} bob bob bob")
    channel = stage.directory.channel_named("#room")
    assert channel is not None
    assert ("bob!*@*" in channel.bans) == banned


def test_there_is_room_for_a_hundred_bans(stage: Stage) -> None:
    for i in range(99):
        stage.happen(channel_stream("c-#room"), BanSet("id-alice", f"m{i}!*@*"))
    alice = stage.enter("alice")
    scene = stage.play(alice, "MODE #room +bb one more")
    assert scene.events == [BanSet("id-alice", "one!*@*")]
    assert scene.lines == [":chat.example 478 alice #room b :Channel ban list is full"]


# ── showing ──


def test_modes_are_shown_the_key_to_members_only(stage: Stage) -> None:
    stage.play(stage.enter("alice"), "MODE #room +kl-t geheim 5")
    assert stage.play(stage.enter("bob"), "MODE #room").lines == [
        ":chat.example 324 bob #room +nkl geheim 5",
        ":chat.example 329 bob #room 1795262400",
    ]
    assert stage.play(stage.enter("dave"), "MODE #room").lines[0] == ":chat.example 324 dave #room +nkl * 5"


@pytest.mark.parametrize("line", ["MODE #room +", "MODE #room :", "MODE #room -"])
def test_no_change_at_all_shows_the_modes(stage: Stage, line: str) -> None:
    assert stage.play(stage.enter("bob"), line).numerics == ["324", "329"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("MODE bob", "221 bob +"),
        ("MODE BOB", "221 bob +"),
        ("MODE bob +", "221 bob +"),
        ("MODE bob +x", "501 bob :Unknown user mode"),
        ("MODE alice", "502 bob :Cannot show or change modes of other people"),
        ("MODE alice +o", "502 bob :Cannot show or change modes of other people"),
        ("MODE nobody", "401 bob nobody :No such nick"),
        ("MODE #none", "403 bob #none :No such channel"),
        ("MODE #none +n", "403 bob #none :No such channel"),
    ],
)
def test_people_have_no_modes(stage: Stage, line: str, expected: str) -> None:
    assert stage.play(stage.enter("bob"), line).lines == [f":chat.example {expected}"]

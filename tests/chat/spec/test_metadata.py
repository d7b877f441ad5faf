"""IRCv3 metadata-2: the command, the keys and values, who sees them. What is told live is in tests/server."""

from __future__ import annotations

import pytest

from securechat.chat import profile
from securechat.chat.ask import Ask
from securechat.chat.effects import Append
from securechat.chat.events import Deleted, Left, MetadataSet
from securechat.chat.replies import entry_lines, welcome_lines
from securechat.chat.session import Session
from securechat.wire.capabilities import BATCH, CAPABILITIES, METADATA
from securechat.wire.message import Message
from tests.chat.stage import Stage, told

CAPS = METADATA | BATCH


@pytest.fixture
def stage() -> Stage:
    """#room with alice and bob in it; carol is a stranger. alice says two things of herself."""
    stage = Stage("alice", "bob", "carol")
    stage.channel("#room", {"alice": "q", "bob": ""})
    for key, value in (("pronouns", "she/her"), ("display-name", "Alice A.")):
        stage.happen("a/id-alice", MetadataSet(key, value))
    return stage


@pytest.fixture
def bob(stage: Stage) -> Session:
    return stage.enter("bob", CAPS)


def inside(lines: list[str], kind: str = "metadata", target: str | None = None) -> list[str]:
    """Return what is in the one batch that the lines are."""
    opening, *middle, closing = lines
    words = opening.split(" ")
    assert words[1] == "BATCH"
    assert words[3] == kind
    assert words[4:] == ([] if target is None else [target])
    reference = words[2].removeprefix("+")
    assert closing == f":chat.example BATCH -{reference}"
    assert all(line.startswith(f"@batch={reference} ") for line in middle)
    return [line.removeprefix(f"@batch={reference} :chat.example ") for line in middle]


# ── the capability ──


def test_the_limits_of_the_capability_are_the_ones_enforced() -> None:
    tokens = dict(token.split("=") for token in CAPABILITIES["draft/metadata-2"].value.split(","))
    limits = {
        "max-subs": profile.MAX_SUBSCRIPTIONS,
        "max-keys": len(profile.KEYS),
        "max-value-bytes": profile.VALUE_LENGTH,
    }
    assert tokens == {name: str(limit) for name, limit in limits.items()}


def test_without_the_capability_there_is_no_such_command(stage: Stage) -> None:
    scene = stage.play(stage.enter("bob", BATCH), "METADATA * LIST")
    assert scene.lines == [":chat.example 421 bob METADATA :Negotiate draft/metadata-2 first"]


# "clients receive their non-transient metadata … in a `metadata` batch with their own nick as target. If none exists, the
# server MUST send an empty batch instead."
@pytest.mark.parametrize(
    ("who", "values"),
    [("alice", ["METADATA alice display-name * :Alice A.", "METADATA alice pronouns * she/her"]), ("bob", [])],
)
def test_a_client_is_told_its_own_before_the_message_of_the_day(stage: Stage, who: str, values: list[str]) -> None:
    ask = Ask(stage.enter(who, CAPS), Message("*"), stage.world)
    lines = told(welcome_lines(ask))
    start = next(i for i, line in enumerate(lines) if " BATCH +" in line)
    assert inside(lines[start:-1], target=who) == values
    assert lines[-1].startswith(f":chat.example 422 {who} ")


def test_a_client_without_metadata_is_told_nothing_of_it(stage: Stage) -> None:
    """The control."""
    lines = told(welcome_lines(Ask(stage.enter("alice", BATCH), Message("*"), stage.world)))
    assert not [line for line in lines if "BATCH" in line or "METADATA" in line]


# ── METADATA GET, LIST ──


def test_get_answers_for_every_key_in_order(stage: Stage, bob: Session) -> None:
    lines = stage.play(bob, "METADATA alice GET status pronouns $bad DISPLAY-NAME im.xmpp").lines
    assert inside(lines, target="alice") == [
        "766 bob alice status :Key not set",
        "761 bob alice pronouns * she/her",
        "FAIL METADATA KEY_INVALID $bad :Invalid key",
        "761 bob alice display-name * :Alice A.",
        "766 bob alice im.xmpp :Key not set",
    ]


def test_list_shows_all_that_is_set(stage: Stage, bob: Session) -> None:
    assert inside(stage.play(bob, "METADATA Alice LIST").lines, target="alice") == [
        "761 bob alice display-name * :Alice A.",
        "761 bob alice pronouns * she/her",
    ]
    assert inside(stage.play(bob, "METADATA * LIST").lines, target="bob") == []


@pytest.mark.parametrize("line", ["LIST", "GET pronouns", "SYNC", "SET status x", "CLEAR"])
@pytest.mark.parametrize("target", ["nobody", "#nowhere", "$a:user", "alice!*@*"])
def test_an_invalid_target_gets_that_alone(stage: Stage, bob: Session, target: str, line: str) -> None:
    assert stage.play(bob, f"METADATA {target} {line}").lines == [
        f":chat.example FAIL METADATA INVALID_TARGET {target} :There is nobody and no channel of yours by that name"
    ]


def test_without_batches_the_lines_come_bare(stage: Stage) -> None:
    scene = stage.play(stage.enter("bob", METADATA), "METADATA alice GET pronouns")
    assert scene.lines == [":chat.example 761 bob alice pronouns * she/her"]


# "Servers MAY replace metadata which is considered not visible for the requesting user, with ERR_NOMATCHINGKEY", "MAY omit".
def test_who_shares_no_channel_sees_nothing(stage: Stage) -> None:
    carol = stage.enter("carol", CAPS)
    carol.subscriptions["pronouns"] = None
    assert inside(stage.play(carol, "METADATA alice GET pronouns").lines, target="alice") == [
        "766 carol alice pronouns :Key not set"
    ]
    assert inside(stage.play(carol, "METADATA alice LIST").lines, target="alice") == []
    assert inside(stage.play(carol, "METADATA alice SYNC").lines, target="alice") == []


def test_who_has_left_sees_nothing_any_more(stage: Stage, bob: Session) -> None:
    stage.happen("c/c-#room", Left("id-bob"))
    assert inside(stage.play(bob, "METADATA alice LIST").lines, target="alice") == []


# ── METADATA SET, CLEAR ──


@pytest.mark.parametrize("target", ["*", "bob", "BOB"])
def test_set_is_answered_by_the_new_value(stage: Stage, bob: Session, target: str) -> None:
    scene = stage.play(bob, f"METADATA {target} SET Status :working from home")
    assert scene.lines == [":chat.example 761 bob bob status * :working from home"]
    assert scene.events == [MetadataSet("status", "working from home")]
    (append,) = [effect for effect in scene.effects if isinstance(effect, Append)]
    assert append.expects == (("a/id-bob", 0),)


def test_set_without_a_value_removes_the_key(stage: Stage) -> None:
    alice = stage.enter("alice", CAPS)
    scene = stage.play(alice, "METADATA * SET pronouns", "METADATA * SET pronouns", "METADATA * SET status :")
    assert scene.lines == [
        ":chat.example 766 alice alice pronouns :Key not set",
        ":chat.example FAIL METADATA KEY_NOT_SET alice pronouns :Key not set",
        ":chat.example FAIL METADATA KEY_NOT_SET alice status :Key not set",
    ]
    assert scene.events == [MetadataSet("pronouns")]
    assert stage.directory.accounts["id-alice"].metadata == {"display-name": "Alice A."}


def test_the_same_value_again_is_not_stored_again(stage: Stage) -> None:
    alice = stage.enter("alice", CAPS)
    scene = stage.play(alice, "METADATA * SET pronouns :she/her")
    assert (scene.lines, scene.events) == ([":chat.example 761 alice alice pronouns * she/her"], [])


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("alice SET pronouns :it", "KEY_NO_PERMISSION alice pronouns :"),
        ("alice SET pronouns", "KEY_NO_PERMISSION alice pronouns :"),
        ("alice CLEAR", "KEY_NO_PERMISSION alice * :"),
        ("#room SET url :https://x.example", "KEY_NO_PERMISSION #room url :"),
        ("#room CLEAR", "KEY_NO_PERMISSION #room * :"),
        ("* SET $url$ :x", "KEY_INVALID $url$ :"),
        ("* SET a:b :x", "KEY_INVALID a:b :"),
        ("* SET " + "k" * 65 + " :x", "KEY_INVALID " + "k" * 65 + " :"),
        (
            "* SET im.xmpp :x",
            "KEY_NO_PERMISSION bob im.xmpp :Use avatar, color, display-name, homepage, pronouns, status",
        ),
        ("* SET bot :x", "KEY_NO_PERMISSION bob bot :"),
        ("* SET color :red", "VALUE_INVALID :This is no color"),
        ("* FLY", "SUBCOMMAND_INVALID FLY :"),
    ],
)
def test_what_may_not_be_set_fails_and_changes_nothing(stage: Stage, bob: Session, line: str, failure: str) -> None:
    scene = stage.play(bob, f"METADATA {line}")
    assert len(scene.lines) == 1
    assert scene.lines[0].startswith(f":chat.example FAIL METADATA {failure}")
    assert scene.events == []


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("", "SUBCOMMAND_INVALID *"),
        (" *", "SUBCOMMAND_INVALID *"),
        (" * get", "NEED_MORE_PARAMS GET"),
        (" * SET", "NEED_MORE_PARAMS SET"),
        (" * SUB", "NEED_MORE_PARAMS SUB"),
        (" * UNSUB", "NEED_MORE_PARAMS UNSUB"),
    ],
)
def test_too_few_parameters_fail_by_code(stage: Stage, bob: Session, line: str, failure: str) -> None:
    """Notifications: "Servers MUST reply to erroneous requests using Standard Replies"."""
    (told,) = stage.play(bob, f"METADATA{line}").lines
    assert told.startswith(f":chat.example FAIL METADATA {failure} :")


def test_clear_removes_every_key_at_once(stage: Stage) -> None:
    alice = stage.enter("alice", CAPS)
    scene = stage.play(alice, "METADATA * CLEAR")
    assert inside(scene.lines, target="alice") == [
        "766 alice alice display-name :Key not set",
        "766 alice alice pronouns :Key not set",
    ]
    assert scene.events == [MetadataSet("display-name"), MetadataSet("pronouns")]
    assert len([effect for effect in scene.effects if isinstance(effect, Append)]) == 1
    assert inside(stage.play(alice, "METADATA * CLEAR").lines, target="alice") == []


VALUES = [
    ("avatar", "https://example.com/avatar/{size}/asdf.jpg", True),
    ("avatar", "https://example.com:8443/a?b=c%20d#e", True),
    ("avatar", "http://example.com/a.png", False),
    ("avatar", "https://user@example.com/a.png", False),
    ("avatar", "https://example.com/a b.png", False),
    ("avatar", "https://example.com/{other}", False),
    ("avatar", "https://exämple.com/a.png", False),
    ("avatar", "javascript:alert(1)", False),
    ("avatar", "https://", False),
    ("avatar", "https://example.com/" + "x" * 280, True),
    ("avatar", "https://example.com/" + "x" * 281, False),
    ("homepage", "http://example.com", True),
    ("homepage", "https://example.com/bot-info.html", True),
    ("homepage", "ftp://example.com", False),
    ("color", "#800040", True),
    ("color", "#8000", False),
    ("color", "800040", False),
    ("pronouns", "she/her (妳/她)", True),
    ("pronouns", "they\u202ethem", False),
    ("status", "working from home", True),
    ("status", "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f", True),
    ("status", "a\u200bb", False),
    ("status", "\u200d", False),
    ("status", "a\x1b[31m", False),
    ("status", "x" * 301, False),
    ("display-name", "ダニエル", True),
    ("display-name", "x" * 129, False),
    ("display-name", "\u2764\ufe0f", False),
]


@pytest.mark.parametrize(("key", "value", "good"), VALUES)
def test_values_are_what_the_registry_says_and_nothing_that_hides(key: str, value: str, good: bool) -> None:
    stage = Stage("alice")
    scene = stage.play(stage.enter("alice", CAPS), f"METADATA * SET {key} :{value}")
    assert scene.events == ([MetadataSet(key, value)] if good else [])
    assert scene.numerics == (["761"] if good else ["FAIL"])
    assert all(len(line.encode()) <= 510 for line in scene.lines)


def test_a_color_is_kept_in_one_way_of_writing() -> None:
    stage = Stage("alice")
    scene = stage.play(stage.enter("alice", CAPS), "METADATA * SET color :#0A00FF")
    assert scene.lines == [":chat.example 761 alice alice color * #0a00ff"]


# ── METADATA SUB, UNSUB, SUBS ──


def test_subscribing_to_keys_and_showing_which(stage: Stage, bob: Session) -> None:
    lines = stage.play(bob, "METADATA * SUB avatar website FOO status im.xmpp").lines
    assert lines == [":chat.example 770 bob avatar website foo status", ":chat.example 770 bob im.xmpp"]
    assert inside(stage.play(bob, "METADATA * SUBS").lines, "metadata-subs") == [
        "772 bob avatar website foo status",
        "772 bob im.xmpp",
    ]
    lines = stage.play(bob, "METADATA bob UNSUB foo never $bad").lines
    assert lines == [":chat.example 771 bob foo never", ":chat.example FAIL METADATA KEY_INVALID $bad :Invalid key"]
    assert list(bob.subscriptions) == ["avatar", "website", "status", "im.xmpp"]


# "Subscribing to the same key multiple times"; "MUST NOT list the same key multiple times in a response".
def test_the_same_key_twice_is_there_once(stage: Stage, bob: Session) -> None:
    stage.play(bob, "METADATA * SUB avatar website", "METADATA * SUB avatar avatar")
    assert inside(stage.play(bob, "METADATA * SUBS").lines, "metadata-subs") == ["772 bob avatar website"]


def test_invalid_names_fail_and_the_rest_goes_on(stage: Stage, bob: Session) -> None:
    assert stage.play(bob, "METADATA * SUB foo $url bar").lines == [
        ":chat.example 770 bob foo bar",
        ":chat.example FAIL METADATA KEY_INVALID $url :Invalid key",
    ]


# "the server does not process any further keys"; the key of the failure is "this first key that the client could not
# subscribe to", even one that it has (example 3).
def test_too_many_subscriptions_end_at_the_first_key_there_is_no_room_for(stage: Stage, bob: Session) -> None:
    for i in range(profile.MAX_SUBSCRIPTIONS - 1):
        stage.play(bob, f"METADATA * SUB k{i}")
    assert stage.play(bob, "METADATA * SUB foo k1 avatar").lines == [
        ":chat.example 770 bob foo",
        ":chat.example FAIL METADATA TOO_MANY_SUBS k1 :20 keys are the most",
    ]
    assert len(bob.subscriptions) == 20


@pytest.mark.parametrize("word", ["SUB avatar", "UNSUB avatar", "SUBS"])
def test_nobody_subscribes_for_another(stage: Stage, bob: Session, word: str) -> None:
    for target in ("alice", "#room"):
        assert (
            stage.play(bob, f"METADATA {target} {word}")
            .lines[0]
            .startswith(f":chat.example FAIL METADATA INVALID_TARGET {target} :")
        )
    assert not bob.subscriptions


# "When subscribing to a key, clients SHOULD receive the current value of that key for … users they are receiving updates for."
def test_what_is_set_of_a_new_key_follows(stage: Stage, bob: Session) -> None:
    first, *rest = stage.play(bob, "METADATA * SUB pronouns").lines
    assert first == ":chat.example 770 bob pronouns"
    assert inside(rest, target="*") == ["METADATA alice pronouns * she/her"]
    assert stage.play(bob, "METADATA * SUB pronouns").lines == [":chat.example 770 bob pronouns"]


# ── METADATA SYNC, and coming into a channel ──


def test_sync_of_a_channel_is_what_its_members_say_of_the_keys_subscribed_to(stage: Stage, bob: Session) -> None:
    stage.happen("a/id-bob", MetadataSet("pronouns", "he/him"))
    stage.happen("a/id-carol", MetadataSet("pronouns", "they/them"))
    assert inside(stage.play(bob, "METADATA #ROOM SYNC").lines, target="#room") == []
    bob.subscriptions["pronouns"] = None
    assert inside(stage.play(bob, "METADATA #room SYNC").lines, target="#room") == [
        "METADATA alice pronouns * she/her",
        "METADATA bob pronouns * he/him",
    ]
    assert inside(stage.play(bob, "METADATA alice SYNC").lines, target="alice") == ["METADATA alice pronouns * she/her"]


@pytest.mark.parametrize("modes", ["nt", "nst"])
def test_a_channel_one_is_not_in_is_answered_like_one_that_is_not_there(stage: Stage, modes: str) -> None:
    stage.channel("#other", {"alice": "q"}, modes)
    bob = stage.enter("bob", CAPS)
    for word in ("SYNC", "LIST", "GET url", "SET url :x", "CLEAR"):
        there, nowhere = stage.play(bob, f"METADATA #other {word}"), stage.play(bob, f"METADATA #nowhere {word}")
        assert [line.replace("#other", "#nowhere") for line in there.lines] == nowhere.lines


def test_a_channel_has_no_metadata_of_its_own(stage: Stage, bob: Session) -> None:
    assert inside(stage.play(bob, "METADATA #room LIST").lines, target="#room") == []
    assert inside(stage.play(bob, "METADATA #room GET url").lines, target="#room") == ["766 bob #room url :Key not set"]


def test_who_comes_into_a_channel_is_told_what_it_subscribed_to(stage: Stage, bob: Session) -> None:
    room = stage.directory.channel_named("#room")
    assert room is not None
    ask = Ask(bob, Message("*"), stage.world)
    assert not [line for line in told(entry_lines(ask, room)) if "METADATA" in line or "BATCH" in line]
    bob.subscriptions["display-name"] = None
    lines = told(entry_lines(ask, room))
    start = next(i for i, line in enumerate(lines) if " BATCH +" in line)
    assert inside(lines[start:], target="#room") == ["METADATA alice display-name * :Alice A."]


# ── the end ──


def test_a_deleted_account_says_nothing_of_itself(stage: Stage) -> None:
    stage.happen("c/c-#room", Left("id-alice"))
    stage.happen("a/id-alice", Deleted())
    assert stage.directory.accounts["id-alice"].metadata == {}

"""IRCv3 setname: what a realname may be, how it is kept, where it is shown."""

from __future__ import annotations

import pytest

from securechat.chat import render
from securechat.chat.effects import Append
from securechat.chat.events import Joined, MetadataSet, Record
from securechat.chat.replies import isupport_tokens
from securechat.wire.capabilities import EXTENDED_JOIN, SETNAME
from securechat.wire.message import encode
from tests.chat.stage import NOON, Stage

COMPOSED, DECOMPOSED = "Zoë", "Zoe\u0308"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Bruce Wayne <bruce@wayne.enterprises>", "Bruce Wayne <bruce@wayne.enterprises>"),
        ("Batman", "Batman"),
        ("ダニエル", "ダニエル"),
        ("בוריס", "בוריס"),
        ("  two   words ", "two words"),
        (DECOMPOSED, COMPOSED),
        ("party 🎉", "party 🎉"),
        ("ä" * 64, "ä" * 64),
    ],
)
def test_a_realname_in_any_script_is_kept_as_the_display_name(given: str, kept: str) -> None:
    stage = Stage("alice")
    scene = stage.play(stage.enter("alice", SETNAME), f"SETNAME :{given}")
    assert scene.events == [MetadataSet("display-name", kept)]
    assert stage.directory.accounts["id-alice"].metadata == {"display-name": kept}
    # The line that confirms it is what the record shows; see tests/server/test_profiles.py.
    assert scene.lines == []


# Errors: "If the server rejects the realname due to invalidity, it MUST send FAIL SETNAME INVALID_REALNAME".
BAD = {
    "empty": "",
    "spaces": "   ",
    "tab": "a\tb",
    "escape": "a\x1bb",
    "bidi override": "a\u202eb",
    "bidi isolate": "\u2066a",
    "zero width space": "a\u200bb",
    "zero width joiner": "a\u200db",
    "wide space": "a\u3000b",
    "line separator": "a\u2028b",
    "drawn as nothing": "\u3164",
    "129 bytes": "ä" * 64 + "x",
}


@pytest.mark.parametrize("given", BAD.values(), ids=BAD)
def test_what_is_no_realname_is_refused_and_changes_nothing(given: str) -> None:
    stage = Stage("alice")
    scene = stage.play(stage.enter("alice", SETNAME), f"SETNAME :{given}")
    assert scene.lines == [
        ":chat.example FAIL SETNAME INVALID_REALNAME "
        ":A realname has 1 to 128 bytes and nothing in it that is drawn as nothing"
    ]
    assert scene.events == []


def test_the_length_is_the_one_that_isupport_says() -> None:
    assert "NAMELEN=128" in isupport_tokens("net")


# "If a client sends a SETNAME command without having negotiated the capability, the server SHOULD handle it silently."
def test_without_the_capability_it_works_in_silence() -> None:
    stage = Stage("alice")
    alice = stage.enter("alice")
    assert stage.play(alice, "SETNAME :Alice A.").events == [MetadataSet("display-name", "Alice A.")]
    again = stage.play(alice, "SETNAME :Alice A.", "SETNAME :a\u200bb")
    assert (again.lines, again.effects) == ([], [])


def test_the_same_name_again_is_confirmed_and_stored_once() -> None:
    stage = Stage("alice")
    alice = stage.enter("alice", SETNAME)
    scene = stage.play(alice, "SETNAME :Alice A.", "SETNAME :Alice  A.")
    assert len([effect for effect in scene.effects if isinstance(effect, Append)]) == 1
    assert scene.lines == [":alice!alice@securechat SETNAME :Alice A."]


# ── where it is shown: to who shares a channel, and to oneself ──


@pytest.fixture
def company() -> Stage:
    stage = Stage("alice", "bob", "carol")
    stage.channel("#room", {"alice": "q", "bob": ""})
    stage.happen("a/id-alice", MetadataSet("display-name", "Alice A."))
    return stage


@pytest.mark.parametrize(("who", "shown"), [("alice", "Alice A."), ("bob", "Alice A."), ("carol", "alice")])
def test_who_and_whois_show_it_where_the_person_is(company: Stage, who: str, shown: str) -> None:
    viewer = company.enter(who)
    for line, numeric in (("WHO alice", "352"), ("WHOIS alice", "311")):
        (found,) = [each for each in company.play(viewer, line).lines if f" {numeric} " in each]
        assert found.endswith((f":{shown}", f" {shown}", f":0 {shown}"))


def test_a_join_shows_it_while_the_person_is_in_the_channel(company: Stage) -> None:
    record = Record("c/c-#room", 2, "m", NOON, Joined("id-alice"))
    line = render.message(record, company.world, EXTENDED_JOIN)
    assert line is not None
    assert encode(line) == b":alice!alice@securechat JOIN #room alice :Alice A.\r\n"
    company.channel("#other", {"bob": "q"})
    former = render.message(Record("c/c-#other", 2, "m", NOON, Joined("id-alice")), company.world, EXTENDED_JOIN)
    assert former is not None
    assert former.params == ("#other", "alice", "alice")


def test_a_join_without_the_capability_is_short(company: Stage) -> None:
    """The control."""
    line = render.message(Record("c/c-#room", 2, "m", NOON, Joined("id-alice")), company.world, 0)
    assert line is not None
    assert line.params == ("#room",)

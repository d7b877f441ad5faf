"""IRCv3 bot-mode: the user mode, the WHOIS numeric, the WHO flag, and the tag on all that a bot does."""

from __future__ import annotations

import pytest

from securechat.chat import render
from securechat.chat.announcements import alarm_line, kill_line
from securechat.chat.events import Joined, Posted, Record, Renamed, RoleSet
from securechat.chat.server_events import Administered
from securechat.chat.session import Session
from securechat.chat.signals import Alarm
from securechat.chat.streams import account_stream, channel_stream
from securechat.wire.capabilities import ACCOUNT_TAG, MESSAGE_TAGS, SERVER_TIME
from tests.chat.stage import Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob")
    stage.register("robo", role="bot")
    stage.channel("#a", {"alice": "q", "bob": "", "robo": ""})
    return stage


def lines(stage: Stage, session: Session, line: str) -> list[str]:
    return [each.removeprefix(":chat.example ") for each in stage.play(session, line).lines]


def test_the_token_names_the_mode(stage: Stage) -> None:
    """The BOT ISUPPORT token."""
    assert any(" BOT=B " in line for line in stage.play(stage.enter("bob"), "ISUPPORT").lines)


def test_a_client_marks_itself_and_takes_it_back(stage: Stage) -> None:
    bob = stage.enter("bob")
    assert lines(stage, bob, "MODE bob") == ["221 bob +"]
    assert lines(stage, bob, "MODE bob +B") == [":bob!bob@securechat MODE bob +B"]
    assert lines(stage, bob, "MODE bob") == ["221 bob +B"]
    assert lines(stage, bob, "MODE bob +B") == ["221 bob +B"], "nothing has changed"
    assert lines(stage, bob, "MODE bob +i-B") == [":bob!bob@securechat MODE bob -B"]
    assert lines(stage, bob, "MODE bob") == ["221 bob +"]


def test_a_mode_that_is_not_known_keeps_no_other_from_being_set(stage: Stage) -> None:
    """Modern IRC, User mode."""
    bob = stage.enter("bob")
    assert lines(stage, bob, "MODE bob +xB") == [":bob!bob@securechat MODE bob +B", "501 bob :Unknown user mode"]


def test_an_account_of_role_bot_is_one_always(stage: Stage) -> None:
    robo = stage.enter("robo")
    assert lines(stage, robo, "MODE robo") == ["221 robo +B"]
    assert lines(stage, robo, "MODE robo -B") == ["221 robo +B"]


@pytest.mark.parametrize("nick", ["robo", "bob"])
def test_whois_has_a_numeric_for_it(stage: Stage, nick: str) -> None:
    """The RPL_WHOISBOT (335) numeric."""
    bob = stage.enter("bob")
    told = f"335 alice {nick} :is a bot on securechat"
    if nick == "bob":
        assert told not in lines(stage, stage.enter("alice"), "WHOIS bob")
        stage.play(bob, "MODE bob +B")
    assert told in lines(stage, stage.enter("alice"), f"WHOIS {nick}")


def test_who_has_a_flag_for_it(stage: Stage) -> None:
    """The WHO bot flag."""
    flags = [line.split()[7] for line in lines(stage, stage.enter("alice"), "WHO #a") if line.startswith("352")]
    assert flags == ["H~", "G", "GB"]


TAGGED = MESSAGE_TAGS | ACCOUNT_TAG
DOINGS = [
    (channel_stream("c-#a"), Posted("id-robo", "PRIVMSG", "hello")),
    (channel_stream("c-#a"), Posted("id-robo", "NOTICE", "hello", {"+reply": "x"})),
    (channel_stream("c-#a"), RoleSet("id-bob", "o", "", "id-robo")),
    (channel_stream("c-#b"), Joined("id-robo", "")),
]


@pytest.mark.parametrize(("stream", "event"), DOINGS, ids=lambda each: type(each).__name__)
def test_all_that_a_bot_does_has_a_tag_without_a_value(stage: Stage, stream: str, event: Posted) -> None:
    """The bot tag: only to clients with message-tags, and never with a value."""
    stage.channel("#b", {"alice": "q"})
    record = stage.happen(stream, event)
    line = render.message(record, stage.world, TAGGED)
    assert line is not None
    assert line.tags["bot"] == ""
    assert b";bot" in render.encoded(record, stage.world, TAGGED)
    assert b"bot=" not in render.encoded(record, stage.world, TAGGED)
    assert b"bot" not in render.encoded(record, stage.world, SERVER_TIME | ACCOUNT_TAG).split(b" ")[0].replace(
        b"robo", b""
    )


def test_what_people_do_has_none(stage: Stage) -> None:
    for stream, event in [
        (channel_stream("c-#a"), Posted("id-bob", "PRIVMSG", "hello")),
        (channel_stream("c-#a"), RoleSet("id-robo", "v", "", "id-bob")),
        (channel_stream("c-#a"), RoleSet("id-robo", "o", "v", "")),
        (account_stream("id-bob"), Renamed("bobby", "bob")),
    ]:
        line = render.message(stage.happen(stream, event), stage.world, TAGGED)
        assert line is not None
        assert "bot" not in line.tags


@pytest.mark.parametrize("variant", [0, MESSAGE_TAGS, TAGGED, SERVER_TIME | MESSAGE_TAGS])
@pytest.mark.parametrize("author", ["robo", "bob"])
def test_the_quick_way_to_word_a_message_gives_the_same(stage: Stage, author: str, variant: int) -> None:
    record = stage.happen(channel_stream("c-#a"), Posted(f"id-{author}", "PRIVMSG", "hello", {"+a": "b;c"}))
    assert render.PostedLine(record, stage.world).for_variant(variant) == render.encoded(record, stage.world, variant)


def test_ones_own_mode_is_a_command_of_ones_own(stage: Stage) -> None:
    """Account-tag: "MUST be added by the ircd to all commands sent by a user (e.g. PRIVMSG, MODE, NOTICE, and all others)"."""
    bob = stage.enter("bob", SERVER_TIME | ACCOUNT_TAG | MESSAGE_TAGS)
    assert stage.play(bob, "MODE bob +B", "MODE bob -B").lines == [
        "@account=bob;time=2026-11-21T12:00:00.000Z :bob!bob@securechat MODE bob +B",
        "@account=bob;bot;time=2026-11-21T12:00:00.000Z :bob!bob@securechat MODE bob -B",
    ]
    assert stage.play(stage.enter("bob"), "MODE bob +B").lines == [":bob!bob@securechat MODE bob +B"]


def test_what_administrators_do_to_others_has_it_too(stage: Stage) -> None:
    """The draft/bot tag: "SHOULD be added by the server to all commands sent by a bot"."""
    event = Administered("kill", "bob", "id-robo", "out")
    record = Record("s", 1, "m1", 1, event)
    assert "bot" in kill_line(record, event, "bob", stage.world, MESSAGE_TAGS).tags
    assert "bot" in alarm_line(Alarm("id-robo", "x"), stage.world, MESSAGE_TAGS).tags
    assert "bot" not in alarm_line(Alarm("id-bob", "x"), stage.world, MESSAGE_TAGS).tags
    assert kill_line(record, event, "bob", stage.world, SERVER_TIME).tags.keys() == {"time"}


def test_who_marked_itself_is_tagged_while_it_is_here(stage: Stage) -> None:
    bob = stage.enter("bob")
    stage.play(bob, "MODE bob +B")
    record = stage.happen(channel_stream("c-#a"), Posted("id-bob", "PRIVMSG", "hello"))
    assert b";bot " in render.PostedLine(record, stage.world).for_variant(MESSAGE_TAGS)
    stage.world.attendance.depart(bob, 0)
    assert b";bot " not in render.PostedLine(record, stage.world).for_variant(MESSAGE_TAGS)

"""Modern IRC, Sending Messages, User-Based Queries, Operator Messages and the optional ones, as its text has them."""

from __future__ import annotations

import pytest

from securechat.chat.server_events import Administered
from securechat.chat.signals import Alarm
from securechat.wire.capabilities import ONCE
from tests.chat.stage import NOON, Scene, Stage


@pytest.fixture
def stage() -> Stage:
    """Alice and bob share #room, alice its owner; carol is away, dave is not connected; anna is an administrator."""
    stage = Stage("alice", "bob", "carol", "dave", network="lab")
    stage.register("anna", role="admin")
    stage.channel("#room", {"alice": "q", "bob": ""})
    stage.play(stage.enter("carol"), "AWAY :at lunch")
    return stage


def say(stage: Stage, nick: str, *lines: str) -> list[str]:
    return [line.removeprefix(":chat.example ") for line in stage.play(stage.enter(nick), *lines).lines]


# ── PRIVMSG, NOTICE ──

REFUSED = [
    ("PRIVMSG", "411 alice :No recipient given (PRIVMSG)"),
    ("PRIVMSG :", "411 alice :No recipient given (PRIVMSG)"),
    ("PRIVMSG bob", "412 alice :No text to send"),
    ("PRIVMSG bob :", "412 alice :No text to send"),
    ("PRIVMSG zoe :x", "401 alice zoe :No such nick"),
    ("PRIVMSG #none :x", "403 alice #none :No such channel"),
    ("PRIVMSG #other :x", "404 alice #other :Cannot send to channel"),
    ("PRIVMSG @#room :x", "401 alice @#room :No such nick"),
    ("PRIVMSG $* :x", "401 alice $* :No such nick"),
    ("PRIVMSG 1,2,3,4,5,6,7,8,9 :x", "407 alice 1,2,3,4,5,6,7,8,9 :Too many targets, or several for one id"),
    ("PRIVMSG #room :" + "x" * 490, "417 alice :Message is too long once it carries your name"),
]


@pytest.fixture
def other(stage: Stage) -> Stage:
    stage.channel("#other", {"bob": "q"})
    return stage


@pytest.mark.parametrize(("line", "expected"), REFUSED, ids=[line[:32] for line, _ in REFUSED])
def test_a_message_that_cannot_be_delivered_has_its_numeric(other: Stage, line: str, expected: str) -> None:
    assert say(other, "alice", line) == [expected]


@pytest.mark.parametrize("line", [line for line, _ in REFUSED[:-1]], ids=[line[:32] for line, _ in REFUSED[:-1]])
def test_no_error_is_ever_an_answer_to_a_notice(other: Stage, line: str) -> None:
    """NOTICE: `they must not send any error back to the client on receipt of a NOTICE command`. (RFC 2812, 3.3.2)"""
    notice = line.replace("PRIVMSG", "NOTICE")
    assert other.play(other.enter("alice"), notice) == Scene()
    assert other.play(other.enter("alice"), f"@securechat.internal/id=12345678 {notice}") == Scene()


def test_a_notice_that_is_too_long_is_not_lost_without_a_word(stage: Stage) -> None:
    assert say(stage, "alice", "NOTICE #room :" + "x" * 490) == [
        "417 alice :Message is too long once it carries your name"
    ]


def test_who_waits_for_the_echo_of_a_notice_is_told_that_none_will_come(stage: Stage) -> None:
    """`securechat.internal/once`, docs/protocol.md: the id says that an answer is waited for, and by whom."""
    alice = stage.enter("alice", ONCE)
    for line, numeric in (("NOTICE bob", "412"), ("NOTICE", "411"), ("NOTICE bob,carol :x", "407")):
        assert stage.play(alice, f"@securechat.internal/id=12345678 {line}").numerics == [numeric]


def test_each_target_of_a_list_is_told_of_for_itself(stage: Stage) -> None:
    scene = stage.play(stage.enter("alice"), "PRIVMSG zoe,carol,#none,#room :x")
    assert [line.removeprefix(":chat.example ") for line in scene.lines] == [
        "401 alice zoe :No such nick", "301 alice carol :at lunch", "403 alice #none :No such channel",
    ]  # fmt: skip
    assert len(scene.events) == 2


def test_absence_is_told_to_privmsg_and_not_to_notice(stage: Stage) -> None:
    """PRIVMSG: `the server may reply with an RPL_AWAY numeric and the command will continue`."""
    assert say(stage, "alice", "PRIVMSG carol :x") == ["301 alice carol :at lunch"]
    scene = stage.play(stage.enter("alice"), "NOTICE carol :x")
    assert (scene.lines, len(scene.events)) == ([], 1)


# ── AWAY, USERHOST, ISON ──


def test_away_and_back(stage: Stage) -> None:
    alice = stage.enter("alice")
    for line, expected in [
        ("AWAY :gone", "306 alice :You have been marked as being away"),
        ("AWAY", "305 alice :You are no longer marked as being away"),
        ("AWAY :", "305 alice :You are no longer marked as being away"),
    ]:
        assert stage.play(alice, line).lines == [f":chat.example {expected}"]


QUERIES = [
    ("USERHOST", ["461 alice USERHOST :Not enough parameters"]),
    ("USERHOST Carol zoe anna", ["302 alice :carol=-carol@securechat anna*=-anna@securechat"]),
    ("USERHOST zoe", ["302 alice :"]),
    ("ISON", ["461 alice ISON :Not enough parameters"]),
    ("ISON dave Carol zoe", ["303 alice carol"]),
    ("ISON :zoe dave", ["303 alice :"]),
    ("WHO", ["315 alice * :End of WHO list"]),
    ("WHO 0", ["315 alice 0 :End of WHO list"]),
    ("WHO ZOE", ["315 alice ZOE :End of WHO list"]),
    ("WHO #NONE", ["315 alice #NONE :End of WHO list"]),
    ("WHO Carol", ["352 alice * carol securechat chat.example carol G :0 carol", "315 alice Carol :End of WHO list"]),
    ("WHO #Room", [
        "352 alice #room alice securechat chat.example alice H~ :0 alice",
        "352 alice #room bob securechat chat.example bob G :0 bob",
        "315 alice #Room :End of WHO list",
    ]),
    ("WHOIS", ["431 alice :No nickname given"]),
    ("WHOIS :", ["431 alice :No nickname given"]),
    ("WHOIS bob :", ["431 alice :No nickname given"]),
    ("WHOIS Zoe", ["401 alice Zoe :No such nick", "318 alice Zoe :End of /WHOIS list"]),
    ("WHOIS nowhere.example bob", ["402 alice nowhere.example :No such server"]),
    ("WHOIS nowhere.example zoe", ["401 alice zoe :No such nick", "318 alice zoe :End of /WHOIS list"]),
    ("WHOIS zoe zoe", ["401 alice zoe :No such nick", "318 alice zoe :End of /WHOIS list"]),
    ("WHOWAS", ["431 alice :No nickname given"]),
    ("WHOWAS Zoe", ["406 alice Zoe :There was no such nickname", "369 alice Zoe :End of WHOWAS"]),
    ("WHOWAS Bob", ["314 alice Bob bob securechat * bob", "312 alice Bob chat.example lab", "369 alice Bob :End of WHOWAS"]),
    ("OPER anna secret", ["491 alice :There is no OPER here: an account's role decides"]),
    ("KILL bob :x", ["481 alice :Permission denied: you are no administrator"]),
    ("KILL bob", ["461 alice KILL :Not enough parameters"]),
    ("WALLOPS :x", ["481 alice :Permission denied: you are no administrator"]),
    ("WALLOPS", ["461 alice WALLOPS :Not enough parameters"]),
    ("LINKS", ["364 alice * chat.example :0 lab", "365 alice * :End of /LINKS list"]),
    ("STATS", ["461 alice STATS :Not enough parameters"]),
    ("MOTD", ["422 alice :There is no message of the day"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), QUERIES, ids=[line for line, _ in QUERIES])
def test_queries(stage: Stage, line: str, expected: list[str]) -> None:
    """What is repeated of a request is repeated as it was written: 315, 318 (`MUST be exactly`), 369, 401, 402."""
    assert say(stage, "alice", line) == expected


# ── WHOIS ──

WHOIS_CAROL = [
    "311 alice carol carol securechat * carol",
    "312 alice carol chat.example lab",
    "301 alice carol :at lunch",
    f"317 alice carol 0 {NOON // 1000} :seconds idle, signon time",
    "330 alice carol carol :is logged in as",
    "671 alice carol :is using a secure connection",
]


@pytest.mark.parametrize("target", ["", "chat.example ", "*.EXAMPLE ", "carol ", "Bob "])
def test_whois_ends_with_the_nick_exactly_as_it_was_asked_for(stage: Stage, target: str) -> None:
    """RPL_ENDOFWHOIS: `<nick> MUST be exactly the <nick> parameter sent by the client […] the case MUST be preserved`.

    The optional first parameter is this server, or somebody on it.
    """
    assert say(stage, "alice", f"WHOIS {target}CaRoL") == [*WHOIS_CAROL, "318 alice CaRoL :End of /WHOIS list"]


def test_every_numeric_about_a_person_begins_with_asker_and_nick(stage: Stage) -> None:
    """WHOIS: `the first and second parameters MUST be the client's nick, and the target nick`."""
    for nick in ("alice", "anna", "dave"):
        for line in say(stage, "bob", f"WHOIS {nick}"):
            assert line.split()[1:3] == ["bob", nick]


# ── KILL, WALLOPS ──


def test_an_administrator_kills_and_warns(stage: Stage) -> None:
    anna = stage.enter("anna")
    assert stage.play(anna, "KILL zoe :x").lines == [":chat.example 401 anna zoe :No such nick"]
    scene = stage.play(anna, "KILL Bob :enough", "WALLOPS :hear me")
    assert scene.lines == []
    assert scene.effects[0].entries == (("s", Administered("kill", "bob", "id-anna", "enough")),)
    signals = [getattr(effect, "signal", None) for effect in scene.effects[1:]]
    assert signals == [Alarm("id-anna", "hear me")]


def test_wallops_has_a_text(stage: Stage) -> None:
    """WALLOPS: `The <text> SHOULD be non-empty.`"""
    scene = stage.play(stage.enter("anna"), "WALLOPS :")
    assert (scene.lines, scene.effects) == ([":chat.example 461 anna WALLOPS :Not enough parameters"], [])

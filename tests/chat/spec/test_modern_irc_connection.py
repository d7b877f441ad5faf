"""Modern IRC, Connection Registration, Feature Advertisement and Connection Messages, as its text has them."""

from __future__ import annotations

import re

import pytest

from securechat.chat import replies
from securechat.chat.ask import Ask
from securechat.chat.session import State
from securechat.wire.message import Message, encode
from tests.chat.spec.tokens import read_isupport
from tests.chat.stage import Stage


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", network="lab")
    stage.register("anna", role="admin")
    stage.register("robo", role="bot")
    return stage


def welcome(stage: Stage, name: str) -> list[Message]:
    return list(replies.welcome_lines(Ask(stage.enter(name), Message("USER"), stage.world)))


# ── Connection Registration ──


def test_the_welcome_has_its_numerics_in_the_order_of_the_text(stage: Stage) -> None:
    """`in this order, RPL_WELCOME, RPL_YOURHOST, RPL_CREATED, RPL_MYINFO, and at least one RPL_ISUPPORT`, LUSERS, MOTD."""
    numerics = [line.command for line in welcome(stage, "alice")]
    assert list(dict.fromkeys(numerics)) == ["001", "002", "003", "004", "005", "251", "255", "265", "266", "422"]


def test_who_has_a_user_mode_on_joining_the_network_is_told_before_the_motd(stage: Stage) -> None:
    """`If the user has client modes set on them automatically […] the server SHOULD send the client RPL_UMODEIS`."""
    lines = welcome(stage, "robo")
    assert encode(lines[-2]) == b":chat.example 221 robo +B\r\n"
    assert lines[-1].command == "422"


STRANGERS = [
    ("NICK", "431 * :No nickname given"),
    ("NICK :", "431 * :No nickname given"),
    ("NICK a!b", "432 * a!b :Erroneous nickname"),
    ("NICK :a b", "432 * * :Erroneous nickname"),
    ("USER alice 0 *", "461 * USER :Not enough parameters"),
    ("USER : 0 * :Alice", "461 * USER :Not enough parameters"),
    ("PASS", "461 * PASS :Not enough parameters"),
    ("PING", "461 * PING :Not enough parameters"),
    ("PING :", "409 * :No origin specified"),
    ("PING a", "PONG chat.example a"),
    ("JOIN #a", "451 * :Sign in first"),
    ("PRIVMSG bob :x", "451 * :Sign in first"),
    ("NOTICE bob :x", "451 * :Sign in first"),
    ("FNORD", "451 * :Sign in first"),
    ("CAP", "461 * CAP :Not enough parameters"),
    ("CAP FNORD", "410 * FNORD :Invalid CAP command"),
    ("AUTHENTICATE", "461 * AUTHENTICATE :Not enough parameters"),
]


@pytest.mark.parametrize(("line", "expected"), STRANGERS, ids=[line for line, _ in STRANGERS])
def test_before_the_welcome(line: str, expected: str) -> None:
    """NICK, USER (`If it is empty, the server SHOULD reject the command with ERR_NEEDMOREPARAMS`), PASS, PING."""
    stage = Stage("alice", "bob")
    session = stage.stranger()
    assert stage.play(session, line).lines == [f":chat.example {expected}"]
    assert (session.nick, session.user, session.password) == ("", "", "")


def test_a_numeric_is_addressed_to_the_nick_as_soon_as_there_is_one() -> None:
    stage = Stage()
    session = stage.stranger()
    assert stage.play(session, "NICK wiz", "PING :").lines == [":chat.example 409 wiz :No origin specified"]


def test_the_last_pass_counts() -> None:
    """`It is possible to send multiple PASS commands before registering but only the last one sent is used`."""
    stage = Stage("alice")
    session = stage.stranger()
    scene = stage.play(session, "PASS bob:one", "PASS alice:two", "NICK x", "USER x 0 * :x")
    assert scene.verify is not None
    assert (scene.verify.name, scene.verify.secret) == ("alice", "two")


@pytest.mark.parametrize("first", ["CAP LS 302", "CAP REQ :batch"])
def test_cap_suspends_the_registration_until_its_end(stage: Stage, first: str) -> None:
    session = stage.stranger()
    stage.play(session, first, "PASS alice:two", "NICK x")
    assert stage.play(session, "USER x 0 * :x").effects == []
    assert stage.play(session, "CAP END").verify is not None


AFTERWARDS = [
    ("USER alice 0 * :Alice", "462 alice :You may not register twice"),
    ("PASS alice:x", "462 alice :You may not register twice"),
    ("NICK", "431 alice :No nickname given"),
    ("PING", "461 alice PING :Not enough parameters"),
    ("PING :", "409 alice :No origin specified"),
    ("PING a b", "PONG chat.example a"),
    ("PING :a b", "PONG chat.example :a b"),
    ("PING ::-)", "PONG chat.example ::-)"),
    ("OPER anna secret", "491 alice :There is no OPER here: an account's role decides"),
    ("FNORD x", "421 alice FNORD :Unknown command"),
    ("fnord", "421 alice FNORD :Unknown command"),
    ("SQUIT x :y", "421 alice SQUIT :Unknown command"),
    ("123", "421 alice 123 :Unknown command"),
]


@pytest.mark.parametrize(("line", "expected"), AFTERWARDS, ids=[line for line, _ in AFTERWARDS])
def test_after_the_welcome(stage: Stage, line: str, expected: str) -> None:
    """PING: the same token, and `Servers MUST send a <server> parameter`; 421 for what is not implemented."""
    assert stage.play(stage.enter("alice"), line).lines == [f":chat.example {expected}"]


@pytest.mark.parametrize("line", ["PONG", "PONG x", "NICK alice", "pInG"])
def test_the_command_is_read_in_any_case_and_some_are_answered_by_nothing(stage: Stage, line: str) -> None:
    lines = stage.play(stage.enter("alice"), line).lines
    assert lines == ([":chat.example 461 alice PING :Not enough parameters"] if line == "pInG" else [])


@pytest.mark.parametrize(("line", "reason"), [("QUIT", "Quit"), ("QUIT :Gone to lunch", "Quit: Gone to lunch")])
def test_quit_ends_the_connection_at_once(stage: Stage, line: str, reason: str) -> None:
    """QUIT: the server acknowledges by ERROR (which `Close` is worded as), before the welcome as well."""
    assert stage.play(stage.enter("alice"), line).closed == reason
    assert stage.play(stage.stranger(State.NEW), line).closed == reason


# ── Feature Advertisement, RPL_ISUPPORT ──

TOKEN = re.compile(r"(?P<name>(draft/)?[A-Z0-9]{1,20})(=[!-~]*)?")


def test_every_005_line_has_at_most_thirteen_tokens_of_the_grammar_and_none_twice(stage: Stage) -> None:
    """`<client> <1-13 tokens> :are supported by this server`; draft/ is the names' of IRCv3 drafts."""
    seen: list[str] = []
    for line in welcome(stage, "alice"):
        if line.command == "005":
            client, *tokens, text = line.params
            assert (client, text) == ("alice", "are supported by this server")
            assert 1 <= len(tokens) <= 13
            matches = [TOKEN.fullmatch(token) for token in tokens]
            seen += [match["name"] for match in matches if match is not None]
            assert all(matches), tokens
    assert len(seen) == len(set(seen)) > 25


FORMATS = {
    "AWAYLEN": r"[1-9]\d*",
    "CASEMAPPING": r"ascii",
    "CHANLIMIT": r"#:[1-9]\d*",
    "CHANMODES": r"[a-zA-Z]+,[a-zA-Z]+,[a-zA-Z]+,[a-zA-Z]+",
    "CHANNELLEN": r"[1-9]\d*",
    "CHANTYPES": r"#",
    "ELIST": r"[CMNTU]+",
    "EXCEPTS": r"e?",
    "EXTBAN": r"~,[a-zA-Z]+",
    "INVEX": r"I?",
    "KICKLEN": r"[1-9]\d*",
    "MAXLIST": r"[beI]+:[1-9]\d*(,[beI]+:[1-9]\d*)*",
    "MODES": r"[1-9]\d*",
    "MONITOR": r"[1-9]\d*",
    "NAMELEN": r"[1-9]\d*",
    "NETWORK": r"lab",
    "NICKLEN": r"[1-9]\d*",
    "PREFIX": r"\(([a-zA-Z]+)\)([~&@%+]+)",
    "SAFELIST": r"",
    "SAFERATE": r"",
    "TARGMAX": r"[A-Z]+:([1-9]\d*)?(,[A-Z]+:([1-9]\d*)?)*",
    "TOPICLEN": r"[1-9]\d*",
    "USERLEN": r"[1-9]\d*",
    "WHOX": r"",
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_token_has_the_format_of_the_text(stage: Stage, name: str) -> None:
    value = read_isupport(stage)[name]
    assert re.fullmatch(FORMATS[name], value), value


def test_the_tokens_about_modes_agree_with_each_other_and_with_004(stage: Stage) -> None:
    """CHANMODES: MUST NOT list modes of PREFIX. EXCEPTS, INVEX and MAXLIST are about modes of type A. RPL_MYINFO."""
    tokens = read_isupport(stage)
    kinds = tokens["CHANMODES"].split(",")
    roles, prefixes = tokens["PREFIX"][1:].split(")")
    assert len(roles) == len(prefixes)
    assert set(roles).isdisjoint("".join(kinds))
    assert set(tokens["EXCEPTS"] + tokens["INVEX"]) <= set(kinds[0])
    assert "".join(each.partition(":")[0] for each in tokens["MAXLIST"].split(",")) == kinds[0]
    myinfo = next(line for line in welcome(stage, "alice") if line.command == "004")
    client, server, version, user_modes, channel_modes, with_parameter = myinfo.params
    assert (client, server, version, set(user_modes)) == ("alice", "chat.example", "securechat-1", set("iwB"))
    assert set(channel_modes) == set("".join(kinds) + roles)
    assert set(with_parameter) == set("".join(kinds[:3]) + roles)


def test_version_repeats_the_tokens_in_lines_of_its_own(stage: Stage) -> None:
    """VERSION: `one RPL_VERSION reply and one or more RPL_ISUPPORT replies`."""
    first, *rest = stage.play(stage.enter("alice"), "VERSION").lines
    assert first == ":chat.example 351 alice securechat-1 chat.example :IRCv3 over TLS"
    assert {line.split()[1] for line in rest} == {"005"}


# ── LUSERS ──


def lusers(stage: Stage) -> list[str]:
    session = stage.enter("alice")
    lines = [line.removeprefix(":chat.example ") for line in stage.play(session, "LUSERS").lines]
    stage.world.presence.depart(session.account, session.id)
    return lines


def test_lusers_leaves_out_what_there_is_none_of(stage: Stage) -> None:
    """RFC 2812, 5.1: 251 and 255 always, the others `only if a non-zero count is found`; Modern IRC: a positive integer."""
    assert lusers(stage) == [
        "251 alice :There are 1 users and 0 invisible on 1 servers",
        "255 alice :I have 1 clients and 0 servers",
        "265 alice 1 1 :Current local users 1, max 1",
        "266 alice 1 1 :Current global users 1, max 1",
    ]


def test_lusers_counts_administrators_channels_and_the_most_there_were_at_one_time(stage: Stage) -> None:
    """RPL_LUSEROP: operators connected, whom WHOIS calls so too; RPL_LOCALUSERS: the maximum at one time."""
    stage.channel("#a", {"bob": "q"})
    stage.channel("#hidden", {"bob": "q"}, modes="s")
    anna = stage.enter("anna")
    bob = stage.enter("bob")
    stage.world.presence.depart(bob.account, bob.id)
    assert lusers(stage) == [
        "251 alice :There are 2 users and 0 invisible on 1 servers",
        "252 alice 1 :operator(s) online",
        "254 alice 1 :channels formed",
        "255 alice :I have 2 clients and 0 servers",
        "265 alice 2 2 :Current local users 2, max 2",
        "266 alice 2 2 :Current global users 2, max 2",
    ]
    stage.enter("bob")
    lusers(stage)
    assert lusers(stage)[-1] == "266 alice 3 3 :Current global users 3, max 3"
    stage.world.presence.depart(anna.account, anna.id)
    assert lusers(stage)[-1] == "266 alice 2 3 :Current global users 2, max 3"
    assert not [line for line in lusers(stage) if line.startswith("252")]

"""What is answered at length: the welcome, lists, and limits that are the ones enforced; no line over 512 bytes."""

from __future__ import annotations

import pytest

from securechat.chat import replies
from securechat.chat import world as limits
from securechat.chat.ask import Ask
from securechat.chat.events import BanSet, ModeSet, TopicSet
from securechat.chat.roster import fill_lines
from securechat.chat.streams import channel_stream
from securechat.wire import names
from securechat.wire.capabilities import BATCH, MESSAGE_TAGS
from securechat.wire.message import Message
from tests.chat.stage import Stage, told

LONG_SERVER = "s" * 59 + ".com"
LONG_CHANNEL = "#" + "é" * 31 + "c"


def nick(i: int) -> str:
    return f"{'n' * 29}{i:03d}"


def test_the_longest_names_are_as_long_as_they_may_be() -> None:
    assert (len(LONG_SERVER), len(nick(7)), len(LONG_CHANNEL.encode())) == (63, 32, 64)


# ── the welcome ──


def test_the_welcome_is_what_clients_wait_for() -> None:
    stage = Stage("alice", network="lab", motd="Be kind.\n\nAnd brief.")
    session = stage.enter("alice")
    lines = told(replies.welcome_lines(Ask(session, Message("USER"), stage.world)))
    assert lines[:4] == [
        ":chat.example 001 alice :Welcome to lab, alice",
        ":chat.example 002 alice :Your host is chat.example, running securechat 1",
        ":chat.example 003 alice :This server was started today",
        ":chat.example 004 alice chat.example securechat-1 Biw IWbeiklmnoqstv IWbekloqv",
    ]
    assert [line.split()[1] for line in lines[4:]] == [
        "005", "005", "005", "251", "255", "265", "266", "375", "372", "372", "372", "376",
    ]  # fmt: skip
    assert lines[-5:] == [
        ":chat.example 375 alice :- chat.example Message of the day -",
        ":chat.example 372 alice :- Be kind.",
        ":chat.example 372 alice :- ",
        ":chat.example 372 alice :- And brief.",
        ":chat.example 376 alice :End of /MOTD command",
    ]


ISUPPORT = {
    "AWAYLEN=300", "CASEMAPPING=ascii", "CHANLIMIT=#:500", "CHANMODES=beI,k,lW,imnst", "CHANNELLEN=64", "CHANTYPES=#",
    "CHATHISTORY=500", "draft/ACCOUNTREQUIRED", "KEYLEN=32", "KICKLEN=300", "MAXLIST=b:100,e:100,I:100", "EXCEPTS=e", "INVEX=I",
    "EXTBAN=~,aqt", "ACCOUNTEXTBAN=a,account", "MODES=12",
    "MONITOR=100", "NAMELEN=128",
    "BOT=B", "ELIST=CMNTU", "SAFELIST", "SAFERATE", "WHOX",
    "MSGREFTYPES=msgid,timestamp", "NETWORK=securechat", "NICKLEN=32", "PREFIX=(qov)~@+", "STATUSMSG=",
    "TARGMAX=JOIN:,KICK:8,LIST:,NAMES:8,NOTICE:8,PART:8,PRIVMSG:8,TAGMSG:8,WHOIS:1", "TOPICLEN=300", "USERLEN=32", "UTF8ONLY",
}  # fmt: skip


def test_what_is_supported_is_said_in_lines_of_at_most_thirteen_tokens() -> None:
    stage = Stage("alice")
    tokens = []
    for line in stage.play(stage.enter("alice"), "ISUPPORT").lines:
        assert line.endswith(" :are supported by this server")
        words = line.removeprefix(":chat.example 005 alice ").removesuffix(" :are supported by this server").split()
        assert len(words) <= 13
        tokens += words
    assert set(tokens) == ISUPPORT
    assert len(tokens) == len(ISUPPORT)


def test_the_limits_that_are_said_are_the_limits_that_hold() -> None:
    assert {
        "AWAYLEN": limits.REASON_LENGTH,
        "CHANLIMIT": limits.CHANNELS_PER_ACCOUNT,
        "CHANNELLEN": names.CHANNEL_LENGTH,
        "CHATHISTORY": limits.HISTORY_PAGE,
        "KEYLEN": limits.KEY_LENGTH,
        "MAXLIST": limits.BANS_PER_CHANNEL,
        "MODES": limits.MODES_PER_COMMAND,
        "NICKLEN": names.NICK_LENGTH,
        "TARGMAX": limits.TARGETS_PER_COMMAND,
        "TOPICLEN": limits.TOPIC_LENGTH,
        "devices": limits.DEVICES_PER_ACCOUNT,
    } == {
        "AWAYLEN": 300, "CHANLIMIT": 500, "CHANNELLEN": 64, "CHATHISTORY": 500, "KEYLEN": 32, "MAXLIST": 100,
        "MODES": 12, "NICKLEN": 32, "TARGMAX": 8, "TOPICLEN": 300, "devices": 100,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fits", "exceeds", "numeric"),
    [
        ("AWAY :" + "x" * 300, "AWAY :" + "x" * 301, "417"),
        ("TOPIC #a :" + "x" * 300, "TOPIC #a :" + "x" * 301, "417"),
        ("KICK #a bob :" + "x" * 300, "KICK #a bob :" + "x" * 301, "417"),
        ("PART #a :" + "x" * 300, "PART #a :" + "x" * 301, "417"),
        ("MODE #a +k " + "x" * 32, "MODE #a +k " + "x" * 33, "696"),
        ("JOIN #" + "x" * 63, "JOIN #" + "x" * 64, "403"),
    ],
)
def test_what_just_fits_is_taken_and_one_byte_more_is_not(fits: str, exceeds: str, numeric: str) -> None:
    stage = Stage("alice", "bob")
    stage.channel("#a", {"alice": "q", "bob": ""})
    alice = stage.enter("alice")
    assert stage.play(alice, exceeds).numerics == [numeric]
    assert numeric not in stage.play(alice, fits).numerics


# ── people and channels ──


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol")
    stage.register("root", role="admin")
    stage.channel("#a", {"alice": "q", "bob": "o", "carol": "v", "root": ""})
    stage.channel("#b", {"bob": "q"})
    return stage


ANSWERS = [
    ("NAMES #A", ["353 alice = #a :~alice @bob +carol root", "366 alice #a :End of /NAMES list"]),
    ("NAMES #b", ["353 alice = #b ~bob", "366 alice #b :End of /NAMES list"]),
    ("NAMES", ["366 alice * :End of /NAMES list"]),
    ("NAMES #none", ["366 alice #none :End of /NAMES list"]),
    ("LIST", ["321 alice Channel :Users  Name", "322 alice #a 4 :", "322 alice #b 1 news", "323 alice :End of /LIST"]),
    ("LIST #b,#none", ["321 alice Channel :Users  Name", "322 alice #b 1 news", "323 alice :End of /LIST"]),
    ("WHO #b", ["352 alice #b bob securechat chat.example bob G~ :0 bob", "315 alice #b :End of WHO list"]),
    ("WHO Alice", ["352 alice * alice securechat chat.example alice H :0 alice", "315 alice Alice :End of WHO list"]),
    ("WHO c?ro*", ["352 alice * carol securechat chat.example carol G :0 carol", "315 alice c?ro* :End of WHO list"]),
    ("WHO nobody", ["315 alice nobody :End of WHO list"]),
    ("WHO", ["315 alice * :End of WHO list"]),
    ("WHOIS Bob", [
        "311 alice bob bob securechat * bob", "319 alice bob :@#a ~#b", "312 alice bob chat.example securechat",
        "301 alice bob :Not connected", "330 alice bob bob :is logged in as",
        "671 alice bob :is using a secure connection", "318 alice Bob :End of /WHOIS list",
    ]),
    ("WHOIS chat.example root", [
        "311 alice root root securechat * root", "319 alice root #a", "312 alice root chat.example securechat",
        "301 alice root :Not connected", "313 alice root :is an administrator", "330 alice root root :is logged in as",
        "671 alice root :is using a secure connection", "318 alice root :End of /WHOIS list",
    ]),
    ("WHOIS nobody", ["401 alice nobody :No such nick", "318 alice nobody :End of /WHOIS list"]),
    ("LUSERS", [
        "251 alice :There are 1 users and 0 invisible on 1 servers",
        "254 alice 2 :channels formed", "255 alice :I have 1 clients and 0 servers",
        "265 alice 1 1 :Current local users 1, max 1", "266 alice 1 1 :Current global users 1, max 1",
    ]),
    ("MOTD", ["422 alice :There is no message of the day"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), ANSWERS, ids=[line for line, _ in ANSWERS])
def test_looking_around(stage: Stage, line: str, expected: list[str]) -> None:
    stage.happen(channel_stream("c-#b"), TopicSet("id-bob", "news"))
    assert stage.play(stage.enter("alice"), line).lines == [f":chat.example {each}" for each in expected]


def test_who_is_connected_has_a_secure_connection(stage: Stage) -> None:
    stage.enter("bob")
    lines = stage.play(stage.enter("alice"), "WHOIS bob").lines
    assert ":chat.example 671 alice bob :is using a secure connection" in lines
    assert not any(" 301 " in line for line in lines)


def test_the_version_comes_with_what_is_supported(stage: Stage) -> None:
    lines = stage.play(stage.enter("alice"), "VERSION").lines
    assert lines[0] == ":chat.example 351 alice securechat-1 chat.example :IRCv3 over TLS"
    assert all(" 005 " in line for line in lines[1:])


def test_a_long_list_fills_lines_and_breaks_no_word() -> None:
    assert list(fill_lines([], 10)) == []
    assert list(fill_lines(["aaaa", "bbbb", "cc", "d"], 9)) == ["aaaa bbbb", "cc d"]
    assert list(fill_lines(["ééé", "é", "x"], 9)) == ["ééé é", "x"]
    assert list(fill_lines(["far-too-long", "x"], 5)) == ["far-too-long", "x"]


# ── the longest of everything ──


@pytest.fixture(scope="module")
def crowded() -> Stage:
    """The longest server, nicks, channel, topic, key, masks, network and message of the day, and many of each."""
    people = [*[nick(i) for i in range(60)], *[f"p{i}" for i in range(120)]]
    motd = "\U0001f600" * 1500 + "\n" + "word " * 100
    stage = Stage(*people, server_name=LONG_SERVER, network="N" * 30, motd=motd)
    stage.register(nick(999), role="admin")
    channel = stage.channel(LONG_CHANNEL, dict.fromkeys(people, "q"))
    stream = channel_stream(channel.id)
    stage.happen(stream, TopicSet(f"id-{nick(0)}", "\U0001f600" * 75))
    stage.happen(stream, ModeSet(f"id-{nick(0)}", on="ims", key="k" * 32, limit=999_999))
    for i in range(100):
        stage.happen(stream, BanSet(f"id-{nick(0)}", f"{'m' * 140}{i:03d}!*@*"))
    for i in range(100):
        stage.channel(f"#{'y' * 60}{i:03d}", {nick(0): "q", nick(1): "o"})
    stage.play(stage.enter(nick(1)), "AWAY :" + "é" * 150)
    return stage


Z = "z" * 500
GREEDY = [
    f"NAMES {LONG_CHANNEL}", f"WHO {LONG_CHANNEL}", "WHO *", f"WHO {nick(1)}", f"WHOIS {nick(0)}", f"WHOIS {nick(1)}",
    "LIST", f"TOPIC {LONG_CHANNEL}", f"MODE {LONG_CHANNEL}", f"MODE {LONG_CHANNEL} b", "LUSERS", "VERSION", "MOTD",
    "ISUPPORT", f"PRIVMSG {nick(1)} :x", f"INVITE {nick(2)} {LONG_CHANNEL}", f"INVITE {nick(999)} {LONG_CHANNEL}",
    "CAP LS 302", "CAP LIST", f"CAP REQ :{Z[:350]}", f"CAP REQ :{Z}", f"CAP {Z}", f"PING :{Z[:350]}", f"PING :{Z}",
    f"{Z}", f"WHOIS {Z}", f"WHO {Z}", f"NAMES {Z}", f"JOIN {Z}", f"JOIN #{Z[:199]}", f"PART {Z}", f"TOPIC {Z}",
    f"MODE {Z}", f"MODE {LONG_CHANNEL} +{Z}", f"MODE {LONG_CHANNEL} +l {Z[:400]}", f"MODE {LONG_CHANNEL} +b {Z[:400]}",
    f"MODE {LONG_CHANNEL} +o {Z[:400]}", f"KICK {LONG_CHANNEL} {Z[:400]}", f"INVITE {Z[:200]} {Z[:200]}", f"NICK {Z}",
    f"PRIVMSG {Z[:200]} :x", f"PRIVMSG {','.join('#' + str(i) for i in range(90))} :x", f"LIST {Z}",
    f"CHATHISTORY {Z}", f"CHATHISTORY LATEST {Z[:200]} {Z[:200]} 5", f"CHATHISTORY LATEST {LONG_CHANNEL} {Z[:200]} 5",
    f"CHATHISTORY LATEST {LONG_CHANNEL} * {Z[:200]}", f"CHATHISTORY BETWEEN {nick(1)} msgid=x timestamp={Z[:190]} 5",
    f"ACCOUNT {Z}", f"ACCOUNT DEVICE ADD :{'é' * 32}", "ACCOUNT DEVICES", f"ACCOUNT DEVICE DEL {Z[:400]}",
    f"ACCOUNT PASSWD {Z[:200]} x", f"AWAY :{'é' * 150}", f"WHO {LONG_CHANNEL} %tcuihsnfdlaor,123", f"WHOWAS {nick(1)}",
    f"WHOWAS {Z}", "ISON " + " ".join(f"p{i}" for i in range(120)), f"ISON :{' '.join(map(nick, range(14)))}",
    f"USERHOST {' '.join(map(nick, range(5)))}", f"USERHOST {Z}", "LIST *", f"LIST >1,*{Z[:400]}", "INFO", "ADMIN", "TIME",
    "LINKS", f"STATS {Z}", f"STATS u {Z[:400]}", f"VERSION {Z}", f"MOTD {Z}", "HELP", f"HELP {Z}", f"REGISTER {Z[:400]} * x",
    f"REGISTER {nick(1)} * x", f"VERIFY {Z[:400]} x", f"MODE {nick(0)} +{Z[:400]}",
]  # fmt: skip


@pytest.mark.parametrize("line", GREEDY, ids=lambda line: line[:40])
def test_no_answer_is_longer_than_a_line_may_be(crowded: Stage, line: str) -> None:
    session = crowded.enter(nick(0), BATCH | MESSAGE_TAGS)
    for each in crowded.play(session, line[:510]).lines:
        assert len(each.encode()) + 2 <= 512, each


def test_the_longest_answers_are_long_indeed(crowded: Stage) -> None:
    """The control: the crowd does fill lines."""
    session = crowded.enter(nick(0), BATCH | MESSAGE_TAGS)
    longest = max(len(line.encode()) for command in GREEDY for line in crowded.play(session, command[:510]).lines)
    assert 450 < longest <= 510
    assert len(crowded.play(session, f"NAMES {LONG_CHANNEL}").lines) > 5


@pytest.mark.parametrize("line", GREEDY, ids=lambda line: line[:40])
def test_a_stranger_too_gets_no_line_too_long(line: str) -> None:
    stage = Stage(server_name=LONG_SERVER)
    session = stage.stranger()
    stage.play(session, "NICK " + "é" * 32)
    for each in stage.play(session, line[:510]).lines:
        assert len(each.encode()) + 2 <= 512, each


@pytest.mark.parametrize("text", ["", " ", "a b", ":x", "x" * 201, "é" * 101])
def test_what_could_not_stand_in_the_middle_of_a_line_is_shown_as_a_star(text: str) -> None:
    stage = Stage("alice")
    ask = Ask(stage.enter("alice"), Message("WHOIS"), stage.world)
    assert ask.reply("401", text, "No such nick").params == ("alice", "*", "No such nick")
    assert ask.fail("CODE", text, text).params == ("WHOIS", "CODE", "*", text)
    assert ask.note("CODE", "x", text, "x").params == ("WHOIS", "CODE", "x", "*", "x")


@pytest.mark.parametrize("text", ["x", "a:b", "x" * 200, "é" * 100, "#a,#b"])
def test_what_could_is_repeated(text: str) -> None:
    stage = Stage("alice")
    ask = Ask(stage.enter("alice"), Message("WHOIS"), stage.world)
    assert ask.reply("401", text, "No such nick").params == ("alice", text, "No such nick")

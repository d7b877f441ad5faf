"""IRCv3 message-tags, with the client-only tags typing, reply and channel-context, and UTF8ONLY, section by section."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.effects import Append, Broadcast
from securechat.chat.events import Posted, Record
from securechat.chat.pipeline import Pipeline
from securechat.chat.signals import TagsSent
from securechat.wire.capabilities import ACCOUNT_TAG, ECHO_MESSAGE, MESSAGE_TAGS, SERVER_TIME
from securechat.wire.framing import MAX_CLIENT_TAGS, MAX_TAGS, LineSplitter
from securechat.wire.message import Message, encode, parse
from tests.chat.spec.tokens import read_isupport
from tests.chat.stage import NOON, Stage, told

STAGE = Stage("alice", "bob")
STAGE.channel("#room", {"alice": "q", "bob": ""})


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob")
    stage.channel("#room", {"alice": "q", "bob": ""})
    return stage


def relayed(stage: Stage, line: str) -> dict[str, str]:
    """Return the clients' own tags that others see of a line of bob's."""
    (effect, *_) = stage.judge(stage.enter("bob", MESSAGE_TAGS), line)
    if isinstance(effect, Broadcast):
        assert isinstance(effect.signal, TagsSent)
        return effect.signal.tags
    assert isinstance(effect, Append)
    event = effect.entries[0].event
    assert isinstance(event, Posted)
    return event.tags


# ── Format ──


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("+a=1;+a=2", {"+a": "2"}),
        ("+a=;+b", {"+a": "", "+b": ""}),
        ("+A=1;+a=2", {"+A": "1", "+a": "2"}),
        ("+example.com/foo-bar=x", {"+example.com/foo-bar": "x"}),
        ("+xn--e1afmkfd.org/foo", {"+xn--e1afmkfd.org/foo": ""}),
        (r"+e=raw+:=,escaped\:\s\\", {"+e": "raw+:=,escaped; \\"}),
        (r"+e=\b\a;+f=end" + "\\", {"+e": "ba", "+f": "end"}),
        (r"+e=\r\n", {"+e": "\r\n"}),
        ("+!%&=x;+ok=y", {"+ok": "y"}),
        ("+e=ü🎈", {"+e": "ü🎈"}),
    ],
)
def test_tags_are_relayed_as_they_came(stage: Stage, tags: str, expected: dict[str, str]) -> None:
    """Format, Escaping values: the last of several counts; a key that is none is no reason to reject the message."""
    assert relayed(stage, f"@{tags} PRIVMSG #room :x") == expected


def test_a_tag_without_a_value_has_no_equals_sign() -> None:
    """Format: MUST NOT convert values from missing to empty, to prevent size limit issues."""
    line = parse(b"@+a=;+b :s PRIVMSG #room x")
    assert encode(line) == b"@+a;+b :s PRIVMSG #room x\r\n"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n; "), max_size=60))
def test_tags_never_grow_on_their_way(text: str) -> None:
    """Size limit: what a client may send is what it takes when it is relayed."""
    raw = f"@+a={text} PRIVMSG x y".encode()
    assert len(encode(parse(raw))) <= len(raw) + len(b"\r\n")


# ── Client-only tags ──


@pytest.mark.parametrize(
    "command", ["PRIVMSG #room :x", "NOTICE #room :x", "TAGMSG #room", "PRIVMSG alice :x", "TAGMSG alice"]
)
def test_client_only_tags_are_relayed_and_no_others(stage: Stage, command: str) -> None:
    """Client-only tags MUST be relayed on PRIVMSG, NOTICE, TAGMSG. Security considerations: all others are removed."""
    stage.enter("alice")
    tags = "@unknown-tag;+example/foo=bar;msgid=forged;time=2000-01-01T00:00:00.000Z;account=alice;batch="
    assert relayed(stage, f"{tags};+b {command}") == {"+example/foo": "bar", "+b": ""}


def test_server_tags_come_first() -> None:
    """Client-only tags: server-sent tags MUST be included before."""
    record = Record("c/c-#room", 7, "m7", NOON, Posted("id-bob", "PRIVMSG", "x", {"+a": "b"}))
    caps = MESSAGE_TAGS | ACCOUNT_TAG | SERVER_TIME
    expected = b"@time=2026-11-21T12:00:00.000Z;msgid=m7;account=bob;+a=b :bob!bob@securechat PRIVMSG #room x\r\n"
    assert render.PostedLine(record, STAGE.world).for_variant(caps) == expected
    assert encode(render.message(record, STAGE.world, caps) or Message("*")) == expected
    sent = TagsSent("id-bob", "c/c-#room", "#room", "m8", NOON, {"+a": "b"})
    assert list(render.tag_message(sent, STAGE.world, caps).tags)[-1] == "+a"


def test_no_tag_is_denied_so_there_is_no_token() -> None:
    """RPL_ISUPPORT tokens: a missing CLIENTTAGDENY allows all, and omitting it is recommended over an empty one."""
    tokens = read_isupport(Stage("alice"))
    assert "CLIENTTAGDENY" not in tokens
    assert tokens["UTF8ONLY"] == ""


# ── The TAGMSG tag-only message ──


@pytest.mark.parametrize(
    ("line", "numerics"),
    [
        ("TAGMSG #room", ["TAGMSG"]),
        ("@+a TAGMSG #none", ["403"]),
        ("@+a TAGMSG nobody", ["401"]),
        ("@+a TAGMSG @#room", ["401"]),
        ("@+a TAGMSG", ["461"]),
    ],
)
def test_tagmsg_goes_where_privmsg_goes(stage: Stage, line: str, numerics: list[str]) -> None:
    """STATUSMSG is empty, so `@#room` is nobody."""
    assert stage.play(stage.enter("bob", MESSAGE_TAGS | ECHO_MESSAGE), line).numerics == numerics


def test_tagmsg_takes_the_capability(stage: Stage) -> None:
    assert stage.play(stage.enter("bob"), "@+a TAGMSG #room").numerics == ["421"]


# ── Size limit ──


def faults(stage: Stage, *lines: bytes) -> list[str]:
    """Return what lines are answered that are no commands, and of all others the command."""
    pipeline, session = Pipeline(), stage.enter("bob", MESSAGE_TAGS)
    for line in LineSplitter(MAX_CLIENT_TAGS).feed(b"\r\n".join([*lines, b""])):
        pipeline.receive_line(line, Ask(session, Message("*"), stage.world))
    found = []
    while (unit := pipeline.take()) is not None:
        found += told(unit.replies) or [unit.message.command]
    return found


TOO_LONG = ":chat.example 417 bob :Input line was too long"


def test_the_limits_are_those_of_the_text(stage: Stage) -> None:
    """4094 bytes of tag data from a client, 512 of all the rest; more is 417 and never cut."""
    assert (MAX_CLIENT_TAGS, MAX_TAGS) == (4096, 8191)
    data, rest = b"+a=" + b"x" * 4091, b"PRIVMSG #room :" + b"y" * 495
    assert faults(stage, b"@" + data + b" " + rest) == ["PRIVMSG"]
    assert faults(stage, b"@" + data + b"x TAGMSG #room", b"PING x") == [TOO_LONG, "PING"]
    assert faults(stage, b"@" + data + b" " + rest + b"y", b"PING x") == [TOO_LONG, "PING"]
    assert faults(stage, rest + b"y") == [TOO_LONG]


def test_what_a_server_adds_stays_far_within_its_own_limit() -> None:
    """4094 bytes of tag data from a server: the longest name, label and batch there can be."""
    tags = {"label": "\\" * 64, "batch": "b" * 26, "time": "t" * 24, "msgid": "m" * 26, "account": "a" * 32, "bot": ""}
    assert len(encode(Message("X", (), "", tags))) < 512


# ── typing, reply, channel-context; UTF8ONLY ──


@pytest.mark.parametrize("state", ["active", "paused", "done"])
def test_typing_is_relayed_and_kept_by_nobody(stage: Stage, state: str) -> None:
    """IRCv3 typing, Format."""
    scene = stage.play(stage.enter("bob", MESSAGE_TAGS), f"@+typing={state} TAGMSG #room")
    assert (relayed(stage, f"@+typing={state} TAGMSG #room"), scene.events) == ({"+typing": state}, [])


@pytest.mark.parametrize("tag", ["+reply=m1", "+draft/reply=m1", "+reply=nothing-known"])
def test_a_reply_is_kept_with_its_message_whatever_it_answers(stage: Stage, tag: str) -> None:
    """IRCv3 reply, Format: the value is the clients' own affair."""
    key, _, value = tag.partition("=")
    assert relayed(stage, f"@{tag} PRIVMSG #room :x") == {key: value}


@pytest.mark.parametrize("value", ["#room", "#none", "fnord"])
@pytest.mark.parametrize("command", ["PRIVMSG alice :x", "NOTICE alice :x", "PRIVMSG #room :x"])
def test_channel_context_is_for_clients_to_judge(stage: Stage, command: str, value: str) -> None:
    """IRCv3 channel-context, Format: clients MUST ignore it elsewhere than on a private message, or when it names none."""
    stage.enter("alice")
    assert relayed(stage, f"@+channel-context={value} {command}") == {"+channel-context": value}


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"PRIVMSG #room :\xff", "PRIVMSG"),
        (b"topic #room :\xc3", "TOPIC"),
        (b"SETNAME :\xed\xa0\x80", "SETNAME"),
        (b"\xff\xfe #room :x", "*"),
        (b"@+a=\xff PRIVMSG #room :x", "PRIVMSG"),
    ],
)
def test_what_is_not_utf8_is_refused_by_name(stage: Stage, line: bytes, command: str) -> None:
    """UTF8ONLY, The INVALID_UTF8 standard replies code."""
    assert faults(stage, line) == [f":chat.example FAIL {command} INVALID_UTF8 :Message is not UTF-8"]

"""Lines parsed and encoded: the public vectors, what is refused, and that one undoes the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import find, given
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from securechat.errors import ProtocolError
from securechat.wire.message import (
    MAX_PARAMS,
    InvalidUtf8,
    MalformedMessage,
    Message,
    UnencodableMessage,
    encode,
    encode_tags,
    escape_tag_value,
    parse,
    unescape_tag_value,
)

VECTORS = Path(__file__).parents[1] / "vectors"


def load_vectors(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((VECTORS / f"{name}.yaml").read_text(encoding="utf-8"))["tests"]
    return loaded


def test_the_vectors_are_all_there() -> None:
    names = ("msg-split", "msg-join", "mask-match", "userhost-split", "validate-hostname")
    assert {name: len(load_vectors(name)) for name in names} == {
        "msg-split": 35,
        "msg-join": 18,
        "mask-match": 6,
        "userhost-split": 7,
        "validate-hostname": 19,
    }


@pytest.mark.parametrize("case", load_vectors("msg-split"), ids=lambda case: repr(case["input"]))
def test_a_line_is_split_as_the_vectors_say(case: dict[str, Any]) -> None:
    atoms = case["atoms"]
    message = parse(case["input"].encode())
    assert message.command == atoms["verb"].upper()
    assert message.params == tuple(atoms.get("params", ()))
    assert message.source == atoms.get("source", "")
    assert message.tags == atoms.get("tags", {})


@pytest.mark.parametrize("case", load_vectors("msg-join"), ids=lambda case: repr(case["matches"][0]))
def test_a_message_is_joined_as_the_vectors_say(case: dict[str, Any]) -> None:
    atoms = case["atoms"]
    message = Message(atoms["verb"], atoms.get("params", ()), atoms.get("source", ""), atoms.get("tags"))
    assert encode(message) in [f"{match}\r\n".encode() for match in case["matches"]]


PARSED = [
    (b"PING", Message("PING")),
    (b"privmsg #a :x", Message("PRIVMSG", ("#a", "x"))),
    (b"JOIN :", Message("JOIN", ("",))),
    (b"JOIN  #a   key ", Message("JOIN", ("#a", "key"))),
    (b"PRIVMSG #a  :two  spaces ", Message("PRIVMSG", ("#a", "two  spaces "))),
    (b"PRIVMSG #a b:c :d :e", Message("PRIVMSG", ("#a", "b:c", "d :e"))),
    (b":  PING", Message("PING")),
    (b"@  PING", Message("PING")),
    (b"@a=1   :src   PING   x", Message("PING", ("x",), "src", {"a": "1"})),
    (b"@a=1;;=2;b= PING", Message("PING", tags={"a": "1", "b": ""})),
    (b"@+draft/reply=x;draft/reply=y PING", Message("PING", tags={"+draft/reply": "x", "draft/reply": "y"})),
    (b"@a=b=c PING", Message("PING", tags={"a": "b=c"})),
    (b"@a=1;a PING", Message("PING", tags={"a": ""})),
    (b"@bad!key=1;\xc3\xa4=2;+;ok=3 PING", Message("PING", tags={"ok": "3"})),
    ("PRIVMSG #grün :naïve ☃".encode(), Message("PRIVMSG", ("#grün", "naïve ☃"))),
    ("PRIVMSG #a :nbsp\u00a0stays\u2028one".encode(), Message("PRIVMSG", ("#a", "nbsp\u00a0stays\u2028one"))),
    ("paß x".encode(), Message("paß", ("x",))),
    (b"/join #a", Message("/JOIN", ("#a",))),
]


@pytest.mark.parametrize(("line", "message"), PARSED, ids=lambda value: repr(value)[:40])
def test_a_line_is_parsed_as_written_here(line: bytes, message: Message) -> None:
    assert parse(line) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"   ",
        b" PING",
        b":src",
        b":src ",
        b"@a=1",
        b"@a=1 ",
        b"@a=1 :src",
        b":src :PING",
        b"@a :PING",
        b"PING \0",
        b"PRIVMSG #a :x\rQUIT",
        b"PRIVMSG #a :x\nQUIT",
        b"PING" + b" x" * MAX_PARAMS,
    ],
    ids=repr,
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(line)
    assert isinstance(caught.value, ProtocolError)


def test_more_parameters_than_the_fifteen_of_rfc_1459_are_read() -> None:
    assert parse(b"PING" + b" x" * 40).params == ("x",) * 40


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"PRIVMSG #a :\xff", "PRIVMSG"),
        (b"privmsg #a :\xc3", "PRIVMSG"),
        (b"@a=\xff :src TOPIC #a :x", "TOPIC"),
        (b"PRIV\xffMSG #a :x", "*"),
        (b"@a=1 \xff", "*"),
        (b"@\xff", "*"),
        (b"PRIVMSG #a :\xed\xa0\x80", "PRIVMSG"),  # an encoded surrogate
        (b"PRIVMSG #a :\xc0\xaf", "PRIVMSG"),  # an overlong slash
    ],
    ids=repr,
)
def test_bytes_that_are_not_utf8_are_refused_and_the_command_is_named(line: bytes, command: str) -> None:
    with pytest.raises(InvalidUtf8) as caught:
        parse(line)
    assert caught.value.command == command


ENCODED = [
    (Message("PING"), b"PING\r\n"),
    (Message("PRIVMSG", ("#a", "word")), b"PRIVMSG #a word\r\n"),
    (Message("PRIVMSG", ("#a", "two words")), b"PRIVMSG #a :two words\r\n"),
    (Message("PRIVMSG", ("#a", "")), b"PRIVMSG #a :\r\n"),
    (Message("PRIVMSG", ("#a", ":)")), b"PRIVMSG #a ::)\r\n"),
    (Message("001", ("anna", "Hi there"), "irc.example"), b":irc.example 001 anna :Hi there\r\n"),
    (
        Message("PRIVMSG", ("#ü", "ü"), "anna!anna@securechat", {"time": "now", "+t": "a;b c"}),
        "@time=now;+t=a\\:b\\sc :anna!anna@securechat PRIVMSG #ü ü\r\n".encode(),
    ),
    (Message("TAGMSG", ("#a",), tags={"empty": ""}), b"@empty TAGMSG #a\r\n"),
]


@pytest.mark.parametrize(("message", "line"), ENCODED, ids=lambda value: repr(value)[:40])
def test_a_message_is_encoded_as_written_here(message: Message, line: bytes) -> None:
    assert encode(message) == line


UNENCODABLE = [
    Message(""),
    Message("PRIV MSG"),
    Message("PRIVMSG1"),
    Message("01"),
    Message("0001"),
    Message("٣٣٣"),  # digits, but not ASCII
    Message("ÄNDERN"),
    Message(":X"),
    Message("@X"),
    Message("PING\r\nQUIT"),
    Message("PING", ("", "x")),
    Message("PING", ("a b", "x")),
    Message("PING", (":a", "x")),
    Message("PING", ("x",), "two words"),
    Message("PING", ("\ud800",)),
    Message("PING", (), "\udfff"),
    Message("PING", tags={"": "x"}),
    Message("PING", tags={"+": "x"} | {"a b": "x"}),
    Message("PING", tags={"a;b": "x"}),
    Message("PING", tags={"a=b": "x"}),
    Message("PING", tags={"ä": "x"}),
    Message("PING", tags={"a\n": "x"}),
    Message("PING", tags={"a": "\0"}),
    Message("PING", tags={"a": "\ud800"}),
]


@pytest.mark.parametrize("message", UNENCODABLE, ids=repr)
def test_what_would_not_come_back_as_it_was_is_not_encoded(message: Message) -> None:
    with pytest.raises(UnencodableMessage):
        encode(message)


def test_one_string_is_not_taken_for_a_list_of_parameters() -> None:
    with pytest.raises(TypeError):
        Message("JOIN", "#a")


def test_a_missing_parameter_has_a_default() -> None:
    message = Message("JOIN", ("#a",))
    assert (message.param(0), message.param(1), message.param(1, "x")) == ("#a", "", "x")


def test_messages_are_equal_by_their_four_parts() -> None:
    message = Message("JOIN", ["#a"], "s", {"a": "b"})
    assert message == Message("JOIN", ("#a",), "s", {"a": "b"})
    others = [
        Message("PART", ("#a",), "s", {"a": "b"}),
        Message("JOIN", ("#b",), "s", {"a": "b"}),
        Message("JOIN", ("#a",), "t", {"a": "b"}),
        Message("JOIN", ("#a",), "s", {"a": "c"}),
    ]
    assert message not in others
    assert message != "JOIN"
    assert repr(message) == "Message('JOIN', ('#a',), source='s', tags={'a': 'b'})"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("", ""),
        ("plain", "plain"),
        (";", r"\:"),
        (" ", r"\s"),
        ("\\", r"\\"),
        ("\r\n", r"\r\n"),
        (r"\n", r"\\n"),
        ("raw+:=,escaped; \\", r"raw+:=,escaped\:\s\\"),
    ],
)
def test_tag_values_are_escaped_and_back(value: str, escaped: str) -> None:
    assert escape_tag_value(value) == escaped
    assert unescape_tag_value(escaped) == value


@pytest.mark.parametrize(("escaped", "value"), [("\\", ""), ("a\\", "a"), (r"\b", "b"), (r"\\\s\x", "\\ x")])
def test_odd_escapes_lose_their_backslash(escaped: str, value: str) -> None:
    assert unescape_tag_value(escaped) == value


def test_tags_can_be_encoded_by_themselves() -> None:
    assert encode_tags({}) == b""
    assert encode_tags({"a": "b", "c": ""}) == b"@a=b;c "


# Properties -----------------------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=40)
word = text.map(lambda t: t.replace(" ", "").lstrip(":")).filter(bool)
source = text.map(lambda t: t.replace(" ", ""))
command = st.one_of(st.from_regex(r"[A-Z]{1,12}", fullmatch=True), st.from_regex(r"[0-9]{3}", fullmatch=True))
tag_key = st.from_regex(re.compile(r"\+?[A-Za-z0-9._/-]{1,12}", re.ASCII), fullmatch=True)
tag_value = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    params = draw(st.lists(word, max_size=16))
    if draw(st.booleans()):
        params.append(draw(text))
    tags = draw(st.dictionaries(tag_key, tag_value, max_size=5))
    return Message(draw(command), params, draw(source), tags)


@given(messages())
def test_parsing_undoes_encoding(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\r\n")
    assert parse(line[:-2]) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_and_what_was_parsed_survives_a_second_trip(line: bytes) -> None:
    try:
        message = parse(line)
        again = encode(message)
    except (ProtocolError, UnencodableMessage):
        return
    assert parse(again[:-2]) == message


ANY_MESSAGE = st.builds(
    Message,
    st.text(max_size=8) | command,
    st.lists(st.text(max_size=8), max_size=4),
    st.text(max_size=8),
    st.dictionaries(st.text(max_size=4) | tag_key, st.text(max_size=8), max_size=3),
)


def gives_one_line_or_refuses(encoder: Callable[[Message], bytes], message: Message) -> bool:
    try:
        line = encoder(message)
    except UnencodableMessage:
        return True
    return line.endswith(b"\r\n") and not any(byte in line[:-2] for byte in b"\r\n\0")


@given(ANY_MESSAGE)
def test_the_encoder_gives_exactly_one_line_or_refuses(message: Message) -> None:
    assert gives_one_line_or_refuses(encode, message)


BREAKERS = pytest.mark.parametrize("breaker", ["\r", "\n", "\0"], ids=["CR", "LF", "NUL"])


def break_each_field(breaker: str) -> list[Message]:
    broken = f"a{breaker}b"
    return [
        Message(broken),
        Message("PING", (broken,)),
        Message("PING", (f"{broken} c",)),
        Message("PING", (broken, "last")),
        Message("PING", (breaker,)),
        Message("PING", (f"a{breaker}",)),
        Message("PING", (), broken),
        Message("PING", tags={broken: "x"}),
    ]


@BREAKERS
def test_the_encoder_refuses_cr_lf_and_nul_in_every_field(breaker: str) -> None:
    for message in break_each_field(breaker):
        with pytest.raises(UnencodableMessage):
            encode(message)


def test_cr_and_lf_in_a_tag_value_are_escaped_because_tags_can() -> None:
    assert encode(Message("PING", tags={"a": "x\r\ny"})) == b"@a=x\\r\\ny PING\r\n"


# Controls: what the properties must catch -----------------------------------------------------------------------------


def encode_naively(message: Message) -> bytes:
    tags = ";".join(f"{key}={value}" for key, value in message.tags.items())
    head = (f"@{tags} " if tags else "") + (f":{message.source} " if message.source else "")
    *middles, last = (message.command, *message.params)
    return (head + " ".join([*middles, f":{last}" if message.params else last]) + "\r\n").encode("utf-8", "replace")


@BREAKERS
def test_control_a_naive_encoder_lets_every_breaker_out(breaker: str) -> None:
    assert not any(gives_one_line_or_refuses(encode_naively, message) for message in break_each_field(breaker))


def test_control_the_one_line_property_finds_a_naive_encoder_out() -> None:
    found = find(ANY_MESSAGE, lambda message: not gives_one_line_or_refuses(encode_naively, message))
    assert isinstance(found, Message)
    with pytest.raises(NoSuchExample):
        find(ANY_MESSAGE, lambda message: not gives_one_line_or_refuses(encode, message))


def test_control_the_round_trip_finds_unescaped_tags_out() -> None:
    found = find(messages(), lambda message: parse_leniently(encode_naively(message)) != message)
    assert isinstance(found, Message)


def parse_leniently(line: bytes) -> Message | None:
    try:
        return parse(line[:-2])
    except ProtocolError:
        return None

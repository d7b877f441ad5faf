"""Links of invitations: what is one, what is none however much it looks like one, and that nothing tells the token."""

from __future__ import annotations

import traceback

import pytest

from securechat.errors import ConfigError
from securechat.wire.invitation import (
    Invitation,
    MalformedLink,
    decode_secret,
    encode_secret,
    format_link,
    parse_link,
    pin_key,
    read_code,
)

TOKEN = "aaaqeayeaudaocajbifqydiob4"
"""The bytes 0 to 15."""
PIN = "77777777777777777777777774"
"""Sixteen times 255."""

LINKS = [
    (f"securechat://chat.example.org/#v1.{TOKEN}.{PIN}", [("chat.example.org", 6697)], PIN),
    (f"securechat://chat.example.org/#v1.{TOKEN}", [("chat.example.org", 6697)], ""),
    (f"securechat://localhost:7000/#v1.{TOKEN}", [("localhost", 7000)], ""),
    (f"securechat://192.0.2.1,[2001:db8::1]:1/#v1.{TOKEN}", [("192.0.2.1", 6697), ("2001:db8::1", 1)], ""),
    (f"securechat://[::1],a:65535,b_c/#v1.{TOKEN}", [("::1", 6697), ("a", 65535), ("b_c", 6697)], ""),
    (f"securechat://xn--bcher-kva.example/#v1.{TOKEN}", [("xn--bcher-kva.example", 6697)], ""),
]


@pytest.mark.parametrize(("link", "hosts", "pin"), LINKS)
def test_a_link_is_read_and_written_alike(link: str, hosts: list[tuple[str, int]], pin: str) -> None:
    assert parse_link(link) == Invitation(tuple(hosts), TOKEN, pin)
    assert format_link(hosts, TOKEN, pin) == link


@pytest.mark.parametrize(
    ("link", "hosts"),
    [
        (f"securechat://Chat.EXAMPLE.org:6697/#v1.{TOKEN}", (("chat.example.org", 6697),)),
        (f"securechat://[2001:0DB8:0:0::1]:6697/#v1.{TOKEN}", (("2001:db8::1", 6697),)),
    ],
)
def test_what_can_be_written_in_two_ways_is_read_as_one(link: str, hosts: tuple[tuple[str, int], ...]) -> None:
    assert parse_link(link).hosts == hosts


HOSTILE = [
    "",
    "securechat://",
    "securechat:///#",
    f"https://chat.example.org/#v1.{TOKEN}",
    f"SECURECHAT://chat.example.org/#v1.{TOKEN}",
    f"securechat:chat.example.org/#v1.{TOKEN}",
    f" securechat://chat.example.org/#v1.{TOKEN}",
    f"securechat://chat.example.org/#v1.{TOKEN} ",
    f"securechat://chat.example.org/#v1.{TOKEN}\n",
    f"securechat://chat.example.org/#v1.{TOKEN}.{PIN}\n",
    f"securechat://chat.example.org#v1.{TOKEN}",
    f"securechat://chat.example.org/?#v1.{TOKEN}",
    f"securechat://chat.example.org/path/#v1.{TOKEN}",
    f"securechat://chat.example.org//#v1.{TOKEN}",
    f"securechat://#v1.{TOKEN}",
    f"securechat:///#v1.{TOKEN}",
    f"securechat://,/#v1.{TOKEN}",
    f"securechat://chat.example.org,/#v1.{TOKEN}",
    f"securechat://chat.example.org, b/#v1.{TOKEN}",
    f"securechat://alice@chat.example.org/#v1.{TOKEN}",
    f"securechat://alice:secret@chat.example.org/#v1.{TOKEN}",
    f"securechat://chat.example.org@evil.example/#v1.{TOKEN}",
    f"securechat://chat%2Eexample.org/#v1.{TOKEN}",
    f"securechat://chat.example.org%00.evil.example/#v1.{TOKEN}",
    f"securechat://[fe80::1%25eth0]/#v1.{TOKEN}",
    f"securechat://[fe80::1%eth0]/#v1.{TOKEN}",
    f"securechat://[::1/#v1.{TOKEN}",
    f"securechat://::1/#v1.{TOKEN}",
    f"securechat://[::1]7000/#v1.{TOKEN}",
    f"securechat://[127.0.0.1]/#v1.{TOKEN}",
    f"securechat://[chat.example.org]/#v1.{TOKEN}",
    f"securechat://chat\0.example.org/#v1.{TOKEN}",
    f"securechat://chat\x1b[2J.example.org/#v1.{TOKEN}",
    f"securechat://chat\r\nQUIT/#v1.{TOKEN}",
    f"securechat://chat\u202e.example.org/#v1.{TOKEN}",
    f"securechat://ch\u0430t.example.org/#v1.{TOKEN}",
    f"securechat://-chat.example.org/#v1.{TOKEN}",
    f"securechat://chat-.example.org/#v1.{TOKEN}",
    f"securechat://chat..example.org/#v1.{TOKEN}",
    f"securechat://chat.example.org./#v1.{TOKEN}",
    f"securechat://*.example.org/#v1.{TOKEN}",
    f"securechat://{'a' * 64}.example.org/#v1.{TOKEN}",
    f"securechat://{'a.' * 127}a/#v1.{TOKEN}",
    f"securechat://127.1/#v1.{TOKEN}",
    f"securechat://2130706433/#v1.{TOKEN}",
    f"securechat://0x7f.0.0.0x1/#v1.{TOKEN}",
    f"securechat://127.0.0.01/#v1.{TOKEN}",
    f"securechat://1.2.3.256/#v1.{TOKEN}",
    f"securechat://chat.example.org:/#v1.{TOKEN}",
    f"securechat://chat.example.org:0/#v1.{TOKEN}",
    f"securechat://chat.example.org:06697/#v1.{TOKEN}",
    f"securechat://chat.example.org:65536/#v1.{TOKEN}",
    f"securechat://chat.example.org:+1/#v1.{TOKEN}",
    f"securechat://chat.example.org:\u0661/#v1.{TOKEN}",
    f"securechat://chat.example.org:1:2/#v1.{TOKEN}",
    "securechat://chat.example.org/#",
    "securechat://chat.example.org/#v1",
    "securechat://chat.example.org/#v1.",
    f"securechat://chat.example.org/#{TOKEN}",
    f"securechat://chat.example.org/#V1.{TOKEN}",
    f"securechat://chat.example.org/#v2.{TOKEN}",
    f"securechat://chat.example.org/#v1.{TOKEN[:-1]}",
    f"securechat://chat.example.org/#v1.{TOKEN}a",
    f"securechat://chat.example.org/#v1.{TOKEN.upper()}",
    f"securechat://chat.example.org/#v1.{TOKEN[:-1]}5",
    f"securechat://chat.example.org/#v1.{TOKEN[:-1]}=",
    f"securechat://chat.example.org/#v1.{TOKEN[:-1]}1",
    f"securechat://chat.example.org/#v1.{TOKEN}.",
    f"securechat://chat.example.org/#v1.{TOKEN}.{PIN[:-1]}",
    f"securechat://chat.example.org/#v1.{TOKEN}.{PIN}.{PIN}",
    f"securechat://chat.example.org/#v1.{TOKEN}.{PIN}#",
    f"securechat://chat.example.org/#v1.{TOKEN}/#v1.{TOKEN}",
    f"securechat://chat.example.org/#v1.{TOKEN[:-1]}\u0131",
    f"securechat://{','.join(['a'] * 17)}/#v1.{TOKEN}",
    f"securechat://{'a,' * 2000}a/#v1.{TOKEN}",
]


@pytest.mark.parametrize("link", HOSTILE)
def test_what_only_looks_like_a_link_is_refused_and_not_repeated(link: str) -> None:
    with pytest.raises(MalformedLink) as raised:
        parse_link(link)
    assert isinstance(raised.value, ConfigError)
    said = "".join(traceback.format_exception_only(raised.value))
    assert TOKEN[:-1] not in said
    assert str(raised.value).isprintable()
    assert "evil" not in said


def test_neither_repr_nor_str_shows_the_token() -> None:
    invitation = parse_link(LINKS[0][0])
    assert repr(invitation) == f"Invitation(hosts=(('chat.example.org', 6697),), pin='{PIN}')"
    assert TOKEN not in f"{invitation}{invitation!r}"


@pytest.mark.parametrize(
    ("hosts", "token", "pin"),
    [
        ([], TOKEN, ""),
        ([("*.example.org", 6697)], TOKEN, ""),
        ([("chat.example.org/#", 6697)], TOKEN, ""),
        ([("a,b", 6697)], TOKEN, ""),
        ([("a", 0)], TOKEN, ""),
        ([("a", 6697)], "", PIN),
        ([("a", 6697)], TOKEN[1:], ""),
        ([("a", 6697)], TOKEN, PIN[1:]),
        ([("a", 6697)] * 17, TOKEN, ""),
    ],
)
def test_no_link_is_written_that_could_not_be_read(hosts: list[tuple[str, int]], token: str, pin: str) -> None:
    with pytest.raises(MalformedLink):
        format_link(hosts, token, pin)


@pytest.mark.parametrize(
    ("code", "token"),
    [
        (TOKEN, TOKEN),
        (f"v1.{TOKEN}", TOKEN),
        (f"v1.{TOKEN}.{PIN}", TOKEN),
        (f"securechat://a/#v1.{TOKEN}.{PIN}", TOKEN),
        ("", ""),
        ("v1", ""),
        ("v1.", ""),
        (".", ""),
        (f"v2.{TOKEN}", ""),
        (f".{TOKEN}", ""),
        (f"{TOKEN}.{PIN}", ""),
        (f"v1.{TOKEN}.{PIN}.", ""),
        (f"{TOKEN}\n", ""),
        (f"#v1.{TOKEN}", ""),
        (TOKEN.upper(), ""),
        (TOKEN[:-1] + "5", ""),
        (f"https://a/#v1.{TOKEN}", ""),
        (f"securechat://a@b/#v1.{TOKEN}", ""),
    ],
)
def test_a_code_is_the_link_its_end_or_the_token(code: str, token: str) -> None:
    assert read_code(code) == token


def test_sixteen_bytes_are_twenty_six_characters_in_one_form_only() -> None:
    assert encode_secret(bytes(range(16))) == TOKEN
    assert decode_secret(TOKEN) == bytes(range(16))
    assert decode_secret(PIN) == b"\xff" * 16
    for text in ("", TOKEN[:-1] + "5", TOKEN.upper(), TOKEN + "a"):
        with pytest.raises(ValueError, match="neither"):
            decode_secret(text)
    with pytest.raises(ValueError, match="15 bytes"):
        encode_secret(bytes(15))


def test_the_pin_is_the_beginning_of_the_digest_of_the_public_key() -> None:
    # SHA-256 of "abc" begins ba7816bf 8f01cfea 414140de 5dae2223. (FIPS 180-4)
    assert decode_secret(pin_key(b"abc")).hex() == "ba7816bf8f01cfea414140de5dae2223"

"""Every record as exact bytes, for each set of capabilities; and no text that breaks out of its line."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.chat import render
from securechat.chat.event import Event
from securechat.chat.events import (
    BanLifted,
    BanSet,
    Created,
    DeviceAdded,
    Dropped,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    PasswordSet,
    Posted,
    Record,
    Registered,
    Renamed,
    RoleSet,
    TopicSet,
)
from securechat.wire.capabilities import (
    ACCOUNT_TAG,
    AWAY_NOTIFY,
    BATCH,
    ECHO_MESSAGE,
    EXTENDED_JOIN,
    MESSAGE_TAGS,
    SERVER_TIME,
)
from securechat.wire.message import encode, parse
from tests.chat.stage import NOON, Stage

STAGE = Stage("alice", "bob")
STAGE.channel("#room", {"alice": "q", "bob": ""})
WORLD = STAGE.world
ALL = SERVER_TIME | MESSAGE_TAGS | ACCOUNT_TAG | EXTENDED_JOIN


def record_of(event: Event, stream: str = "c/c-#room") -> Record:
    return Record(stream, 7, "m7", NOON + 5, event)  # type: ignore[arg-type]


# The line of each event without any capability, and whose account tag it carries.
LINES: list[tuple[Event, str, str]] = [
    (Posted("id-bob", "PRIVMSG", "hello you"), ":bob!bob@securechat PRIVMSG #room :hello you", "bob"),
    (Posted("id-bob", "PRIVMSG", "hello"), ":bob!bob@securechat PRIVMSG #room hello", "bob"),
    (Posted("id-bob", "NOTICE", ":-)"), ":bob!bob@securechat NOTICE #room ::-)", "bob"),
    (Posted("id-bob", "PRIVMSG", "\x01ACTION waves\x01"), ":bob!bob@securechat PRIVMSG #room :\x01ACTION waves\x01", "bob"),
    (Joined("id-bob"), ":bob!bob@securechat JOIN #room", "bob"),
    (Joined("id-bob", "o"), ":bob!bob@securechat JOIN #room", "bob"),
    (Left("id-bob"), ":bob!bob@securechat PART #room", "bob"),
    (Left("id-bob", "so long", "q"), ":bob!bob@securechat PART #room :so long", "bob"),
    (Kicked("id-bob", "id-alice"), ":alice!alice@securechat KICK #room bob alice", "alice"),
    (Kicked("id-bob", "id-alice", "enough now"), ":alice!alice@securechat KICK #room bob :enough now", "alice"),
    (Invited("id-bob", "id-alice"), ":alice!alice@securechat INVITE bob #room", "alice"),
    (TopicSet("id-alice", "the news"), ":alice!alice@securechat TOPIC #room :the news", "alice"),
    (TopicSet("id-alice", ""), ":alice!alice@securechat TOPIC #room :", "alice"),
    (RoleSet("id-bob", "o", "", "id-alice"), ":alice!alice@securechat MODE #room +o bob", "alice"),
    (RoleSet("id-bob", "", "v", "id-alice"), ":alice!alice@securechat MODE #room -v bob", "alice"),
    (RoleSet("id-bob", "q", "o", "id-alice"), ":alice!alice@securechat MODE #room -o+q bob bob", "alice"),
    (RoleSet("id-bob", "q", ""), ":chat.example MODE #room +q bob", ""),
    (ModeSet("id-alice", on="im", off="t"), ":alice!alice@securechat MODE #room +im-t", "alice"),
    (ModeSet("id-alice", off="n"), ":alice!alice@securechat MODE #room -n", "alice"),
    (ModeSet("id-alice", key="k", limit=5), ":alice!alice@securechat MODE #room +kl k 5", "alice"),
    (ModeSet("id-alice", key="", limit=0), ":alice!alice@securechat MODE #room -kl *", "alice"),
    (ModeSet("id-alice", on="i", key="", limit=9), ":alice!alice@securechat MODE #room +il-k 9 *", "alice"),
    (ModeSet("id-alice", off="i", key="k", limit=0), ":alice!alice@securechat MODE #room +k-il k", "alice"),
    (BanSet("id-alice", "x!*@*"), ":alice!alice@securechat MODE #room +b x!*@*", "alice"),
    (BanLifted("id-alice", "x!*@*"), ":alice!alice@securechat MODE #room -b x!*@*", "alice"),
    (Renamed("robert", "bob"), ":bob!bob@securechat NICK robert", "bob"),
]  # fmt: skip

TIME = "time=2026-11-21T12:00:00.005Z"


@pytest.mark.parametrize(("event", "line", "actor"), LINES)
def test_an_event_is_this_line(event: Event, line: str, actor: str) -> None:
    record = record_of(event, "a/id-bob") if isinstance(event, Renamed) else record_of(event)
    joined = line + " bob bob" if isinstance(event, Joined) else line
    account = f"account={actor}" if actor else ""
    every = ";".join(filter(None, [TIME, "msgid=m7", account]))
    expected = {
        0: line,
        BATCH | ECHO_MESSAGE | AWAY_NOTIFY: line,
        SERVER_TIME: f"@{TIME} {line}",
        MESSAGE_TAGS: f"@msgid=m7 {line}",
        ACCOUNT_TAG: f"@{account} {line}" if actor else line,
        EXTENDED_JOIN: joined,
        ALL: f"@{every} {joined}",
    }
    for caps, wanted in expected.items():
        assert render.encoded(record, WORLD, caps) == f"{wanted}\r\n".encode()


@pytest.mark.parametrize(
    ("event", "stream"),
    [
        (Created("#room", "id-alice"), "c/c-#room"),
        (Dropped(), "c/c-#room"),
        (Registered("alice", verifier="$argon2id$"), "a/id-alice"),
        (PasswordSet("$argon2id$"), "a/id-alice"),
        (DeviceAdded("d1", "phone", "digest"), "a/id-alice"),
    ],
)
def test_what_is_nobodys_business_shows_nothing(event: Event, stream: str) -> None:
    assert render.message(record_of(event, stream), WORLD, ALL) is None
    assert render.encoded(record_of(event, stream), WORLD, ALL) == b""


@pytest.mark.parametrize(
    ("author", "stream", "target"),
    [
        ("alice", "d/id-alice/id-bob", "bob"),
        ("bob", "d/id-alice/id-bob", "alice"),
        ("bob", "d/id-bob/id-bob", "bob"),
    ],
)
def test_a_direct_message_is_addressed_to_the_other(author: str, stream: str, target: str) -> None:
    record = record_of(Posted(f"id-{author}", "PRIVMSG", "hi"), stream)
    expected = f":{author}!{author}@securechat PRIVMSG {target} hi\r\n"
    assert render.encoded(record, WORLD, 0) == expected.encode()


def test_client_tags_come_after_the_servers_and_only_to_who_knows_tags() -> None:
    record = record_of(Posted("id-bob", "PRIVMSG", "hi", {"+reply": "a;b c", "+x": ""}))
    line = ":bob!bob@securechat PRIVMSG #room hi\r\n"
    assert render.encoded(record, WORLD, SERVER_TIME) == f"@{TIME} {line}".encode()
    expected = f"@{TIME};msgid=m7;account=bob;+reply=a\\:b\\sc;+x {line}"
    assert render.encoded(record, WORLD, ALL) == expected.encode()


def subsets() -> list[int]:
    bits = [SERVER_TIME, MESSAGE_TAGS, ACCOUNT_TAG, EXTENDED_JOIN]
    return [sum(chosen) for size in range(5) for chosen in itertools.combinations(bits, size)]


@pytest.mark.parametrize("tags", [{}, {"+reply": "m1", "+y": ""}])
@pytest.mark.parametrize("stream", ["c/c-#room", "d/id-alice/id-bob"])
def test_a_message_worded_once_is_the_same_for_every_variant(stream: str, tags: dict[str, str]) -> None:
    record = record_of(Posted("id-bob", "PRIVMSG", "hello you", tags), stream)
    posted = render.PostedLine(record, WORLD)
    assert len(subsets()) == 16
    for variant in subsets():
        line = render.message(record, WORLD, variant)
        assert line is not None
        assert posted.for_variant(variant) == encode(line)


def test_all_that_changes_a_line_is_a_variant() -> None:
    for event, _, _ in LINES:
        for bit in range(16):
            if not (1 << bit) & render.VARIANT:
                assert render.encoded(record_of(event), WORLD, 1 << bit) == render.encoded(record_of(event), WORLD, 0)


texts = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=80)
TEXT_EVENTS: dict[str, Callable[[str], Event]] = {
    "PRIVMSG": lambda text: Posted("id-bob", "PRIVMSG", text, {"+draft/reply": text}),
    "PART": lambda text: Left("id-bob", text),
    "KICK": lambda text: Kicked("id-bob", "id-alice", text),
    "TOPIC": lambda text: TopicSet("id-alice", text),
    "MODE": lambda text: BanSet("id-alice", text),
}


@pytest.mark.parametrize("command", TEXT_EVENTS)
@given(text=texts, caps=st.sampled_from([0, SERVER_TIME, ALL]))
def test_whatever_somebody_writes_stays_in_its_place(command: str, text: str, caps: int) -> None:
    record = record_of(TEXT_EVENTS[command](text))
    line = render.encoded(record, WORLD, caps)
    assert line.endswith(b"\r\n")
    body = line.removesuffix(b"\r\n")
    assert not {0, 10, 13} & set(body)
    message = parse(body)
    assert (message.command, message.params[-1]) == (command, text)
    assert message.params[0] == "#room"
    if command == "PRIVMSG" and caps == ALL:
        assert message.tags["+draft/reply"] == text
        assert set(message.tags) == {"time", "msgid", "account", "+draft/reply"}


@pytest.mark.parametrize("text", ["a\r\nQUIT", "a\nb", "a\0b"])
def test_a_text_that_would_begin_another_line_cannot_be_written(text: str) -> None:
    """The control: what hypothesis is told to leave out is what the encoder refuses."""
    with pytest.raises(ValueError, match="NUL, CR or LF"):
        render.encoded(record_of(TopicSet("id-alice", text)), WORLD, 0)


@pytest.mark.parametrize(("text", "expected"), [(None, "AWAY"), ("at lunch", "AWAY :at lunch"), ("x", "AWAY x")])
def test_absence_is_a_line_of_its_own(text: str | None, expected: str) -> None:
    bare = render.away_message(WORLD, "id-bob", text, 1_000, 0)
    assert encode(bare) == f":bob!bob@securechat {expected}\r\n".encode()
    tagged = render.away_message(WORLD, "id-bob", text, 1_000, SERVER_TIME | ACCOUNT_TAG)
    assert tagged.tags == {"account": "bob", "time": "1970-01-01T00:00:01.000Z"}


# Names of writer and channel, bytes of text, and how the line begins and ends: what a rename made too long for 512 bytes.
LONG = [
    ("bob", "#room", 468, ":bob!bob@securechat PRIVMSG #room xx", "xx"),
    ("bob", "#room", 476, ":bob!bob@securechat PRIVMSG #room xx", "xx"),
    ("bob", "#room", 477, ":bob PRIVMSG #room xx", "xx"),
    ("b" * 32, "#room", 462, ":" + "b" * 32 + " PRIVMSG #room xx", "xx"),
    ("b" * 32, "#room", 463, ":" + "b" * 32 + " PRIVMSG #room xx", "x…"),
]


@pytest.mark.parametrize(("name", "channel", "length", "begins", "ends"), LONG)
def test_a_line_that_a_rename_made_too_long_is_shortened_and_shows_it(
    name: str, channel: str, length: int, begins: str, ends: str
) -> None:
    stage = Stage("writer")
    stage.channel(channel, {"writer": "q"})
    if name != "writer":
        stage.happen("a/id-writer", Renamed(name, "writer"))
    record = Record(f"c/c-{channel}", 3, "m3", NOON, Posted("id-writer", "PRIVMSG", "x" * length))
    line = render.encoded(record, stage.world, 0)
    assert len(line) <= 512
    assert line.decode().startswith(begins)
    assert line.decode().removesuffix("\r\n").endswith(ends)
    assert render.PostedLine(record, stage.world).for_variant(0) == line


def test_who_is_in_a_dropped_channel_is_shown_that_it_is_out() -> None:
    stage = Stage("alice", "bob")
    stage.write_into(stage.channel("#room", {"alice": "q", "bob": ""}), "bob")
    record = stage.happen("c/c-#room", Dropped(forced=True))
    line = encode(render.removal(record, stage.world, "id-bob", SERVER_TIME))
    assert line == b"@time=2026-11-21T12:00:00.000Z :chat.example KICK #room bob :The channel was removed\r\n"

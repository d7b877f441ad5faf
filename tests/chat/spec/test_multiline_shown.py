"""How messages of several lines are shown, to who knows them and to all others. (IRCv3 draft/multiline)"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.chat import multiline, render
from securechat.chat.events import Posted, Record
from securechat.chat.multiline import spread
from securechat.chat.replay import replayed
from securechat.wire.capabilities import ACCOUNT_TAG, BATCH, MESSAGE_TAGS, MULTILINE, SERVER_TIME
from securechat.wire.message import Message, encode, parse
from tests.chat.stage import NOON, Stage, told

NEEDED = BATCH | MULTILINE
ROOM = "c/c-#room"
FOREVER = Stage("alice", "bob")
FOREVER.channel("#room", {"alice": "q", "bob": ""})


def shown(text: str, joins: tuple[int, ...], caps: int, tags: dict[str, str] | None = None) -> list[str]:
    record = Record(ROOM, 7, "m7", NOON, Posted("id-bob", "PRIVMSG", text, tags or {}, joins))
    lines = told(render.messages(record, FOREVER.world, caps))
    variant = render.variant_of(caps)
    assert "".join(f"{line}\r\n" for line in lines).encode() == render.PostedLines(record, FOREVER.world).for_variant(
        variant
    )
    return lines


BOB = ":bob!bob@securechat"
TIME = "time=2026-11-21T12:00:00.000Z"
POEM = "hello\n\nhow is everyone?"
JOINS = (14,)


def test_who_knows_it_gets_the_batch_as_it_was_sent() -> None:
    """Examples: server sending the same batch."""
    assert shown(POEM, JOINS, NEEDED | MESSAGE_TAGS | ACCOUNT_TAG | SERVER_TIME, {"+x": "y"}) == [
        f"@{TIME};msgid=m7;account=bob;+x=y {BOB} BATCH +m7 draft/multiline #room",
        f"@batch=m7 {BOB} PRIVMSG #room hello",
        f"@batch=m7 {BOB} PRIVMSG #room :",
        f"@batch=m7 {BOB} PRIVMSG #room :how is ",
        f"@batch=m7;draft/multiline-concat {BOB} PRIVMSG #room everyone?",
        f"{BOB} BATCH -m7",
    ]


@pytest.mark.parametrize("caps", [0, MULTILINE, BATCH])
def test_all_others_get_the_lines_that_are_not_blank(caps: int) -> None:
    """Fallback: no multiline BATCH, no blank lines; tags on the first, msgid on the first only (Message ids)."""
    tagged = shown(POEM, JOINS, caps | MESSAGE_TAGS | ACCOUNT_TAG | SERVER_TIME, {"+x": "y"})
    assert tagged == [
        f"@{TIME};msgid=m7;account=bob;+x=y {BOB} PRIVMSG #room hello",
        f"@{TIME};account=bob {BOB} PRIVMSG #room :how is ",
        f"@{TIME};account=bob {BOB} PRIVMSG #room everyone?",
    ]
    assert shown(POEM, JOINS, caps) == [line.partition(" ")[2] for line in tagged]


def test_the_batch_stands_in_another_without_leaving_it() -> None:
    """IRCv3 batch: start and end of the inner batch refer to the outer one, its lines to itself."""
    record = Record(ROOM, 7, "m7", NOON, Posted("id-bob", "PRIVMSG", "a\nb", {}, ()))
    lines = render.messages(record, FOREVER.world, NEEDED)
    for line in lines:
        line.put_tag("batch", "outer")
    assert [line.tags["batch"] for line in lines] == ["outer", "m7", "m7", "outer"]


@given(
    st.lists(
        st.tuples(
            st.builds(str.__mul__, st.sampled_from(["a", "é", "🎈", "word ", " ", ""]), st.integers(0, 700)),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    st.text("n", min_size=1, max_size=32),
)
def test_every_line_fits_and_together_they_are_the_message(said: list[tuple[str, bool]], nick: str) -> None:
    """Fallback: lines are cut where the client cut them, and besides only where one would be too long."""
    text, joins = "", list[int]()
    for number, (line, continues) in enumerate(said):
        if number and continues and line:
            joins.append(len(text))
        elif number:
            text += "\n"
        text += line
    line = Message("PRIVMSG", ("#" + "c" * 63, text), f"{nick}!{nick}@securechat")
    opening, *inside, closing = spread(line, tuple(joins), "R")
    assert (opening.params, closing.params) == (("+R", "draft/multiline", line.params[0]), ("-R",))
    joined = ""
    for number, each in enumerate(inside):
        parsed = parse(encode(each)[:-2])
        joined += ("" if not number or "draft/multiline-concat" in parsed.tags else "\n") + parsed.params[1]
        assert len(encode(each).partition(b" ")[2]) <= 512
    assert joined == text
    for each in spread(line, tuple(joins), ""):
        assert each.params[1].strip()
        assert len(encode(each)) <= 512


def test_replayed_without_server_time_its_first_line_says_when() -> None:
    record = Record(ROOM, 7, "m7", NOON, Posted("id-bob", "PRIVMSG", "one\ntwo", {}, ()))
    session = FOREVER.enter("alice", NEEDED)
    lines = replayed(FOREVER.world, session, [record], "r1", before=NOON + 1)
    assert [line.params[-1] for line in lines] == [
        "#room", "#room", "[2026-11-21 12:00 UTC] one", "two", "-m7", "-r1"
    ]  # fmt: skip


def test_a_line_too_long_is_cut_behind_a_space() -> None:
    """Splitting long lines: between words, the space left at the end."""
    parts = list(multiline._cut("one two three", 8))
    assert parts == ["one two ", "three"]
    assert list(multiline._cut("ééé", 5)) == ["éé", "é"]

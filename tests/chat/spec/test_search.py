"""soju.im/search: SEARCH, what is looked for and how it is answered; and the service `Search` for other clients.

(The public description, and IRCv3 pull request 496, "Add SEARCH", of the same author.)
"""

from __future__ import annotations

import pytest

from securechat.chat.ask import Ask
from securechat.chat.effects import ReadHistory, Refusal, Send
from securechat.chat.events import Posted, Record
from securechat.chat.ports import Found, SearchQuery
from securechat.chat.searchwords import Phrase
from securechat.chat.session import Session
from securechat.wire.capabilities import BATCH, MESSAGE_TAGS, ONCE, SEARCH, SERVER_TIME
from securechat.wire.message import parse
from securechat.wire.names import is_reserved
from tests.chat.stage import NOON, Stage, told

ROOM, DIRECT = "c/c-#room", "d/id-alice/id-bob"
DAY = NOON - 12 * 3_600_000


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob")
    stage.channel("#room", {"alice": "q", "bob": ""})
    stage.channel("#secret", {"bob": "q"}, modes="nst")
    stage.channel("#open", {"bob": "q"})
    return stage


def query(*words: str, limit: int = 50, **more: object) -> SearchQuery:
    return SearchQuery("id-alice", tuple(Phrase((word,)) for word in words), limit=limit, **more)  # type: ignore[arg-type]


# "attributes ... formatted according to the message-tags specification": in, from, after, before (both times included),
# text, limit.
ASKED = [
    ("text=alpha", query("alpha")),
    (r"text=alpha\sbeta", query("alpha", "beta")),
    (r":text=alpha\sbe*", SearchQuery("id-alice", (Phrase(("alpha",)), Phrase(("be",), prefix=True)))),
    (r'text="alpha\sbeta"', SearchQuery("id-alice", (Phrase(("alpha", "beta")),))),
    (r"text=a\:b", SearchQuery("id-alice", (Phrase(("a", "b")),))),
    ("text=from:bob", SearchQuery("id-alice", (Phrase(("from", "bob")),))),
    ("in=#room;text=alpha", query("alpha", stream=ROOM)),
    ("in=#ROOM", query(stream=ROOM)),
    ("in=bob;from=BOB;", query(stream=DIRECT, author="id-bob")),
    ("after=2026-11-21T12:00:00.000Z;before=2026-11-21T12:00:00.001Z", query(start=NOON, end=NOON + 1)),
    ("from=bob;limit=7", query(author="id-bob", limit=7)),
    ("text=a;limit=100000", query("a", limit=100)),
    # Where one has no part nothing is looked for, whatever is there.
    ("in=#nowhere;text=alpha", query("alpha", stream="-")),
    ("in=#secret;text=alpha", query("alpha", stream="-")),
    ("in=#open;text=alpha", query("alpha", stream="-")),
    ("in=nobody;text=alpha", query("alpha", stream="-")),
    ("from=nobody;text=alpha", query("alpha", stream="-")),
]


@pytest.mark.parametrize(("line", "expected"), ASKED)
def test_what_is_looked_for(stage: Stage, line: str, expected: SearchQuery) -> None:
    (read,) = stage.judge(stage.enter("alice", SEARCH), f"SEARCH {line}")
    assert isinstance(read, ReadHistory)
    assert read.query == expected


# "If the selectors were invalid, the INVALID_PARAMS error code SHOULD be returned."
INVALID = [
    ("text=", "text"),
    ("text=:)", "text"),
    ("text=" + r"a\s" * 17, "text"),
    ("limit=0", "limit"),
    ("limit=x", "limit"),
    ("after=yesterday", "after"),
    ("before=2026-11-21", "before"),
    ("colour=red", "colour"),
    ("text", "text"),
    ("a-word-alone", "a-word-alone"),
]


@pytest.mark.parametrize(("line", "which"), INVALID)
def test_what_cannot_be_looked_for(stage: Stage, line: str, which: str) -> None:
    scene = stage.play(stage.enter("alice", SEARCH), f"SEARCH {line}")
    assert [parse(line.encode()).params[:3] for line in scene.lines] == [("SEARCH", "INVALID_PARAMS", which)]
    assert scene.lines[0].startswith(":chat.example FAIL ")


# "The soju.im/search capability MUST be negotiated."
def test_without_the_capability_there_is_no_such_command(stage: Stage) -> None:
    assert stage.play(stage.enter("alice", BATCH), "SEARCH text=alpha").numerics == ["421"]


def answer(stage: Stage, session: Session, line: str, found: Found) -> list[str]:
    (read,) = stage.judge(session, line)
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    lines: list[str] = []
    for effect in read.then(Ask(session, parse(line.encode()), stage.world), found, "b1"):
        assert isinstance(effect, Send)
        lines += told(effect.lines)
    return lines


FOUND = Found(
    (
        Record(ROOM, 5, "m5", NOON, Posted("id-bob", "PRIVMSG", "alpha one", {"+reply": "m1"})),
        Record(DIRECT, 2, "m9", NOON + 1, Posted("id-alice", "NOTICE", "alpha two")),
    )
)


# "the server MUST reply ... using a batch with batch type"; time and msgid as of the original message.
def test_what_is_found_comes_in_a_batch(stage: Stage) -> None:
    session = stage.enter("alice", SEARCH | BATCH | SERVER_TIME | MESSAGE_TAGS)
    lines = [
        ":chat.example BATCH +b1 soju.im/search",
        "@time=2026-11-21T12:00:00.000Z;msgid=m5;+reply=m1;batch=b1 :bob!bob@securechat PRIVMSG #room :alpha one",
        "@time=2026-11-21T12:00:00.001Z;msgid=m9;batch=b1 :alice!alice@securechat NOTICE bob :alpha two",
        ":chat.example BATCH -b1",
    ]
    shown = answer(stage, session, "SEARCH text=alpha", FOUND)
    # Tags are in no order.
    assert [parse(line.encode()) for line in shown] == [parse(line.encode()) for line in lines]


# "If no content exists to return, the server SHOULD return an empty batch".
def test_nothing_found_is_an_empty_batch(stage: Stage) -> None:
    lines = answer(stage, stage.enter("alice", SEARCH | BATCH), "SEARCH text=alpha", Found(()))
    assert lines == [":chat.example BATCH +b1 soju.im/search", ":chat.example BATCH -b1"]


# "Servers SHOULD NOT enforce that clients support all related capabilities".
def test_without_batches_the_messages_come_as_they_are(stage: Stage) -> None:
    lines = answer(stage, stage.enter("alice", SEARCH), "SEARCH text=alpha", FOUND)
    assert lines == [":bob!bob@securechat PRIVMSG #room :alpha one", ":alice!alice@securechat NOTICE bob :alpha two"]


# "If the search cannot be run due to an internal error, the INTERNAL_ERROR error code SHOULD be returned."
def test_a_search_that_was_cut_short_fails_rather_than_show_a_part_as_all(stage: Stage) -> None:
    session = stage.enter("alice", SEARCH | BATCH)
    cut = Found(FOUND.records, whole=False)
    with pytest.raises(Refusal, match="FAIL") as refused:
        answer(stage, session, "SEARCH text=alpha", cut)
    assert refused.value.replies[0].params[:2] == ("SEARCH", "INTERNAL_ERROR")
    assert len(answer(stage, session, "SEARCH text=alpha;limit=2", cut)) == 4


# ── the service ──


def test_nobody_can_be_named_like_the_service() -> None:
    assert is_reserved("Search")
    assert is_reserved("se-arch")


SAID = [
    ("alpha", query("alpha", limit=20)),
    ("alpha in:#room from:bob", query("alpha", stream=ROOM, author="id-bob", limit=20)),
    ("in:bob", query(stream=DIRECT, limit=20)),
    ("alpha after:2026-11-21 before:2026-11-21T12:00", query("alpha", start=DAY, end=NOON - 1, limit=20)),
    ("alpha before:2026-11-21T12:00:00.001z", query("alpha", end=NOON, limit=20)),
    ("alpha in:#secret", query("alpha", stream="-", limit=20)),
    ("alpha in:#nowhere", query("alpha", stream="-", limit=20)),
    ("helpful", query("helpful", limit=20)),
]


@pytest.mark.parametrize(("text", "expected"), SAID)
def test_what_the_service_looks_for(stage: Stage, text: str, expected: SearchQuery) -> None:
    (read,) = stage.judge(stage.enter("alice"), f"PRIVMSG search :{text}")
    assert isinstance(read, ReadHistory)
    assert read.query == expected


def test_the_service_says_where_and_when_and_who(stage: Stage) -> None:
    long = Record(ROOM, 6, "m6", NOON + 60_000, Posted("id-bob", "PRIVMSG", "\x01ACTION waves\x01\n" + "ö" * 300))
    found = Found((*FOUND.records, long))
    lines = answer(stage, stage.enter("alice"), "PRIVMSG Search :alpha", found)
    begin = ":Search!Search@securechat NOTICE alice :"
    assert lines[:2] == [
        f"{begin}2026-11-21 12:00 #room <bob> alpha one",
        f"{begin}2026-11-21 12:00 bob <alice> alpha two",
    ]
    assert lines[2].startswith(f"{begin}2026-11-21 12:01 #room <bob> ACTION waves / öööö")
    assert lines[2].endswith("ö…")
    assert 508 <= len(lines[2].encode()) <= 510
    assert lines[3:] == [f"{begin}That is all."]


def test_the_service_says_how_to_go_on(stage: Stage) -> None:
    records = tuple(Record(ROOM, n, f"m{n}", NOON + n, Posted("id-bob", "PRIVMSG", "alpha")) for n in range(1, 21))
    session = stage.enter("alice")
    last = answer(stage, session, "PRIVMSG Search :alpha", Found(records, whole=False))[-1]
    assert last.endswith("These are the newest 20; for those before say also  before:2026-11-21T12:00:00.001Z")
    assert answer(stage, session, "PRIVMSG Search :alpha", Found(()))[-1].endswith(":Nothing found.")
    cut = answer(stage, session, "PRIVMSG Search :alpha", Found((), whole=False))
    assert "there may be more" in cut[-1]


TOLD = [
    ("help", "I find what was said where you take part."),
    ("HELP ", "I find what was said"),
    (":)", "There is no word in that."),
    ("alpha before:soon", "I know times like"),
    ("alpha before:2026-13-01", "I know times like"),
    ("w " * 17, "At most 16 words at once"),
]


@pytest.mark.parametrize(("text", "beginning"), TOLD)
def test_what_the_service_says_at_once(stage: Stage, text: str, beginning: str) -> None:
    scene = stage.play(stage.enter("alice"), f"PRIVMSG Search :{text}")
    assert scene.lines[0].startswith(f":Search!Search@securechat NOTICE alice :{beginning}")
    assert scene.events == []
    assert all(len(line.encode()) <= 510 for line in scene.lines)


def test_robots_get_no_answer_and_typing_disturbs_nobody(stage: Stage) -> None:
    session = stage.enter("alice", MESSAGE_TAGS)
    scene = stage.play(session, "NOTICE Search :alpha", "@+typing=active TAGMSG Search")
    assert (scene.lines, scene.events) == ([], [])


def test_a_message_with_an_id_comes_back_to_who_waits_for_it(stage: Stage) -> None:
    session = stage.enter("alice", ONCE)
    line = "@securechat.internal/id=12345678-abcd PRIVMSG Search :alpha"
    assert answer(stage, session, line, Found(()))[0] == ":alice!alice@securechat PRIVMSG Search alpha"
    assert answer(stage, session, "PRIVMSG Search :alpha", Found(()))[0].startswith(":Search!")

"""CHATHISTORY: what is asked of the history, how its answer is worded, and what fails with which code."""

from __future__ import annotations

import pytest

from securechat.chat.ask import Ask
from securechat.chat.effects import ReadHistory, Refusal, Send
from securechat.chat.events import Joined, Posted, Record
from securechat.chat.ports import Bound, ConversationsQuery, ConversationTime, Form, HistoryQuery, Page
from securechat.chat.session import Session
from securechat.wire.capabilities import BATCH, MESSAGE_TAGS, SERVER_TIME
from securechat.wire.message import parse
from tests.chat.stage import NOON, Stage, told

T1, T2 = "timestamp=2026-11-21T12:00:00.000Z", "timestamp=2026-11-21T13:00:00.000Z"
ROOM, DIRECT = "c/c-#room", "d/id-alice/id-bob"


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob")
    stage.channel("#room", {"alice": "q"})
    stage.channel("#other", {"bob": "q"})
    return stage


def query(stream: str, form: Form, limit: int, start: Bound | None = None, end: Bound | None = None) -> HistoryQuery:
    return HistoryQuery("id-alice", stream, form, limit, start, end)


QUERIES = [
    ("LATEST #room * 50", query(ROOM, Form.LATEST, 50), "#room"),
    ("latest #ROOM * 50", query(ROOM, Form.LATEST, 50), "#room"),
    ("LATEST #room msgid=abc 50", query(ROOM, Form.LATEST, 50, Bound("abc")), "#room"),
    ("BEFORE #room msgid=abc 7", query(ROOM, Form.BEFORE, 7, Bound("abc")), "#room"),
    (f"AFTER bob {T1} 7", query(DIRECT, Form.AFTER, 7, Bound(time=NOON)), "bob"),
    (f"AROUND BOB {T1} 1", query(DIRECT, Form.AROUND, 1, Bound(time=NOON)), "bob"),
    (f"BETWEEN #room msgid=a {T2} 7", query(ROOM, Form.BETWEEN, 7, Bound("a"), Bound(time=NOON + 3_600_000)), "#room"),
    (f"BETWEEN #room {T2} {T1} 7",
     query(ROOM, Form.BETWEEN, 7, Bound(time=NOON + 3_600_000), Bound(time=NOON)), "#room"),
    ("LATEST alice * 50", query("d/id-alice/id-alice", Form.LATEST, 50), "alice"),
    ("LATEST #room * 500", query(ROOM, Form.LATEST, 500), "#room"),
    ("LATEST #room * 501", query(ROOM, Form.LATEST, 500), "#room"),
    ("LATEST #room * 999999999", query(ROOM, Form.LATEST, 500), "#room"),
    ("BEFORE #room msgid=a=b 7", query(ROOM, Form.BEFORE, 7, Bound("a=b")), "#room"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected", "target"), QUERIES)
def test_what_is_read(stage: Stage, line: str, expected: HistoryQuery, target: str) -> None:
    session = stage.enter("alice", BATCH)
    (read,) = stage.judge(session, f"CHATHISTORY {line}")
    assert isinstance(read, ReadHistory)
    assert read.query == expected
    assert answer(stage, session, line, Page(()))[0] == f":chat.example BATCH +b1 chathistory {target}"


def answer(stage: Stage, session: Session, line: str, found: object) -> list[str]:
    """Return what CHATHISTORY is answered when this was found."""
    (read,) = stage.judge(session, f"CHATHISTORY {line}")
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    effects = read.then(Ask(session, parse(f"CHATHISTORY {line}".encode()), stage.world), found, "b1")
    return [each for effect in effects if isinstance(effect, Send) for each in told(effect.lines)]


@pytest.mark.parametrize(
    ("bounds", "times"), [((T1, T2), (NOON, NOON + 3_600_000)), ((T2, T1), (NOON + 3_600_000, NOON))]
)
def test_targets_are_counted_from_the_first_time_towards_the_second(
    stage: Stage, bounds: tuple[str, str], times: tuple[int, int]
) -> None:
    """IRCv3 draft/chathistory, TARGETS: "the same semantics as BETWEEN"."""
    (read,) = stage.judge(stage.enter("alice"), f"CHATHISTORY TARGETS {bounds[0]} {bounds[1]} 10")
    assert isinstance(read, ReadHistory)
    assert read.query == ConversationsQuery("id-alice", *times, 10)


# IRCv3 draft/chathistory, Errors and Warnings.
FAILURES = [
    ("", "INVALID_PARAMS *"),
    ("FNORD #room * 5", "INVALID_PARAMS FNORD"),
    (": #room * 5", "INVALID_PARAMS *"),
    ("LATEST", "INVALID_PARAMS LATEST"),
    ("LATEST #room *", "INVALID_PARAMS LATEST"),
    ("BEFORE #room msgid=a", "INVALID_PARAMS BEFORE"),
    ("BETWEEN #room msgid=a msgid=b", "INVALID_PARAMS BETWEEN"),
    (f"TARGETS {T1} {T2}", "INVALID_PARAMS TARGETS"),
    ("LATEST #room * 0", "INVALID_PARAMS LATEST 0"),
    ("LATEST #room * -5", "INVALID_PARAMS LATEST -5"),
    ("LATEST #room * many", "INVALID_PARAMS LATEST many"),
    ("LATEST #room * ٣", "INVALID_PARAMS LATEST ٣"),
    ("LATEST #room * 1000000000", "INVALID_PARAMS LATEST 1000000000"),
    ("BEFORE #room timestamp=noon 5", "INVALID_PARAMS BEFORE timestamp=noon"),
    ("BEFORE #room timestamp=2026-11-31T00:00:00.000Z 5", "INVALID_PARAMS BEFORE timestamp=2026-11-31T00:00:00.000Z"),
    ("BEFORE #room msgid= 5", "INVALID_PARAMS BEFORE msgid="),
    ("BEFORE #room seq=5 5", "INVALID_MSGREFTYPE BEFORE #room seq=5"),
    ("BEFORE #room * 5", "INVALID_MSGREFTYPE BEFORE #room *"),
    ("BEFORE #room m1 5", "INVALID_MSGREFTYPE BEFORE #room m1"),
    ("BETWEEN #room msgid=a * 5", "INVALID_MSGREFTYPE BETWEEN #room *"),
    (f"TARGETS msgid=a {T1} 5", "INVALID_PARAMS TARGETS"),
    (f"TARGETS {T1} * 5", "INVALID_MSGREFTYPE TARGETS * *"),
    ("LATEST #none * 5", "INVALID_TARGET LATEST #none"),
    ("LATEST #other * 5", "INVALID_TARGET LATEST #other"),
    ("LATEST nobody * 5", "INVALID_TARGET LATEST nobody"),
    ("LATEST * * 5", "INVALID_TARGET LATEST *"),
    ("LATEST : * 5", "INVALID_PARAMS LATEST"),
    ("LATEST #room * 5 6", "INVALID_PARAMS LATEST"),
    ("BETWEEN #room msgid=a msgid=b 5 6", "INVALID_PARAMS BETWEEN"),
    (f"TARGETS {T1} {T2} 5 6", "INVALID_PARAMS TARGETS"),
]


@pytest.mark.parametrize(("line", "failure"), FAILURES)
def test_what_cannot_be_read_fails_by_code(stage: Stage, line: str, failure: str) -> None:
    scene = stage.play(stage.enter("alice"), f"CHATHISTORY {line}")
    assert len(scene.lines) == 1
    assert scene.lines[0].split(" :")[0] == f":chat.example FAIL CHATHISTORY {failure}"
    assert scene.effects == []


# ── answers ──

RECORDS = (
    Record(ROOM, 3, "m3", NOON, Posted("id-alice", "PRIVMSG", "one")),
    Record(ROOM, 5, "m5", NOON + 1, Posted("id-bob", "NOTICE", "two words", {"+x": "y"})),
)


def page_lines(stage: Stage, session: Session, page: Page) -> list[str]:
    return answer(stage, session, "LATEST #ROOM * 5", page)


def test_a_page_comes_in_a_batch_with_the_canonical_name_of_its_conversation(stage: Stage) -> None:
    """IRCv3 draft/chathistory, CHATHISTORY Command: "the canonical name of the target being queried"."""
    assert page_lines(stage, stage.enter("alice", BATCH | MESSAGE_TAGS | SERVER_TIME), Page(RECORDS)) == [
        ":chat.example BATCH +b1 chathistory #room",
        "@batch=b1;time=2026-11-21T12:00:00.000Z;msgid=m3 :alice!alice@securechat PRIVMSG #room one",
        "@batch=b1;time=2026-11-21T12:00:00.001Z;msgid=m5;+x=y :bob!bob@securechat NOTICE #room :two words",
        ":chat.example BATCH -b1",
    ]


def test_an_empty_page_is_an_empty_batch(stage: Stage) -> None:
    assert page_lines(stage, stage.enter("alice", BATCH), Page(())) == [
        ":chat.example BATCH +b1 chathistory #room",
        ":chat.example BATCH -b1",
    ]


def test_who_knows_no_batches_gets_the_lines_alone(stage: Stage) -> None:
    assert page_lines(stage, stage.enter("alice"), Page(RECORDS)) == [
        ":alice!alice@securechat PRIVMSG #room one",
        ":bob!bob@securechat NOTICE #room :two words",
    ]


def test_a_msgid_that_is_not_there_or_not_ones_own_to_read_is_an_error(stage: Stage) -> None:
    with pytest.raises(Refusal) as caught:
        page_lines(stage, stage.enter("alice", BATCH), Page((), known=False))
    assert told(caught.value.replies) == [
        ":chat.example FAIL CHATHISTORY MESSAGE_ERROR LATEST #ROOM :Messages could not be retrieved"
    ]


def test_targets_are_named_as_the_asker_calls_them(stage: Stage) -> None:
    found = [
        ConversationTime(ROOM, NOON),
        ConversationTime(DIRECT, NOON + 1),
        ConversationTime("d/id-alice/id-alice", NOON + 2),
    ]
    assert answer(stage, stage.enter("alice", BATCH), f"TARGETS {T1} {T2} 10", found) == [
        ":chat.example BATCH +b1 draft/chathistory-targets",
        "@batch=b1 :chat.example CHATHISTORY TARGETS #room 2026-11-21T12:00:00.000Z",
        "@batch=b1 :chat.example CHATHISTORY TARGETS bob 2026-11-21T12:00:00.001Z",
        "@batch=b1 :chat.example CHATHISTORY TARGETS alice 2026-11-21T12:00:00.002Z",
        ":chat.example BATCH -b1",
    ]


def test_who_has_left_reads_no_more_and_who_returns_reads_again(stage: Stage) -> None:
    alice = stage.enter("alice")
    stage.happen(ROOM, Joined("id-bob", "o"))
    stage.play(alice, "PART #room")
    assert stage.play(alice, "CHATHISTORY LATEST #room * 5").lines[0].split()[3] == "INVALID_TARGET"
    stage.play(alice, "JOIN #room")
    assert isinstance(stage.judge(alice, "CHATHISTORY LATEST #room * 5")[0], ReadHistory)

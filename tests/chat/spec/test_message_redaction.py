"""IRCv3 draft/message-redaction over the core: who may take back what, what it is answered, how it is told."""

from __future__ import annotations

import pytest

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.effects import Append, Effect, Entry, ReadHistory, Refusal
from securechat.chat.event import Event
from securechat.chat.events import Posted, Reacted, Record, Redacted
from securechat.chat.ports import Bound, Form, HistoryQuery, Page
from securechat.chat.session import Session
from securechat.wire.capabilities import ACCOUNT_TAG, MESSAGE_REDACTION, MESSAGE_TAGS
from securechat.wire.message import encode, parse
from tests.chat.stage import NOON, Stage, told

ROOM, DIRECT = "c/c-#room", "d/id-alice/id-bob"
DAY = 24 * 60 * 60 * 1000


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob", "carol", "dora")
    stage.channel("#room", {"alice": "q", "bob": "", "carol": "o"})
    stage.channel("#secret", {"carol": "q"}, modes="s")
    return stage


def posted(author: str, stream: str = ROOM, age: int = 0, event: Event | None = None) -> Record:
    return Record(stream, 9, "m9", NOON - age, event or Posted(f"id-{author}", "PRIVMSG", "oops"))  # type: ignore[arg-type]


def redact(stage: Stage, asker: Session, line: str, found: Page) -> list[Effect]:
    """Judge a REDACT to its end, when this was found."""
    (read,) = stage.judge(asker, line)
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    return list(read.then(Ask(asker, parse(line.encode()), stage.world), found, "b1"))


def failure(stage: Stage, name: str, line: str, found: Page) -> str:
    with pytest.raises(Refusal) as caught:
        redact(stage, stage.enter(name, MESSAGE_REDACTION), line, found)
    return told(caught.value.replies)[0].removeprefix(":chat.example FAIL REDACT ").split(" :")[0]


def test_the_capability_must_be_negotiated(stage: Stage) -> None:
    """Command: "a client MUST negotiate the draft/message-redaction capability"."""
    assert stage.play(stage.enter("bob"), "REDACT #room m9").numerics == ["421"]


def test_what_is_looked_for_is_that_very_message_or_reaction(stage: Stage) -> None:
    (read,) = stage.judge(stage.enter("bob", MESSAGE_REDACTION), "REDACT #ROOM m9")
    assert isinstance(read, ReadHistory)
    events = frozenset({"Reacted", "Unreacted"})
    assert read.query == HistoryQuery("id-bob", ROOM, Form.AROUND, 1, Bound("m9"), events=events)


@pytest.mark.parametrize(
    ("asker", "line", "found"),
    [
        ("bob", "REDACT #room m9", posted("bob")),
        ("bob", "REDACT #room m9", posted("bob", age=DAY - 1)),
        ("bob", "REDACT #room m9", posted("bob", event=Reacted("id-bob", "m1", "+"))),
        ("carol", "REDACT #room m9", posted("bob", age=9 * DAY)),
        ("carol", "REDACT #room m9", posted("carol", age=9 * DAY)),
        ("carol", "REDACT #room m9", posted("alice")),
        ("alice", "REDACT #room m9", posted("carol")),
        ("alice", "REDACT bob m9", posted("alice", DIRECT)),
    ],
)
def test_ones_own_for_a_day_and_as_an_operator_anybodys(stage: Stage, asker: str, line: str, found: Record) -> None:
    (append,) = redact(stage, stage.enter(asker, MESSAGE_REDACTION), line, Page((found,)))
    assert isinstance(append, Append)
    assert append.entries == (Entry(found.stream, Redacted("m9", f"id-{asker}")),)


@pytest.mark.parametrize(
    ("asker", "line", "found", "expected"),
    [
        ("dora", "REDACT #room m9", (), "INVALID_TARGET #room"),
        ("dora", "REDACT #secret m9", (), "INVALID_TARGET #secret"),
        ("dora", "REDACT #nowhere m9", (), "INVALID_TARGET #nowhere"),
        ("dora", "REDACT nobody m9", (), "INVALID_TARGET nobody"),
        ("bob", "REDACT #room m9", (), "UNKNOWN_MSGID #room m9"),
        ("bob", "REDACT #room :", (), "UNKNOWN_MSGID #room *"),
        ("bob", "REDACT #room m8", (posted("bob"),), "UNKNOWN_MSGID #room m8"),
        ("bob", "REDACT #room m9", (posted("alice"),), "REDACT_FORBIDDEN #room m9"),
        ("bob", "REDACT alice m9", (posted("alice", DIRECT),), "REDACT_FORBIDDEN alice m9"),
        ("bob", "REDACT #room m9", (posted("bob", age=DAY),), "REDACT_WINDOW_EXPIRED #room m9 86400"),
        ("bob", "REDACT alice m9", (posted("bob", DIRECT, DAY),), "REDACT_WINDOW_EXPIRED alice m9 86400"),
    ],
)
def test_what_may_not_be_taken_back_fails_by_code(
    stage: Stage, asker: str, line: str, found: tuple[Record, ...], expected: str
) -> None:
    """Errors."""
    assert failure(stage, asker, line, Page(found)) == expected


def test_a_msgid_that_may_not_be_read_is_unknown(stage: Stage) -> None:
    """Server implementation considerations: errors may leak that a message exists."""
    assert failure(stage, "bob", "REDACT #room m9", Page((), known=False)) == "UNKNOWN_MSGID #room m9"


def test_the_window_is_a_setting() -> None:
    stage = Stage("alice", "bob", redaction_window=60)
    stage.channel("#room", {"alice": "q", "bob": ""})
    late, timely = posted("bob", age=60_000), posted("bob", age=59_999)
    assert failure(stage, "bob", "REDACT #room m9", Page((late,))) == "REDACT_WINDOW_EXPIRED #room m9 60"
    assert redact(stage, stage.enter("bob", MESSAGE_REDACTION), "REDACT #room m9", Page((timely,)))


def test_who_was_kicked_while_it_was_looked_up_redacts_nothing(stage: Stage) -> None:
    bob, alice = stage.enter("bob", MESSAGE_REDACTION), stage.enter("alice")
    (read,) = stage.judge(bob, "REDACT #room m9")
    stage.play(alice, "KICK #room bob")
    assert isinstance(read, ReadHistory)
    assert read.then is not None
    with pytest.raises(Refusal) as caught:
        read.then(Ask(bob, parse(b"REDACT #room m9"), stage.world), Page((posted("bob"),)), "b1")
    assert caught.value.replies[0].params[1] == "INVALID_TARGET"


def test_it_is_judged_on_the_rights_of_the_moment(stage: Stage) -> None:
    (append,) = redact(stage, stage.enter("bob", MESSAGE_REDACTION), "REDACT #room m9", Page((posted("bob"),)))
    assert isinstance(append, Append)
    assert append.expects == ((ROOM, 0), ("a/id-bob", 0))


def test_a_reason_is_kept_and_one_too_long_is_refused(stage: Stage) -> None:
    carol = stage.enter("carol", MESSAGE_REDACTION)
    (append,) = redact(stage, carol, "REDACT #room m9 :join us not", Page((posted("bob"),)))
    assert isinstance(append, Append)
    assert append.entries[0].event == Redacted("m9", "id-carol", "join us not")
    assert stage.play(carol, f"REDACT #room m9 :{'x' * 301}").numerics == ["417"]


@pytest.mark.parametrize(
    ("stream", "event", "line"),
    [
        (ROOM, Redacted("m9", "id-carol", "spam"), "@msgid=m124;account=carol :carol!carol@securechat REDACT #room m9 spam"),
        (ROOM, Redacted("m9", "id-carol"), "@msgid=m124;account=carol :carol!carol@securechat REDACT #room m9"),
        (DIRECT, Redacted("m9", "id-bob", "a slip"), "@msgid=m124;account=bob :bob!bob@securechat REDACT alice m9 :a slip"),
    ],
)  # fmt: skip
def test_the_line_has_a_msgid_of_its_own(stage: Stage, stream: str, event: Redacted, line: str) -> None:
    """Examples."""
    record = Record(stream, 10, "m124", NOON, event)
    assert render.encoded(record, stage.world, MESSAGE_TAGS | ACCOUNT_TAG).decode() == f"{line}\r\n"


def test_the_longest_line_fits(stage: Stage) -> None:
    stage = Stage("n" * 32)
    channel = stage.channel("#" + "c" * 63)
    record = Record(f"c/{channel.id}", 10, "m", NOON, Redacted("0" * 26, f"id-{'n' * 32}", "r" * 149 + " " + "r" * 150))
    line = render.message(record, stage.world, 0)
    assert line is not None
    assert len(encode(line)) <= 512

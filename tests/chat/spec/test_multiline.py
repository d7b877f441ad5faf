"""IRCv3 multiline (draft/multiline), section by section, over the I/O-free core."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.chat import render
from securechat.chat.ask import Ask
from securechat.chat.commands import dispatch
from securechat.chat.effects import Append, Effect, Once, Refusal
from securechat.chat.events import Posted, Record, decode_event, encode_event
from securechat.chat.multiline import MAX_BYTES, MAX_LINES, Composed
from securechat.chat.pipeline import Pipeline
from securechat.chat.session import Session
from securechat.wire.capabilities import (
    BATCH,
    CAPABILITIES,
    MULTILINE,
    ONCE,
    list_lines,
    request,
)
from securechat.wire.framing import MAX_CLIENT_TAGS, LineSplitter
from securechat.wire.message import Message, encode
from tests.chat.stage import NOON, Stage, told

NEEDED = BATCH | MULTILINE
ROOM = "c/c-#room"


@pytest.fixture
def stage() -> Stage:
    stage = Stage("alice", "bob")
    stage.channel("#room", {"alice": "q", "bob": ""})
    return stage


def collect(stage: Stage, session: Session, *lines: str) -> list[list[Effect] | str]:
    """Let lines through a pipeline; return what each command in it asks for, or is refused with."""
    pipeline = Pipeline()
    for line in lines:
        pipeline.receive_line(line.encode(), Ask(session, Message("*"), stage.world))
    found: list[list[Effect] | str] = []
    while (unit := pipeline.take()) is not None:
        try:
            found.append(dispatch(Ask(session, unit.message, stage.world)))
        except Refusal as refusal:
            found += told(refusal.replies)
    return found


def posted(stage: Stage, *lines: str, caps: int = NEEDED) -> Posted:
    """Return the one message that lines of bob's come to."""
    ((append,),) = collect(stage, stage.enter("bob", caps), *lines)
    assert isinstance(append, Append)
    (entry,) = append.entries
    assert isinstance(entry.event, Posted)
    return entry.event


def batch(*lines: str, target: str = "#room", tags: str = "") -> list[str]:
    """Return a batch; a line that begins with + is joined to the one before it."""
    inside = [
        f"@batch=1;draft/multiline-concat PRIVMSG {target} :{line[1:]}" if line[:1] == "+" else
        f"@batch=1 PRIVMSG {target} :{line}"
        for line in lines
    ]  # fmt: skip
    return [f"{tags} BATCH +1 draft/multiline {target}".strip(), *inside, "BATCH -1"]


# ── Capabilities ──


def test_both_limits_are_the_value_of_the_capability() -> None:
    assert CAPABILITIES["draft/multiline"].value == "max-bytes=8192,max-lines=100"
    assert (MAX_BYTES, MAX_LINES) == (8192, 100)
    assert "draft/multiline=max-bytes=8192,max-lines=100" in " ".join(list_lines(302, 400, {
        name: capability.value for name, capability in CAPABILITIES.items()
    })).split()  # fmt: skip


@pytest.mark.parametrize("order", ["batch draft/multiline", "draft/multiline batch"])
def test_the_order_of_negotiation_is_not_enforced(order: str) -> None:
    """Dependencies."""
    assert request(0, order) == NEEDED
    assert [request(request(0, one) or 0, other) for one, other in [order.split()]] == [NEEDED]


@pytest.mark.parametrize("caps", [0, BATCH, MULTILINE])
def test_without_both_capabilities_nothing_is_posted(stage: Stage, caps: int) -> None:
    """Dependencies: batch MUST be negotiated."""
    refused = collect(stage, stage.enter("bob", caps), *batch("one", "two"))
    assert refused == [":chat.example FAIL BATCH MULTILINE_INVALID :Negotiate draft/multiline and batch first"]


# ── Batch types ──

COMBINED = [
    (("hello", "how is ", "+everyone?"), "hello\nhow is everyone?", (13,)),
    (("one",), "one", ()),
    (("one", "+two", "+three"), "onetwothree", (3, 6)),
    (("", "one"), "\none", ()),
    (("one", "", "", "two", ""), "one\n\n\ntwo\n", ()),
    (("  ", "x"), "  \nx", ()),
    (("grüße", "+ 🎈"), "grüße 🎈", (5,)),
]


@pytest.mark.parametrize(("lines", "text", "joins"), COMBINED)
def test_the_combined_message_is_one_record(stage: Stage, lines: tuple[str, ...], text: str, joins: tuple[int]) -> None:
    assert posted(stage, *batch(*lines)) == Posted("id-bob", "PRIVMSG", text, {}, joins)


def test_a_batch_may_be_of_notices(stage: Stage) -> None:
    """Batch types: "one or more PRIVMSG lines, or one or more NOTICE lines" (they are not mixed, see Errors)."""
    lines = [line.replace("PRIVMSG", "NOTICE") for line in batch("one", "+two", "three")]
    event = posted(stage, *lines)
    assert event == Posted("id-bob", "NOTICE", "onetwo\nthree", {}, (3,))
    assert told(render.messages(Record(ROOM, 9, "m9", NOON, event), stage.world, 0)) == [
        ":bob!bob@securechat NOTICE #room one",
        ":bob!bob@securechat NOTICE #room two",
        ":bob!bob@securechat NOTICE #room three",
    ]


def test_the_target_matches_whatever_its_case_and_the_command_too(stage: Stage) -> None:
    lines = [
        "BATCH +1 draft/multiline #room",
        "@batch=1 privmsg #ROOM hello",
        "@batch=1 PRIVMSG #Room :you",
        "batch -1",
    ]
    assert posted(stage, *lines).text == "hello\nyou"


def test_nothing_is_done_before_the_batch_has_ended(stage: Stage) -> None:
    assert collect(stage, stage.enter("bob", NEEDED), *batch("one", "two")[:-1]) == []


def test_lines_of_no_batch_are_carried_out_where_they_stand(stage: Stage) -> None:
    """Clients must not send any, but a PONG may be due."""
    first, second, third, last = batch("one", "two")
    alone, together = collect(
        stage, stage.enter("bob", NEEDED), first, second, "PONG x", "PRIVMSG #room :alone", third, last
    )[1:]
    texts = [effects[0].entries[0].event.text for effects in (alone, together)]  # type: ignore[union-attr]
    assert texts == ["alone", "one\ntwo"]


def test_a_direct_message_is_addressed_like_any(stage: Stage) -> None:
    stage.enter("alice")
    ((append,),) = collect(stage, stage.enter("bob", NEEDED), *batch("one", "two", target="ALICE"))
    assert isinstance(append, Append)
    assert append.entries[0].stream == "d/id-alice/id-bob"


def test_the_record_survives_storage() -> None:
    event = Posted("id-bob", "PRIVMSG", "a\nbc", {}, (3,))
    assert decode_event(encode_event(event)) == event
    plain = Posted("id-bob", "PRIVMSG", "a")
    assert b"joins" not in bytes(str(encode_event(plain)), "utf-8")


# ── Errors ──

FAULTS: list[tuple[list[str], str]] = [
    (batch(), "MULTILINE_INVALID"),
    (batch("", " "), "MULTILINE_INVALID"),
    (batch("+one"), "MULTILINE_INVALID"),
    (batch("one", "+"), "MULTILINE_INVALID"),
    (batch(*["x"] * 101), "MULTILINE_MAX_LINES 100"),
    (batch(*[""] * 100, "x"), "MULTILINE_MAX_LINES 100"),
    (batch(*["x" * 400] * 21), "MULTILINE_MAX_BYTES 8192"),
    (
        ["BATCH +1 draft/multiline #room", "@batch=1 PRIVMSG #bar hello", "BATCH -1"],
        "MULTILINE_INVALID_TARGET #room #bar",
    ),
    (
        ["BATCH +1 draft/multiline #room", "@batch=1 PRIVMSG #room hello", "@batch=1 NOTICE #room x", "BATCH -1"],
        "MULTILINE_INVALID",
    ),
    (["BATCH +1 draft/multiline #room", "@batch=1 TAGMSG #room", "BATCH -1"], "MULTILINE_INVALID"),
    (["BATCH +1 draft/multiline #room", "@batch=1 PRIVMSG #room", "BATCH -1"], "MULTILINE_INVALID"),
    (["BATCH +1 draft/multiline #room", "@batch=1;+typing=done PRIVMSG #room x", "BATCH -1"], "MULTILINE_INVALID"),
    (["BATCH +1 draft/multiline #room", "@batch=1;label=x PRIVMSG #room x", "BATCH -1"], "MULTILINE_INVALID"),
    (["BATCH +1 multiline #room", "@batch=1 PRIVMSG #room x", "BATCH -1"], "MULTILINE_INVALID"),
    (["BATCH +1 draft/multiline", "@batch=1 PRIVMSG #room x", "BATCH -1"], "MULTILINE_INVALID"),
    (["BATCH +1 draft/multiline #room x", "BATCH -1"], "MULTILINE_INVALID"),
    (["@batch=2 PRIVMSG #room x"], "MULTILINE_INVALID"),
    (["BATCH -1"], "MULTILINE_INVALID"),
    (["BATCH 1"], "MULTILINE_INVALID"),
    (batch("one", target="Search"), "MULTILINE_INVALID"),
    (batch("one", target="*playback"), "MULTILINE_INVALID"),
]


@pytest.mark.parametrize(("lines", "code"), FAULTS)
def test_a_faulty_batch_is_answered_once_and_nothing_of_it_is_posted(stage: Stage, lines: list[str], code: str) -> None:
    (refused,) = collect(stage, stage.enter("bob", NEEDED), *lines)
    assert isinstance(refused, str)
    assert refused.startswith(f":chat.example FAIL BATCH {code} :")


LARGEST = [
    batch(*["x"] * 100),
    batch(*["x" * 400] * 20, "x" * (8192 - 20 * 401)),
    batch("x" * 400, *["+" + "x" * 400] * 19, "+" + "x" * 192),
]


@pytest.mark.parametrize("lines", LARGEST)
def test_what_is_just_within_the_limits_is_posted(stage: Stage, lines: list[str]) -> None:
    """A line feed that joins two lines counts as one byte, and concatenating as none."""
    assert len(posted(stage, *lines).text) in (199, 8192)
    (refused,) = collect(stage, stage.enter("bob", NEEDED), *lines[:-1], "@batch=1 PRIVMSG #room :x", "BATCH -1")
    assert isinstance(refused, str)
    assert "MULTILINE_MAX_" in refused


def test_a_message_is_not_posted_without_a_line_that_could_not_be_read(stage: Stage) -> None:
    """Batch types: the combined value is that of each individual line within the batch."""
    for broken, told_first in [
        (b"@batch=1;label=x PRIVMSG #room :" + b"y" * 600, ":chat.example 417 bob :Input line was too long"),
        (b"@batch=1 PRIVMSG #room :\xff", ":chat.example FAIL PRIVMSG INVALID_UTF8 :Message is not UTF-8"),
    ]:
        session, pipeline = stage.enter("bob", NEEDED), Pipeline()
        stream = "\r\n".join(batch("one", "two")).encode().replace(b"\r\nBATCH -", b"\r\n" + broken + b"\r\nBATCH -")
        for line in LineSplitter(MAX_CLIENT_TAGS).feed(stream + b"\r\n"):
            pipeline.receive_line(line, Ask(session, Message("*"), stage.world))
        fault, spoiled = pipeline.take(), pipeline.take()
        assert fault is not None
        assert told(fault.replies) == [told_first]
        assert fault.answer.label == ("x" if b"label" in broken else "")
        assert spoiled is not None
        assert isinstance(spoiled.message, Composed)
        assert (spoiled.message.said, spoiled.message.fault[0]) == (None, "MULTILINE_INVALID")
        assert pipeline.take() is None


def test_what_is_refused_elsewhere_is_refused_here(stage: Stage) -> None:
    session = stage.enter("bob", NEEDED)
    assert collect(stage, session, *batch("x", target="#none")) == [":chat.example 403 bob #none :No such channel"]
    assert collect(stage, session, *batch("x", target="nobody")) == [":chat.example 401 bob nobody :No such nick"]


def test_a_notice_that_goes_nowhere_is_answered_by_no_error(stage: Stage) -> None:
    """Modern IRC, NOTICE; the control is the test above."""
    session = stage.enter("bob", NEEDED)
    lines = [line.replace("PRIVMSG", "NOTICE") for line in batch("x", target="#none")]
    assert collect(stage, session, *lines) == [[]]


def test_one_batch_is_open_at_a_time_and_the_one_left_open_is_given_up(stage: Stage) -> None:
    first, second = batch("one"), [line.replace("1", "2") for line in batch("two")]
    refused, effects = collect(stage, stage.enter("bob", NEEDED), *first[:-1], *second)
    assert refused == ":chat.example FAIL BATCH MULTILINE_INVALID :Another batch was opened before its end"
    assert effects[0].entries[0].event.text == "two"  # type: ignore[union-attr]


def test_a_connection_holds_no_more_than_the_limits(stage: Stage) -> None:
    pipeline, session = Pipeline(), stage.enter("bob", NEEDED)
    ask = Ask(session, Message("*"), stage.world)
    for line in [batch()[0], *batch("x" * 400)[1:-1] * 500]:
        pipeline.receive_line(line.encode(), ask)
    draft = pipeline._collector._draft
    assert draft is not None
    assert draft.lines == []
    assert len(pipeline) == 1


def test_before_signing_in_nothing_is_held(stage: Stage) -> None:
    pipeline = Pipeline()
    ask = Ask(stage.stranger(caps=NEEDED), Message("*"), stage.world)
    for line in batch("one", "two"):
        pipeline.receive_line(line.encode(), ask)
    assert pipeline._collector._draft is None
    assert len(pipeline) == 4


pieces = st.sampled_from(
    ["BATCH +1 draft/multiline #room", "BATCH +2 draft/multiline bob", "BATCH +1 x #room", "BATCH -1", "BATCH -2", "BATCH"]
    + [f"@batch={ref}{concat} PRIVMSG {target} :{text}"
       for ref in "12" for concat in ("", ";draft/multiline-concat") for target in ("#room", "bob") for text in ("", "x\x01")]
    + ["@batch=1 PRIVMSG", "@batch PRIVMSG #room x", "@batch=1 BATCH -1", "PRIVMSG #room :y", "@batch=1 PING x"]
)  # fmt: skip


whole = st.lists(st.sampled_from(["", " ", "x", "+y", "+", "z\x01" * 200]), max_size=5).map(lambda lines: batch(*lines))


@given(
    st.lists(st.one_of(whole, st.lists(pieces, max_size=5)), max_size=8).map(
        lambda some: [line for part in some for line in part]
    )
)
def test_whatever_comes_each_command_is_judged_or_refused(lines: list[str]) -> None:
    stage = Stage("alice", "bob")
    stage.channel("#room", {"alice": "q", "bob": ""})
    for outcome in collect(stage, stage.enter("bob", NEEDED), *lines):
        if not isinstance(outcome, str):
            for effect in outcome:
                if isinstance(effect, Append):
                    event = effect.entries[0].event
                    record = Record(effect.entries[0].stream, 1, "m1", NOON, event)
                    assert all(encode(line) for line in render.messages(record, stage.world, NEEDED))


# ── Interaction with other specifications ──


def test_client_only_tags_label_and_id_come_from_the_opening(stage: Stage) -> None:
    """Message tags: all client-only tags must be sent attached to the initial BATCH command."""
    tags = "@label=L;+draft/reply=m1;unknown=x;securechat.internal/id=0b9f7a52-6c1e"
    pipeline, session = Pipeline(), stage.enter("bob", NEEDED | ONCE)
    for line in batch("one", "two", tags=tags):
        pipeline.receive_line(line.encode(), Ask(session, Message("*"), stage.world))
    unit = pipeline.take()
    assert unit is not None
    assert (unit.answer.label, unit.pipelines, pipeline.take()) == ("L", True, None)
    (append,) = dispatch(Ask(session, unit.message, stage.world))
    assert isinstance(append, Append)
    event = append.entries[0].event
    assert isinstance(event, Posted)
    assert event.tags == {"+draft/reply": "m1"}
    digest = hashlib.sha256(b"PRIVMSG\0#room\0one\ntwo").digest()
    assert append.once == Once("id-bob", "0b9f7a52-6c1e", digest)


def test_a_fault_has_the_label_too(stage: Stage) -> None:
    pipeline, session = Pipeline(), stage.enter("bob", NEEDED)
    for line in batch("+one", tags="@label=L"):
        pipeline.receive_line(line.encode(), Ask(session, Message("*"), stage.world))
    unit = pipeline.take()
    assert unit is not None
    assert (unit.answer.label, pipeline.take()) == ("L", None)

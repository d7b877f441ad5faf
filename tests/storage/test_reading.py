"""What every store lets an account read, and how it is paged."""

from __future__ import annotations

import pytest

from securechat.chat.events import Dropped, Joined, Kicked, Left, ModeSet, Record
from securechat.chat.ports import Form, Page
from securechat.storage import records
from tests.storage.nodes import ROOM, Clock, Node

BEFORE, AFTER, LATEST, AROUND, BETWEEN = Form.BEFORE, Form.AFTER, Form.LATEST, Form.AROUND, Form.BETWEEN


# ── who may read ─────────────────────────────────────────────────────────────────────────────────────────────────

STEPS = {
    "join": Joined("bob"),
    "leave": Left("bob"),
    "kick": Kicked("bob", "alice"),
    "+i": ModeSet("alice", on="i"),
    "-i": ModeSet("alice", off="i"),
    "+s": ModeSet("alice", on="s"),
    "-s": ModeSet("alice", off="s"),
    "+k": ModeSet("alice", key="secret"),
    "-k": ModeSet("alice", key=""),
    "+m": ModeSet("alice", on="m"),
}
# Alice owns the channel and says the single letters; what bob can read at the end.
READABLE: list[tuple[str, str]] = [
    # an open channel: everything, for who is a member now
    ("a b", ""),
    ("a join b", "ab"),
    ("a join b leave c", ""),
    ("a join b kick c", ""),
    ("a join b leave c join d", "abcd"),
    ("a join b kick c join d", "abcd"),
    ("a +m b join c", "abc"),
    # closed from some point on: since then only what was said while a member
    ("a +i b join c", "ac"),
    ("a +s b join c", "ac"),
    ("a +k b join c", "ac"),
    ("a join b +i c", "abc"),
    ("a join b +i c leave d", ""),
    ("a join b +i c kick d", ""),
    ("a join b +i c leave d join e", "abce"),
    ("a join b +i c kick d join e", "abce"),
    ("a +i b join c leave d join e leave f join g", "aceg"),
    ("a +i b join c leave join d kick join e", "acde"),
    # closed, then opened again: what was said in private stays private
    ("a +i b -i c join d", "acd"),
    ("a +s b -s c join d", "acd"),
    ("a +k b -k c join d", "acd"),
    ("a join b +i c leave d -i e join f", "abcef"),
    ("a join b kick +i c -i d join e", "abde"),
    # one lock is enough, and each is taken off by itself
    ("a +i b +s c -i d -s e join f", "aef"),
    ("a +i b +k c -k d join e", "ae"),
    ("+i a -i b +i c -i d join e", "bde"),
    ("+i a -i b +i c join d -i e", "bde"),
    ("+i a join b leave c join d -i e +s f leave g join h", "bdefh"),
    # setting what is set, clearing what is clear
    ("a +i +i b -i -i c join d", "acd"),
    ("a -i -k b join c", "abc"),
]


@pytest.mark.parametrize(("script", "expected"), READABLE)
async def test_an_account_reads_what_it_was_there_for_or_what_was_open_to_all(
    node: Node, clock: Clock, script: str, expected: str
) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice")
    said = await play(node, clock, script)
    assert "".join(await node.texts("bob")) == expected
    assert "".join(await node.texts("alice")) == "".join(said)
    for text, record in said.items():
        page = await node.page("bob", AROUND, record, limit=1)
        assert page == (Page((record,)) if text in expected else Page((), known=False))
    newest = [(ROOM, said[expected[-1]].time)] if expected else []
    assert await node.conversations("bob") == newest


async def play(node: Node, clock: Clock, script: str) -> dict[str, Record]:
    said = {}
    for word in script.split():
        if word in STEPS:
            await node.do(STEPS[word])
        else:
            clock.now += 1
            (said[word],) = await node.say("alice", word)
    return said


async def test_a_channel_that_begins_closed_was_never_open(node: Node, clock: Clock) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", modes="nti")
    await play(node, clock, "a -i b join c")
    assert await node.texts("bob") == ["b", "c"]


async def test_what_may_not_be_read_counts_for_no_limit(node: Node, clock: Clock) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice")
    said = await play(node, clock, "a b +i c d e join f leave g h join i")
    assert await node.texts("bob", LATEST, limit=3) == ["b", "f", "i"]
    assert await node.texts("bob", AFTER, said["a"], limit=3) == ["b", "f", "i"]
    assert await node.texts("bob", BEFORE, said["i"], limit=2) == ["b", "f"]
    assert await node.texts("bob", AROUND, said["f"], limit=3) == ["b", "f", "i"]


async def test_a_direct_conversation_is_read_by_its_two_parties_alone(node: Node) -> None:
    await node.register("alice", "bob", "carol")
    (record,) = await node.say("alice", "psst", stream="d/alice/bob")
    assert await node.texts("alice", stream="d/alice/bob") == ["psst"]
    assert await node.texts("bob", stream="d/alice/bob") == ["psst"]
    assert await node.texts("carol", stream="d/alice/bob") == []
    assert await node.page("carol", BEFORE, record, stream="d/alice/bob") == Page((), known=False)


async def test_notes_to_oneself_are_a_conversation(node: Node) -> None:
    await node.register("alice")
    await node.say("alice", "milk", stream="d/alice/alice")
    assert await node.texts("alice", stream="d/alice/alice") == ["milk"]
    assert [stream for stream, _ in await node.conversations("alice")] == ["d/alice/alice"]


async def test_a_msgid_one_may_not_read_is_like_one_that_never_was(node: Node) -> None:
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    await node.open_room("alice", stream="c/other")
    (seen,) = await node.say("alice", "seen")
    (direct,) = await node.say("alice", "direct", stream="d/alice/bob")
    (other,) = await node.say("alice", "other", stream="c/other")
    unknown = Page((), known=False)
    never = "0" * 26
    for form in (BEFORE, AFTER, LATEST, AROUND):
        for msgid in (never, direct, other):
            assert await node.page("bob", form, msgid) == unknown
        assert await node.page("carol", form, seen) == unknown
        assert await node.page("carol", form, never) == unknown
        assert await node.page("bob", form, never, stream="c/nowhere") == unknown
        assert await node.page("bob", form, never, stream="d/bob/carol") == unknown
    assert await node.page("bob", BETWEEN, seen, never) == unknown
    assert await node.page("bob", BETWEEN, direct, seen) == unknown


@pytest.mark.parametrize("stream", ["c/room", "c/nowhere", "c/gone", "d/alice/carol"])
async def test_an_outsider_asking_by_time_gets_nothing_and_learns_nothing(node: Node, stream: str) -> None:
    await node.register("alice", "bob", "carol")
    await node.open_room("alice")
    await node.open_room("alice", "bob", stream="c/gone")
    await node.do(Left("alice", "", "q"), Left("bob"), Dropped(), stream="c/gone")
    await node.say("alice", "secret")
    assert await node.page("bob", stream=stream) == Page(())
    assert await node.page("bob", AFTER, 0, stream=stream) == Page(())
    assert await node.page("bob", BETWEEN, 0, 10**15, stream=stream) == Page(())


async def test_only_messages_are_read_but_any_record_one_may_read_can_be_the_bound(node: Node, clock: Clock) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice")
    said = await play(node, clock, "a b join c d")
    join = (await node.do(Left("bob"), Joined("bob"))).records[1]
    await play(node, clock, "e")
    assert await node.texts("alice") == ["a", "b", "c", "d", "e"]
    assert await node.texts("alice", AFTER, join) == ["e"]
    assert await node.texts("alice", AROUND, join, limit=4) == ["c", "d", "e"]
    assert await node.texts("alice", BEFORE, said["c"]) == ["a", "b"]


# ── paging ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def letters(node: Node, clock: Clock) -> dict[str, Record]:
    """Say a to j, 10 ms apart: a at 110 … j at 200."""
    clock.now = 100
    await node.register("alice")
    await node.open_room("alice")
    said = {}
    for text in "abcdefghij":
        clock.now += 10
        (said[text],) = await node.say("alice", text)
    return said


PAGES: list[tuple[Form, str | int | None, str | int | None, int, str]] = [
    (LATEST, None, None, 3, "hij"),
    (LATEST, None, None, 10, "abcdefghij"),
    (LATEST, None, None, 99, "abcdefghij"),
    (LATEST, None, None, 0, ""),
    (LATEST, "e", None, 99, "fghij"),
    (LATEST, "e", None, 2, "ij"),
    (LATEST, "j", None, 9, ""),
    (LATEST, 150, None, 99, "fghij"),
    (LATEST, 149, None, 99, "efghij"),
    (LATEST, 150, None, 2, "ij"),
    (BEFORE, "e", None, 99, "abcd"),
    (BEFORE, "e", None, 2, "cd"),
    (BEFORE, "a", None, 9, ""),
    (BEFORE, 150, None, 2, "cd"),
    (BEFORE, 151, None, 2, "de"),
    (BEFORE, 0, None, 9, ""),
    (BEFORE, 10**15, None, 2, "ij"),
    (AFTER, "e", None, 99, "fghij"),
    (AFTER, "e", None, 2, "fg"),
    (AFTER, "j", None, 9, ""),
    (AFTER, 150, None, 2, "fg"),
    (AFTER, 149, None, 2, "ef"),
    (AFTER, 0, None, 2, "ab"),
    (AFTER, 200, None, 9, ""),
    (AROUND, "e", None, 1, "e"),
    (AROUND, "e", None, 2, "de"),
    (AROUND, "e", None, 3, "def"),
    (AROUND, "e", None, 5, "cdefg"),
    (AROUND, "a", None, 5, "abc"),
    (AROUND, "j", None, 5, "hij"),
    (AROUND, 150, None, 3, "def"),
    (AROUND, 155, None, 4, "defg"),
    (AROUND, 0, None, 4, "ab"),
    (BETWEEN, "b", "g", 99, "cdef"),
    (BETWEEN, "b", "g", 2, "cd"),
    (BETWEEN, "g", "b", 99, "cdef"),
    (BETWEEN, "g", "b", 2, "ef"),
    (BETWEEN, "e", "e", 9, ""),
    (BETWEEN, "e", "f", 9, ""),
    (BETWEEN, 120, 170, 2, "cd"),
    (BETWEEN, 170, 120, 2, "ef"),
    (BETWEEN, 119, 171, 99, "bcdefg"),
    (BETWEEN, 150, 150, 9, ""),
    (BETWEEN, "b", 170, 9, "cdef"),
    (BETWEEN, 170, "b", 2, "ef"),
]


@pytest.mark.parametrize(("form", "start", "end", "limit", "expected"), PAGES)
async def test_a_page_holds_what_chathistory_says(
    node: Node,
    letters: dict[str, Record],
    form: Form,
    start: str | int | None,
    end: str | int | None,
    limit: int,
    expected: str,
) -> None:
    bounds = [letters[bound] if isinstance(bound, str) else bound for bound in (start, end)]
    assert "".join(await node.texts("alice", form, *bounds, limit=limit)) == expected


@pytest.fixture
async def bursts(node: Node, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> dict[str, Record]:
    """Say abc at 110, de at 120, fghi at 130, j at 140, in a stream that is as far ahead of its clock as it may be."""
    monkeypatch.setattr(records, "MAX_AHEAD", 0)
    await node.register("alice")
    await node.open_room("alice")
    said = {}
    for clock.now, texts in ((1_000_110, "abc"), (1_000_120, "de"), (1_000_130, "fghi"), (1_000_140, "j")):
        for text in texts:
            (said[text],) = await node.say("alice", text)
    return said


WHOLE: list[tuple[Form, int | None, int | None, int, str]] = [
    (AFTER, 109, None, 1, "abc"),
    (AFTER, 109, None, 4, "abcde"),
    (AFTER, 110, None, 2, "de"),
    (AFTER, 120, None, 2, "fghi"),
    (BEFORE, 141, None, 2, "fghij"),
    (BEFORE, 140, None, 1, "fghi"),
    (BEFORE, 130, None, 3, "abcde"),
    (LATEST, None, None, 1, "j"),
    (LATEST, None, None, 2, "fghij"),
    (LATEST, 110, None, 6, "defghij"),
    (AROUND, 130, None, 2, "defghi"),
    (BETWEEN, 109, 140, 4, "abcde"),
    (BETWEEN, 140, 109, 1, "fghi"),
]


@pytest.mark.parametrize(("form", "start", "end", "limit", "expected"), WHOLE)
async def test_a_page_by_time_never_splits_a_millisecond(
    node: Node, bursts: dict[str, Record], form: Form, start: int | None, end: int | None, limit: int, expected: str
) -> None:
    times = [None if bound is None else 1_000_000 + bound for bound in (start, end)]
    assert "".join(await node.texts("alice", form, *times, limit=limit)) == expected


async def test_a_page_by_msgid_holds_no_more_than_its_limit(node: Node, bursts: dict[str, Record]) -> None:
    assert await node.texts("alice", AFTER, bursts["a"], limit=1) == ["b"]
    assert await node.texts("alice", BEFORE, bursts["i"], limit=2) == ["g", "h"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_going_on_from_the_last_of_each_page_yields_everything_once(
    node: Node, bursts: dict[str, Record], limit: int
) -> None:
    by_msgid, by_time, backwards = ["a"], [], ["j"]
    while page := await node.page("alice", AFTER, bursts[by_msgid[-1]], limit=limit):
        if not page.records:
            break
        by_msgid += [record.event.text for record in page.records]
    time = 0
    while (page := await node.page("alice", AFTER, time, limit=limit)).records:
        by_time += [record.event.text for record in page.records]
        time = page.records[-1].time
    time = bursts["j"].time
    while (page := await node.page("alice", BEFORE, time, limit=limit)).records:
        backwards = [record.event.text for record in page.records] + backwards
        time = page.records[0].time
    assert ("".join(by_msgid), "".join(by_time), "".join(backwards)) == ("abcdefghij", "abcdefghij", "abcdefghij")


# ── which conversations ──────────────────────────────────────────────────────────────────────────────────────────


async def test_conversations_are_told_by_their_newest_readable_message_oldest_first(node: Node, clock: Clock) -> None:
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    await node.open_room("alice", stream="c/private")
    await node.open_room("bob", "alice", stream="c/quiet")
    for clock.now, stream in (
        (2_000_100, ROOM),
        (2_000_200, "d/alice/bob"),
        (2_000_300, "c/private"),
        (2_000_400, "d/alice/carol"),
        (2_000_500, ROOM),
    ):
        await node.say("alice", "x", stream=stream)
    everything = [("d/alice/bob", 2_000_200), ("c/private", 2_000_300), ("d/alice/carol", 2_000_400), (ROOM, 2_000_500)]
    assert await node.conversations("alice") == everything
    assert await node.conversations("alice", limit=2) == everything[:2]
    assert await node.conversations("alice", 2_000_200, 2_000_500) == everything[1:3]
    assert await node.conversations("bob") == [("d/alice/bob", 2_000_200), (ROOM, 2_000_500)]
    assert await node.conversations("bob", 2_000_100, 2_000_500) == [("d/alice/bob", 2_000_200)]
    await node.kick("bob")
    assert await node.conversations("bob") == [("d/alice/bob", 2_000_200)]


async def test_a_conversation_is_dated_by_what_the_account_may_read_of_it(node: Node, clock: Clock) -> None:
    await node.register("alice", "bob")
    await node.open_room("alice", "bob")
    clock.now = 2_000_000
    await node.say("alice", "both")
    await node.do(ModeSet("alice", on="i"), Left("bob"))
    clock.now = 3_000_000
    await node.say("alice", "private")
    clock.now = 4_000_000
    await node.do(Joined("bob"))
    assert await node.conversations("bob") == [(ROOM, 2_000_000)]
    assert await node.conversations("bob", 2_000_000) == []
    assert await node.conversations("alice") == [(ROOM, 3_000_000)]

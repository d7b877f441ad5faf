"""What every store does with redactions and reactions: what is gone, what stays, and what is refused."""

from __future__ import annotations

from securechat.chat.event import Event
from securechat.chat.events import (
    ChannelRenamed,
    Deleted,
    Erased,
    Ignored,
    Joined,
    Kicked,
    Left,
    Posted,
    Reacted,
    Record,
    Redacted,
    TopicSet,
    Unreacted,
)
from securechat.chat.ports import Bound, Form, HistoryQuery, Outcome, Page, ReactionsQuery, Verdict, WritingsQuery
from securechat.chat.world import REACTION_CHANGES
from tests.storage.nodes import ROOM, Node, once

EVERYTHING = frozenset(
    {"Joined", "Left", "Kicked", "ModeSet", "Redacted", "Reacted", "Unreacted", "TopicSet", "ChannelRenamed"}
)


async def begin(node: Node) -> list[Record]:
    """Have alice and bob in a room in which they have said one to five by turns."""
    await node.register("alice", "bob", "carol")
    await node.open_room("alice", "bob")
    said = []
    for number, text in enumerate(["one", "two", "three", "four", "five"]):
        said += await node.say("bob" if number % 2 else "alice", text)
    return said


async def redact(node: Node, record: Record, by: str = "alice", stream: str = ROOM) -> Outcome:
    return await node.put((stream, Redacted(record.msgid, by)))


async def events(node: Node, account: str, form: Form = Form.LATEST, limit: int = 100, stream: str = ROOM) -> Page:
    return await node.history.read(HistoryQuery(account, stream, form, limit, events=EVERYTHING))


async def reactions(node: Node, account: str, about: Record, stream: str = ROOM) -> frozenset[str] | None:
    found = await node.history.reactions(ReactionsQuery(account, stream, about.msgid))
    return None if found is None else found.standing


# ── redactions ──


async def test_what_is_redacted_is_on_no_page_but_its_place_pages_on(node: Node) -> None:
    _, two, three, four, _ = await begin(node)
    assert (await redact(node, three)).verdict is Verdict.STORED
    assert await node.texts("bob") == ["one", "two", "four", "five"]
    assert await node.texts("bob", Form.AFTER, three) == ["four", "five"]
    assert await node.texts("bob", Form.BEFORE, three) == ["one", "two"]
    assert await node.texts("bob", Form.AROUND, three, limit=4) == ["one", "two", "four", "five"]
    assert await node.texts("bob", Form.BETWEEN, two, four) == []
    assert await node.history.count_messages([ROOM]) == [4]


async def test_the_redaction_is_a_record_in_its_place_and_the_order_has_no_gap(node: Node) -> None:
    said = await begin(node)
    outcome = await redact(node, said[1], by="bob")
    (record,) = outcome.records
    assert (record.event, record.seq) == (Redacted(said[1].msgid, "bob"), said[-1].seq + 1)
    page = await events(node, "alice")
    assert [each.seq for each in page.records] == [2, 3, 4, 6, 7, 8, 9]
    assert page.records[-1] == record
    assert (await node.say("bob", "six"))[0].seq == record.seq + 1


async def test_nothing_is_redacted_twice_and_nothing_that_is_not_there(node: Node) -> None:
    said = await begin(node)
    (elsewhere,) = await node.say("alice", "psst", stream="d/alice/bob")
    joined = (await node.do(Joined("carol"))).records[0]
    redaction = (await redact(node, said[0])).records[0]
    for record in (said[0], elsewhere, joined, redaction):
        assert (await redact(node, record)).verdict is Verdict.STALE
    assert (await node.put((ROOM, Redacted("0" * 26, "alice")))).verdict is Verdict.STALE
    assert await node.texts("bob") == ["two", "three", "four", "five"]
    assert await node.texts("bob", stream="d/alice/bob") == ["psst"]


async def test_two_redactions_of_one_message_at_once_are_one(node: Node) -> None:
    said = await begin(node)
    futures = [node.submit((ROOM, Redacted(said[0].msgid, by))) for by in ("alice", "bob")]
    assert [(await future).verdict for future in futures] == [Verdict.STORED, Verdict.STALE]


async def test_an_append_of_which_a_part_is_stale_redacts_nothing(node: Node) -> None:
    said = await begin(node)
    outcome = await node.put((ROOM, Redacted(said[0].msgid, "alice")), (ROOM, Joined("bob")))
    assert outcome.verdict is Verdict.STALE
    assert await node.texts("bob") == ["one", "two", "three", "four", "five"]
    assert (await redact(node, said[0])).verdict is Verdict.STORED


async def test_an_id_whose_message_is_redacted_is_told_so_whatever_it_says_now(node: Node) -> None:
    await begin(node)
    key = once("bob", "uuid", "six")
    message = (ROOM, Posted("bob", "PRIVMSG", "six"))
    (six,) = (await node.put(message, once=key)).records
    assert (await redact(node, six)).verdict is Verdict.STORED
    other = (ROOM, Posted("bob", "PRIVMSG", "other"))
    answers = [
        await node.put(message, once=key),
        await node.put(other, once=once("bob", "uuid", "other")),
        await node.put(once=key),
    ]
    assert [(answer.verdict, answer.records) for answer in answers] == [(Verdict.REDACTED, ())] * 3
    assert (await node.put(message, once=once("alice", "uuid", "six"))).verdict is Verdict.STORED


async def test_an_id_is_known_as_redacted_within_the_very_batch(node: Node) -> None:
    said = await begin(node)
    key = once("bob", "uuid", "six")
    post = (ROOM, Posted("bob", "PRIVMSG", "six"))
    futures = [
        node.submit(post, once=key),
        node.submit((ROOM, Redacted(said[0].msgid, "alice"))),
        node.submit(post, once=key),
    ]
    assert [(await future).verdict.value for future in futures] == ["stored", "stored", "repeated"]


async def test_no_export_holds_what_was_redacted(node: Node) -> None:
    said = await begin(node)
    await redact(node, said[1], by="bob")
    writings = await node.history.writings(WritingsQuery("bob"))
    assert [record.event for record in writings.records] == [Posted("bob", "PRIVMSG", "four")]


async def test_a_redaction_of_the_newest_message_moves_the_conversation_back(node: Node) -> None:
    said = await begin(node)
    await redact(node, said[-1])
    assert await node.conversations("bob") == [(ROOM, said[-2].time)]


async def test_whom_one_ignores_redacts_unseen(node: Node) -> None:
    await node.register("alice", "bob")
    stream = "d/alice/bob"
    (before,) = await node.say("bob", "before", stream=stream)
    (mine,) = await node.say("alice", "mine", stream=stream)
    await node.do(Ignored("bob"), stream="a/alice")
    redactions = [await redact(node, each, by, stream) for each, by in ((before, "bob"), (mine, "alice"))]
    seen = {account: (await events(node, account, stream=stream)).records for account in ("alice", "bob")}
    assert seen["alice"] == redactions[1].records
    assert seen["bob"] == (*redactions[0].records, *redactions[1].records)


# ── reactions ──


async def test_reactions_stand_until_they_are_taken_back(node: Node) -> None:
    one, *_ = await begin(node)
    await node.do(Reacted("bob", one.msgid, "+"), Reacted("bob", one.msgid, "-"), Reacted("alice", one.msgid, "+"))
    assert await reactions(node, "bob", one) == {"+", "-"}
    await node.do(Unreacted("bob", one.msgid, "+"))
    assert await reactions(node, "bob", one) == {"-"}
    assert await reactions(node, "alice", one) == {"+"}
    await node.do(Reacted("bob", one.msgid, "+"))
    assert await reactions(node, "bob", one) == {"+", "-"}


async def test_only_what_changes_something_is_kept(node: Node) -> None:
    one, two, *_ = await begin(node)
    (elsewhere,) = await node.say("alice", "psst", stream="d/alice/bob")
    (reaction,) = (await node.do(Reacted("bob", one.msgid, "+"))).records
    refused: list[Event] = [
        Reacted("bob", one.msgid, "+"),
        Unreacted("bob", one.msgid, "-"),
        Unreacted("bob", two.msgid, "+"),
        Reacted("bob", "0" * 26, "+"),
        Reacted("bob", elsewhere.msgid, "+"),
        Reacted("bob", reaction.msgid, "+"),
    ]
    for event in refused:
        assert (await node.put((ROOM, event))).verdict is Verdict.STALE
    twice = await node.put((ROOM, Reacted("bob", two.msgid, "+")), (ROOM, Reacted("bob", two.msgid, "+")))
    assert twice.verdict is Verdict.STALE
    assert await reactions(node, "bob", two) == set()


async def test_an_account_has_at_most_twenty_on_a_message(node: Node) -> None:
    one, *_ = await begin(node)
    await node.do(*(Reacted("bob", one.msgid, str(number)) for number in range(20)))
    assert (await node.put((ROOM, Reacted("bob", one.msgid, "20")))).verdict is Verdict.STALE
    await node.do(Reacted("alice", one.msgid, "20"), Unreacted("bob", one.msgid, "3"), Reacted("bob", one.msgid, "20"))
    assert len(await reactions(node, "bob", one) or ()) == 20


async def test_an_account_changes_its_mind_about_a_message_only_so_often(node: Node) -> None:
    """All it did is looked at, with everybody waiting, to tell what stands: a switch flicked for ever would halt all."""
    one, two, *_ = await begin(node)
    for _ in range(REACTION_CHANGES // 2):
        await node.do(Reacted("bob", one.msgid, "+"), Unreacted("bob", one.msgid, "+"))
    assert (await node.put((ROOM, Reacted("bob", one.msgid, "+")))).verdict is Verdict.STALE
    await node.do(Reacted("bob", two.msgid, "+"), Reacted("alice", one.msgid, "+"))


async def test_who_has_changed_its_mind_too_often_can_still_take_back(node: Node) -> None:
    one, *_ = await begin(node)
    for _ in range(REACTION_CHANGES // 2 - 1):
        await node.do(Reacted("bob", one.msgid, "+"), Unreacted("bob", one.msgid, "+"))
    await node.do(Reacted("bob", one.msgid, "a"), Reacted("bob", one.msgid, "b"))
    assert (await node.put((ROOM, Reacted("bob", one.msgid, "c")))).verdict is Verdict.STALE
    await node.do(Unreacted("bob", one.msgid, "a"), Unreacted("bob", one.msgid, "b"))
    assert await reactions(node, "bob", one) == set()


async def test_reactions_to_what_one_may_not_read_are_not_told_of(node: Node) -> None:
    one, *_ = await begin(node)
    assert await reactions(node, "bob", one) == set()
    assert await reactions(node, "carol", one) is None
    assert await reactions(node, "bob", one, stream="c/nowhere") is None
    await redact(node, one)
    assert await reactions(node, "bob", one) is None
    assert (await node.put((ROOM, Reacted("bob", one.msgid, "+")))).verdict is Verdict.STALE


async def test_a_redacted_reaction_stands_no_more(node: Node) -> None:
    one, *_ = await begin(node)
    (reaction,) = (await node.do(Reacted("bob", one.msgid, "rude"))).records
    assert (await redact(node, reaction)).verdict is Verdict.STORED
    assert await reactions(node, "bob", one) == set()
    page = await events(node, "alice")
    assert [type(record.event).__name__ for record in page.records[-2:]] == ["Posted", "Redacted"]


async def test_an_erased_accounts_reactions_go_with_what_it_wrote(node: Node) -> None:
    one, *_ = await begin(node)
    await node.do(Reacted("bob", one.msgid, "+"), Reacted("alice", one.msgid, "-"), Unreacted("alice", one.msgid, "-"))
    await node.put((ROOM, Left("bob")), ("a/bob", Deleted(erase=True)))
    assert await reactions(node, "alice", one) == set()
    kept = [record.event for record in (await events(node, "alice")).records]
    assert [type(event).__name__ for event in kept[2:]] == [
        "Posted",
        "Posted",
        "Posted",
        "Reacted",
        "Unreacted",
        "Left",
    ]
    assert not any(isinstance(event, Erased) or getattr(event, "reaction", "") == "+" for event in kept)


# ── pages of events ──


async def test_events_count_as_messages_do_and_page_like_them(node: Node) -> None:
    said = await begin(node)
    await node.do(Reacted("bob", said[4].msgid, "+"), Joined("carol"))
    newest = await events(node, "alice", limit=3)
    assert [type(record.event).__name__ for record in newest.records] == ["Posted", "Reacted", "Joined"]
    bound = Bound(newest.records[0].msgid)
    before = await node.history.read(HistoryQuery("alice", ROOM, Form.BEFORE, 2, bound, events=EVERYTHING))
    assert [record.seq for record in before.records] == [6, 7]
    assert [type(record.event).__name__ for record in (await node.page("alice", limit=2)).records] == ["Posted"] * 2


async def test_conversations_are_counted_from_the_first_time_towards_the_second(node: Node) -> None:
    await node.register("alice", "bob", "carol")
    streams = ["d/alice/bob", "d/alice/carol", "d/alice/alice"]
    times = [(await node.say("alice", "x", stream=stream))[0].time for stream in streams]
    named = sorted(zip(times, streams, strict=True))
    listed = [(stream, time) for time, stream in named]
    assert await node.conversations("alice", 0, 10**15, 2) == listed[:2]
    assert await node.conversations("alice", 10**15, 0, 2) == listed[1:]
    assert await node.conversations("alice", 10**15, 0, 5) == listed


async def test_an_erased_accounts_topics_and_reasons_go_with_what_it_wrote(node: Node) -> None:
    two, one, *_ = await begin(node)
    hello, *_ = await node.say("bob", "hello", stream="d/alice/bob")
    for event in (
        *(TopicSet("bob", "SECRET"), TopicSet("alice", "kept")),
        *(Redacted(one.msgid, "bob", "SECRET"), Redacted(two.msgid, "alice", "kept")),
        *(ChannelRenamed("#b", "#room", "bob", "SECRET"), ChannelRenamed("#c", "#b", "alice", "kept")),
        *(Joined("carol"), Kicked("carol", "bob", "SECRET"), Joined("carol"), Kicked("carol", "alice", "kept")),
        Left("bob", "SECRET"),
    ):
        await node.do(event)
    await node.put(("d/alice/bob", Redacted(hello.msgid, "bob", "SECRET")))
    assert (await node.put(("a/bob", Deleted(erase=True)))).verdict is Verdict.STORED
    told = [repr((await events(node, "alice", stream=stream)).records) for stream in (ROOM, "d/alice/bob")]
    assert "".join(told).count("SECRET") == 0
    assert told[0].count("kept") == 4

"""History never returns what its reader may not read, nor leaves out what it may: random lives, told again by a model.

The model knows nothing of `chat.policy`: it goes through the records one by one and notes who was there, and whether
anybody could have come in.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from securechat.chat import policy
from securechat.chat.event import Event
from securechat.chat.events import (
    Created,
    Ignored,
    Joined,
    Kicked,
    Left,
    ModeSet,
    Posted,
    Reacted,
    Record,
    Redacted,
    TopicSet,
    Unignored,
)
from securechat.chat.ports import Bound, Form, HistoryQuery
from tests.storage.conftest import FACTORIES
from tests.storage.nodes import ROOM, Clock, Node

DIRECT = "d/alice/bob"
PEOPLE = ("alice", "bob", "carol", "dora")
EVENTS = frozenset({"Joined", "Left", "Kicked", "ModeSet", "TopicSet", "Redacted", "Reacted"})

STEPS: dict[str, Callable[[str], tuple[str, Event]]] = {
    "say": lambda who: (ROOM, Posted(who, "PRIVMSG", "words")),
    "join": lambda who: (ROOM, Joined(who)),
    "leave": lambda who: (ROOM, Left(who)),
    "kick": lambda who: (ROOM, Kicked(who, "alice")),
    "+i": lambda who: (ROOM, ModeSet(who, on="i")),
    "-i": lambda who: (ROOM, ModeSet(who, off="i")),
    "+s": lambda who: (ROOM, ModeSet(who, on="s")),
    "-s": lambda who: (ROOM, ModeSet(who, off="s")),
    "+k": lambda who: (ROOM, ModeSet(who, key="secret")),
    "-k": lambda who: (ROOM, ModeSet(who, key="")),
    "topic": lambda who: (ROOM, TopicSet(who, "a topic")),
    "whisper": lambda who: (DIRECT, Posted(who, "PRIVMSG", "words")),
    "ignore": lambda who: (f"a/{who}", Ignored("bob" if who == "alice" else "alice")),
    "unignore": lambda who: (f"a/{who}", Unignored("bob" if who == "alice" else "alice")),
}
"""What somebody does; `redact` and `react` are about a record of before, which their number names."""

names = st.sampled_from(PEOPLE)
steps = st.one_of(
    st.tuples(st.sampled_from([*STEPS, "say", "join", "leave", "kick"]), names),
    st.tuples(st.sampled_from(["whisper", "ignore", "unignore"]), st.sampled_from(["alice", "bob"])),
    st.tuples(st.sampled_from(["redact", "redact", "react"]), names, st.integers(0, 40)),
)
scripts = st.lists(st.lists(steps, min_size=3, max_size=15), min_size=1, max_size=4)


class Model:
    """Who may read which record of the room and of one direct conversation, by what has happened so far."""

    def __init__(self, records: list[Record]) -> None:
        self.present: dict[str, set[str]] = {}
        self.was_open: dict[str, bool] = {}
        self.unheard: dict[str, set[str]] = {}
        self.gone: set[str] = set()
        self.members: set[str] = set()
        self.records: dict[str, list[Record]] = {ROOM: [], DIRECT: []}
        locks: set[str] = set()
        ignoring: set[str] = set()
        for record in records:
            event = record.event
            leaver = event.account if isinstance(event, Left | Kicked) else ""
            if isinstance(event, Created):
                locks |= set(event.modes) & {"i", "s"}
            if isinstance(event, Joined):
                self.members.add(event.account)
            if isinstance(event, ModeSet):
                locks = (locks | set(event.on)) - set(event.off) - ({"k"} if event.key == "" else set())
                locks |= {"k"} if event.key else set()
            if isinstance(event, Ignored | Unignored):
                (ignoring.add if isinstance(event, Ignored) else ignoring.discard)(record.stream[2:])
            if isinstance(event, Redacted):
                self.gone.add(event.msgid)
            if record.stream in self.records:
                self.records[record.stream].append(record)
                self.present[record.msgid] = set(self.members)
                self.was_open[record.msgid] = not locks & {"i", "s", "k"}
                self.unheard[record.msgid] = {each for each in ignoring if each != author_of(event)}
            self.members.discard(leaver)

    def may_read(self, account: str, record: Record) -> bool:
        if record.stream == DIRECT:
            return account in ("alice", "bob") and account not in self.unheard[record.msgid]
        here = account in self.members
        return here and (account in self.present[record.msgid] or self.was_open[record.msgid])

    def readable(self, account: str, stream: str, wanted: frozenset[str]) -> list[Record]:
        return [
            record
            for record in self.records[stream]
            if type(record.event).__name__ in wanted
            and record.msgid not in self.gone
            and self.may_read(account, record)
        ]


def author_of(event: Any) -> str:
    return event.by if isinstance(event, Redacted) else getattr(event, "account", "")


async def live(node: Node, script: list[list[tuple]]) -> None:
    """Have a script happen, and after each part of it compare what everybody reads with what the model says."""
    await node.register(*PEOPLE)
    await node.open_room("alice", "bob")
    for part in script:
        for step, who, *number in part:
            await node.put(remark(node, step, who, number[0]) if number else STEPS[step](who))
        await compare(node)


def remark(node: Node, step: str, who: str, number: int) -> tuple[str, Event]:
    records = [record for record in node.records if record.stream in (ROOM, DIRECT)]
    meant = records[number % len(records)]
    event = Redacted(meant.msgid, who) if step == "redact" else Reacted(who, meant.msgid, str(number))
    return meant.stream, event


async def compare(node: Node) -> None:
    model = Model(node.records)
    for account in PEOPLE:
        for stream in (ROOM, DIRECT):
            for events in (frozenset[str](), EVENTS):
                expected = model.readable(account, stream, events | {"Posted"})
                query = HistoryQuery(account, stream, Form.LATEST, 1000, events=events)
                assert list((await node.history.read(query)).records) == expected
                assert await walk(node, account, stream, events, expected) == expected[1:]
            for record in model.records[stream]:
                query = HistoryQuery(account, stream, Form.AROUND, 1, Bound(record.msgid), events=EVENTS)
                assert (await node.history.read(query)).known is model.may_read(account, record)


async def walk(node: Node, account: str, stream: str, events: frozenset[str], expected: list[Record]) -> list[Record]:
    """Return all behind the first record, by pages of two from msgid to msgid."""
    found: list[Record] = []
    bound = expected[0].msgid if expected else None
    while bound:
        query = HistoryQuery(account, stream, Form.AFTER, 2, Bound(bound), events=events)
        page = (await node.history.read(query)).records
        found += page
        bound = page[-1].msgid if page else None
    return found


def run(make: Callable[[Path, Clock], Any], script: list[list[tuple]]) -> None:
    async def tell() -> None:
        store = make(Path(directory), Clock(1000))
        try:
            await live(await Node(store.attach()).start(), script)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(tell())


# Said in the open, in private before carol came, while she was there, and after she was kicked; then she returns.
KICKED_AND_BACK: list[list[tuple]] = [
    [("say", "alice"), ("+i", "alice"), ("say", "bob"), ("join", "carol"), ("say", "carol"), ("redact", "alice", 5)],
    [("kick", "carol"), ("say", "alice"), ("topic", "alice"), ("react", "bob", 7)],
    [("join", "carol"), ("say", "alice"), ("-i", "alice"), ("say", "bob")],
    [("whisper", "bob"), ("ignore", "alice"), ("whisper", "bob"), ("whisper", "alice"), ("unignore", "alice")],
]


@pytest.mark.parametrize("make", FACTORIES.values(), ids=FACTORIES)
@settings(max_examples=40, deadline=None)
@given(script=scripts)
@example(script=KICKED_AND_BACK)
def test_everybody_reads_exactly_what_the_model_says(make: Callable[[Path, Clock], Any], script: list) -> None:
    run(make, script)


def without(*facts: str) -> Callable[[policy.Access], tuple[policy.Span, ...]]:
    """Return `policy.readable` as it would be if some facts did not count."""
    readable = policy.readable
    return lambda access: readable(access._replace(**dict.fromkeys(facts, ())))


@pytest.mark.parametrize("make", FACTORIES.values(), ids=FACTORIES)
@pytest.mark.parametrize(
    "broken", ["anybody", "closed rooms are open", "the ignored are heard", "members read nothing"]
)
def test_control_a_broken_rule_is_noticed(
    make: Callable[[Path, Clock], Any], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules: dict[str, Callable[[policy.Access], tuple[policy.Span, ...]]] = {
        "anybody": lambda _access: (policy.Span(1),),
        "closed rooms are open": without("closed"),
        "the ignored are heard": without("silenced"),
        "members read nothing": without("spans"),
    }
    run(make, KICKED_AND_BACK)
    monkeypatch.setattr(policy, "readable", rules[broken])
    with pytest.raises(AssertionError):
        run(make, KICKED_AND_BACK)


@pytest.mark.parametrize("make", FACTORIES.values(), ids=FACTORIES)
def test_control_a_may_read_that_says_yes_is_noticed(
    make: Callable[[Path, Clock], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "may_read", lambda _access, _record: True)
    with pytest.raises(AssertionError):
        run(make, KICKED_AND_BACK)

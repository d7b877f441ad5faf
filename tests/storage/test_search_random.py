"""Random memberships, modes, kicks, rejoins, ignoring, redactions and erasures: a search shows what may be read, all of it.

What may be read is counted out here, message by message, from what the protocol's document promises; neither `policy`
nor a store has a part in it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securechat.chat import policy
from securechat.chat.event import Event
from securechat.chat.events import (
    Deleted,
    Ignored,
    Joined,
    Kicked,
    Left,
    ModeSet,
    Posted,
    Record,
    Redacted,
    Unignored,
)
from securechat.chat.ports import SearchQuery, Store, Verdict
from securechat.chat.searchwords import read_asked
from securechat.storage.sqlite import SqliteStore, fulltext
from tests.storage.conftest import FACTORIES
from tests.storage.nodes import Clock, Node

TEXTS = ["red", "reddish", "Green red", "red green, blue", "blue"]
ASKED: list[tuple[str, Callable[[str], bool]]] = [
    ("red", lambda text: text != "reddish" and text != "blue"),
    ("re*", lambda text: text != "blue"),
    ("redd*", lambda text: text == "reddish"),
    ("bl* green", lambda text: text == "red green, blue"),
    ('"green red"', lambda text: text == "Green red"),
    ("", lambda text: True),
]
PEOPLE = ["alice", "bob", "carol"]

accounts = st.sampled_from(PEOPLE)
rooms = st.sampled_from(["c/one", "c/one", "c/two"])
said = st.builds(Posted, accounts, st.just("PRIVMSG"), st.sampled_from(TEXTS))
said_directly = st.tuples(st.sampled_from(["d/alice/bob", "d/bob/carol"]), said).filter(
    lambda each: each[1].account in each[0]
)
flags = st.sampled_from(["", "i", "s"])
happenings = st.one_of(
    st.tuples(rooms, said),
    st.tuples(rooms, said),
    said_directly,
    st.tuples(rooms, st.builds(Joined, accounts)),
    st.tuples(rooms, st.builds(Left, accounts, st.just(""), st.sampled_from(["", "q"]))),
    st.tuples(rooms, st.builds(Kicked, accounts, accounts)),
    st.tuples(rooms, st.builds(ModeSet, accounts, flags, flags, st.sampled_from([None, "", "k"]), st.none())),
    st.tuples(st.sampled_from(["a/alice", "a/bob", "a/carol"]), st.builds(Ignored, accounts)),
    st.tuples(st.sampled_from(["a/alice", "a/bob", "a/carol"]), st.builds(Unignored, accounts)),
    st.tuples(st.just("a/carol"), st.builds(Deleted, st.just(True))),
    st.integers(0, 30),  # redact that message
    st.integers(-3, -1),  # so many steps of the index
)
scripts = st.lists(st.tuples(st.lists(happenings, min_size=1, max_size=12), st.integers(0, 5)), min_size=2, max_size=6)


@dataclass
class Said:
    """A message, who could hear it when it was said, and whether the channel was open to all then."""

    record: Record
    author: str
    text: str
    heard_by: set[str]
    open: bool


@dataclass
class Story:
    """What has happened, as somebody with a pencil would note it."""

    members: dict[str, set[str]] = field(default_factory=lambda: {"c/one": {"alice", "bob"}, "c/two": {"carol"}})
    closed_by: dict[str, set[str]] = field(default_factory=lambda: {"c/one": set(), "c/two": set()})
    ignoring: set[tuple[str, str]] = field(default_factory=set)
    messages: list[Said] = field(default_factory=list)

    def note(self, record: Record) -> None:
        stream, event = record.stream, record.event
        match event:
            case Posted(account=author, text=text) if stream[0] == "c":
                is_open = not self.closed_by[stream]
                self.messages.append(Said(record, author, text, set(self.members[stream]), is_open))
            case Posted(account=author, text=text):
                hears = {
                    each for each in stream[2:].split("/") if each == author or (each, author) not in self.ignoring
                }
                self.messages.append(Said(record, author, text, hears, False))
            case Joined(account=account):
                self.members[stream].add(account)
            case Left(account=account) | Kicked(account=account):
                self.members[stream].discard(account)
            case ModeSet(on=on, off=off, key=key):
                modes = self.closed_by[stream]
                modes |= {*on} & {*"is"}
                modes -= {*off}
                if key is not None:
                    (modes.add if key else modes.discard)("k")
            case Ignored(account=other):
                self.ignoring.add((stream[2:], other))
            case Unignored(account=other):
                self.ignoring.discard((stream[2:], other))
            case Redacted(msgid=msgid):
                self.messages = [each for each in self.messages if each.record.msgid != msgid]
            case Deleted():
                self.messages = [each for each in self.messages if each.author != stream[2:]]

    def readable(self, account: str) -> list[Said]:
        return [each for each in self.messages if self._may(account, each)]

    def _may(self, account: str, message: Said) -> bool:
        stream = message.record.stream
        if stream[0] == "d":
            return account in message.heard_by
        return account in self.members[stream] and (account in message.heard_by or message.open)


async def live(store: Store, script: list[tuple[list, int]]) -> None:
    node = await Node(store.attach()).start()
    await node.register(*PEOPLE)
    await node.open_room("alice", "bob", stream="c/one")
    await node.open_room("carol", stream="c/two")
    story = Story()
    for happening, question in script:
        for each in happening:
            await happen(store, node, story, each)
        await compare(node, story, *ASKED[question])


async def happen(store: Store, node: Node, story: Story, what: tuple[str, Event] | int) -> None:
    if isinstance(what, int) and what < 0:
        if isinstance(store, SqliteStore):
            for _ in range(-what):
                await asyncio.wrap_future(store._writer.call(lambda _: store._writer._indexing.step()))
        return
    if isinstance(what, int):
        if not story.messages:
            return
        record = story.messages[what % len(story.messages)].record
        what = (record.stream, Redacted(record.msgid, "alice"))
    outcome = await node.put(what)
    if outcome.verdict is Verdict.STORED:
        for record in outcome.records:
            story.note(record)


async def compare(node: Node, story: Story, words: str, holds: Callable[[str], bool]) -> None:
    """Hold what is found against what was noted: for everybody, everywhere and in each place, by anybody and by bob."""
    for account in PEOPLE:
        for stream in ("", "c/one", "c/two", "d/alice/bob"):
            for author in ("", "bob"):
                query = SearchQuery(account, read_asked(words).phrases, stream, author, limit=1000)
                found = await node.history.search(query)
                expected = {
                    each.record.msgid
                    for each in story.readable(account)
                    if holds(each.text) and stream in ("", each.record.stream) and author in ("", each.author)
                }
                assert [record.msgid for record in found.records if record.msgid not in expected] == []
                assert {record.msgid for record in found.records} == expected
                assert len(found.records) == len(expected)


def run(factory: str, script: list[tuple[list, int]]) -> None:
    async def whole() -> None:
        with tempfile.TemporaryDirectory() as directory:
            store = FACTORIES[factory](Path(directory), Clock())
            try:
                await live(store, script)
            finally:
                await store.close()

    asyncio.run(whole())


@pytest.mark.parametrize("factory", FACTORIES)
@settings(max_examples=30, deadline=None)
@given(script=scripts)
def test_a_search_shows_what_may_be_read_and_all_of_it(factory: str, script: list[tuple[list, int]]) -> None:
    run(factory, script)


A_KICK = [
    ([("c/one", Posted("alice", "PRIVMSG", "red")), -3, ("c/one", Kicked("bob", "alice"))], 0),
    ([("c/one", ModeSet("alice", "i", "")), ("c/one", Posted("alice", "PRIVMSG", "red")), -3], 0),
    ([("c/one", Joined("bob")), ("c/one", Posted("alice", "PRIVMSG", "Green red"))], 1),
]


@pytest.mark.parametrize("factory", FACTORIES)
def test_one_such_story(factory: str) -> None:
    run(factory, A_KICK)


@pytest.mark.parametrize("factory", FACTORIES)
def test_control_a_policy_that_lets_everybody_read_is_noticed(factory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "readable", lambda access: (policy.Span(1),))
    monkeypatch.setattr(policy, "may_read", lambda access, record: True)
    with pytest.raises(AssertionError):
        run(factory, A_KICK)


def test_control_an_index_with_a_hole_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fulltext, "add", lambda run_many, messages: None)
    with pytest.raises(AssertionError):
        run("sqlite", A_KICK)

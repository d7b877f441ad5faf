"""Random histories, in both stores at once: whatever the plain reference answers, SQLite answers."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from securechat.chat.arrears import ArrearsQuery, MissedQuery, Note, Position, ReadMark
from securechat.chat.directory import Directory
from securechat.chat.effects import Once
from securechat.chat.event import Event
from securechat.chat.events import (
    KEEP_ALL_DEVICES,
    BanLifted,
    BanSet,
    ChannelRenamed,
    Created,
    Deleted,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Dropped,
    Enabled,
    Ignored,
    Invited,
    Joined,
    Kicked,
    Left,
    MetadataSet,
    ModeSet,
    PasswordSet,
    Posted,
    Reacted,
    Record,
    Redacted,
    Registered,
    Renamed,
    RetentionSet,
    RoleChanged,
    RoleSet,
    TopicSet,
    Unignored,
    Unreacted,
)
from securechat.chat.guesses import Guess, Place
from securechat.chat.ports import (
    Bound,
    ConversationsQuery,
    Form,
    HistoryQuery,
    Lane,
    Outcome,
    Page,
    ReactionsQuery,
    SearchQuery,
    Snapshot,
    WritingsQuery,
)
from securechat.chat.searchwords import Phrase
from securechat.chat.streams import SERVER, parties
from securechat.chat.trail import TrailQuery
from securechat.storage import records, retention
from securechat.storage.sqlite import channel_rows
from tests.storage.conftest import make_memory, make_sqlite
from tests.storage.nodes import Clock, Node
from tests.storage.server_histories import server_events

accounts = st.sampled_from(["alice", "bob", "carol"])
roles = st.sampled_from(["", "v", "o", "q"])
flags = st.sampled_from(["", "", "i", "s", "m", "is"])
channel_streams = st.sampled_from(["c/one", "c/one", "c/one", "c/two"])
direct_streams = st.sampled_from(["d/alice/bob", "d/alice/alice", "d/bob/carol", "d/alice/nobody"])
account_streams = st.sampled_from(["a/alice", "a/bob", "a/dora", "a/nobody"])
streams = st.one_of(channel_streams, direct_streams, account_streams)

one_line = st.builds(Posted, accounts, st.just("PRIVMSG"), st.sampled_from("xyz"))
joins: st.SearchStrategy[tuple[int, ...]] = st.sampled_from([(), (1,)])
several = st.builds(Posted, accounts, st.just("PRIVMSG"), st.sampled_from(["x\ny", "yz\n\n"]), st.just({}), joins)
messages = st.one_of(one_line, one_line, several)
# A msgid is the number of a record that was told before.
numbers = st.integers(0, 60).map(str)
remarks: st.SearchStrategy[Event] = st.one_of(
    st.builds(Redacted, numbers, accounts, st.sampled_from(["", "why"])),
    st.builds(Reacted, accounts, numbers, st.sampled_from("+-"), st.just({"+draft/react": "x"})),
    st.builds(Reacted, accounts, numbers, st.sampled_from("+-")),
    st.builds(Unreacted, accounts, numbers, st.sampled_from("+-")),
)
comings_and_goings: st.SearchStrategy[Event] = st.one_of(
    st.builds(Joined, accounts),
    st.builds(Joined, accounts, roles),
    st.builds(Left, accounts),
    st.builds(Left, accounts, st.sampled_from(["", "why"]), roles),
    st.builds(Kicked, accounts, accounts, st.sampled_from(["", "why"])),
    st.builds(RoleSet, accounts, roles, roles),
    st.builds(ModeSet, accounts, flags, flags, st.sampled_from([None, None, "", "k"]), st.sampled_from([None, 0, 2])),
)
other_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Invited, accounts, accounts),
    st.builds(TopicSet, accounts, st.sampled_from(["", "topic"])),
    st.builds(BanSet, accounts, st.sampled_from(["x!*@*", "y!*@*"]), st.sampled_from("beI"), st.sampled_from([0, 9])),
    st.builds(BanLifted, accounts, st.sampled_from(["x!*@*", "y!*@*"]), st.sampled_from("bbeI")),
    st.builds(
        ChannelRenamed,
        st.sampled_from(["#one", "#ONE", "#uno", "#two"]),
        st.sampled_from(["#one", "#uno"]),
        accounts,
        st.sampled_from(["", "why"]),
    ),
    st.builds(ModeSet, accounts, slow=st.sampled_from([0, 0, 1, 2])),
    st.builds(RetentionSet, st.sampled_from([None, 0, 1, 2, 5])),
    st.builds(Created, st.sampled_from(["#one", "#ONE", "#two"]), accounts, st.sampled_from(["nt", "i"])),
)
account_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Registered, st.sampled_from(["dora", "d0ra", "erik"])),
    st.builds(PasswordSet, st.sampled_from(["$1", "$2"]), st.sampled_from(["", "d1", KEEP_ALL_DEVICES])),
    st.builds(DeviceAdded, st.sampled_from(["d1", "d2"]), st.just("label"), st.uuids().map(str)),
    st.builds(DeviceRevoked, st.sampled_from(["d1", "d2"])),
    st.builds(Disabled),
    st.builds(Enabled),
    st.builds(Renamed, st.sampled_from(["alicia", "bob", "d0ra"]), st.sampled_from(["alice", "alicia", "bob"])),
    st.builds(Ignored, accounts),
    st.builds(Ignored, accounts),
    st.builds(Unignored, accounts),
    st.builds(MetadataSet, st.sampled_from(["color", "status"]), st.sampled_from(["", "x", "y"])),
    st.builds(RoleChanged, st.sampled_from(["admin", "member"]), st.sampled_from(["admin", "member"])),
)
endings = st.builds(Deleted, st.booleans())
entries = st.one_of(
    st.tuples(channel_streams, messages),
    st.tuples(channel_streams, comings_and_goings),
    st.tuples(channel_streams, comings_and_goings),
    st.tuples(channel_streams, other_events),
    st.tuples(st.just("c/two"), st.builds(Dropped, st.booleans())),
    st.tuples(st.just("a/carol"), endings),
    st.tuples(direct_streams, messages),
    st.tuples(st.just(SERVER), server_events),
    st.tuples(st.just(SERVER), server_events),
    st.tuples(st.one_of(channel_streams, direct_streams), remarks),
    st.tuples(channel_streams, remarks),
    st.tuples(account_streams, account_events),
)
onces = st.builds(Once, accounts, st.sampled_from("1234"), st.sampled_from([b"a", b"b"]))
expectations = st.dictionaries(streams, st.integers(0, 2), max_size=2)
appends = st.one_of(
    # Talk: of its own lane, expecting nothing.
    st.tuples(st.tuples(st.tuples(channel_streams, messages)), st.just({}), st.none(), st.just(None)),
    st.tuples(st.tuples(st.tuples(st.just("c/one"), messages)), st.just({}), st.none(), st.just(None)),
    # One event, of its own lane.
    st.tuples(st.tuples(entries), st.just({}), st.none(), st.just(None)),
    # Anything.
    st.tuples(st.lists(entries, max_size=3), expectations, st.one_of(st.none(), onces), st.integers(0, 2)),
)
bounds = st.one_of(
    st.integers(0, 60).map(lambda number: ("record", number)), st.integers(995, 1015).map(lambda t: ("time", t))
)
queries = st.tuples(
    accounts,
    st.one_of(channel_streams, direct_streams),
    st.sampled_from(list(Form)),
    bounds,
    bounds,
    st.integers(0, 6),
    st.frozensets(st.sampled_from(["Joined", "Kicked", "ModeSet", "Redacted", "Reacted", "Unreacted"])),
)
rounds = st.tuples(
    st.lists(appends, min_size=1, max_size=12), st.integers(-2, 3), st.lists(queries, min_size=1, max_size=6)
)


class Twins:
    """The same history told to both stores."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock(1000)
        kept = retention.Retention(days=2, direct_days=1)
        self.stores = [make_memory(directory, self.clock, kept), make_sqlite(directory, self.clock, kept)]
        self.lanes = [[Lane() for _ in range(3)] for _ in self.stores]

    async def live(self, script: list[tuple[list, int, list]]) -> None:
        self.nodes = [await Node(store.attach()).start() for store in self.stores]
        for node in self.nodes:
            await node.register("alice", "bob", "carol")
            await node.open_room("alice", "bob", stream="c/one")
        for batch, step, questions in script:
            await self.append(batch)
            self.clock.now += step
            if step > 0:
                await self.expire()
            for question in questions:
                await self.ask(*question)
        await self.compare_states()
        for store in self.stores:
            await store.close()

    async def append(self, batch: list) -> None:
        submitted = [
            [
                node.submit(
                    *((stream, about(node, stream, event)) for stream, event in events),
                    expects=expects,
                    once=once,
                    lane=None if lane is None else lanes[lane],
                )
                for events, expects, once, lane in batch
            ]
            for node, lanes in zip(self.nodes, self.lanes, strict=True)
        ]
        answers = [
            [told_of(node, await future) for future in futures]
            for node, futures in zip(self.nodes, submitted, strict=True)
        ]
        assert answers[0] == answers[1]
        for lanes in self.lanes:
            for lane in lanes:
                lane.attempt += 1

    async def expire(self) -> None:
        """Take away what is older than it is to be kept, here and there, and mostly to the end."""
        memory, sqlite = self.stores
        memory.expire()
        writer = sqlite._writer

        def work(_connection: object) -> None:
            writer._expiring.note(0)
            while not writer._expiring.patience(1):
                writer._expiring.step(1)

        await asyncio.wrap_future(writer.call(work))

    async def ask(
        self, account: str, stream: str, form: Form, start: tuple, end: tuple, limit: int, events: frozenset[str]
    ) -> None:
        pages = []
        for node in self.nodes:
            query = HistoryQuery(
                account,
                stream,
                form,
                limit,
                self.bound(node, stream, *start) if form is not Form.LATEST or limit % 2 else None,
                self.bound(node, stream, *end) if form is Form.BETWEEN else None,
                events,
            )
            pages.append(shown(node, await node.history.read(query)))
        assert pages[0] == pages[1]
        messages = [ReactionsQuery(account, stream, self.bound(node, stream, *start).msgid) for node in self.nodes]
        assert await self.nodes[0].history.reactions(messages[0]) == await self.nodes[1].history.reactions(messages[1])
        asked = ConversationsQuery(account, *((1000, 1010) if limit % 2 else (1010, 1000)), limit)
        answers = [await node.history.conversations(asked) for node in self.nodes]
        assert answers[0] == answers[1]
        assert await self.written(0, account) == await self.written(1, account)
        if not self.nodes[0].directory.accounts[account].deleted:
            await self.come_back(account, limit)
        await self.search(account, stream, limit)
        streams = [stream, "c/nowhere"]
        counts = [await node.history.count_messages(streams) for node in self.nodes]
        assert counts[0] == counts[1]

    async def search(self, account: str, stream: str, number: int) -> None:
        """Search for words, here or everywhere, by anybody or by bob, with the index as far as it happens to be."""
        writer = self.stores[1]._writer
        if number % 2:
            await asyncio.wrap_future(writer.call(lambda _: writer._indexing.step()))
        phrases = ((), (Phrase(("x",)),))[number % 3 > 0]
        for where, author in ((stream, ""), ("", ""), ("", "bob")):
            query = SearchQuery(account, phrases, where, author, 1000 + number % 3, 1010, number)
            found = [await node.history.search(query) for node in self.nodes]
            assert found[0].whole == found[1].whole
            pages = [
                [described(node, record) for record in each.records]
                for node, each in zip(self.nodes, found, strict=True)
            ]
            assert pages[0] == pages[1]

    async def come_back(self, account: str, number: int) -> None:
        """Have a device come, be sent a page of each conversation, and get as far as that, mostly."""
        arrears = [await node.history.arrears(ArrearsQuery(account, "d1", 2, 3)) for node in self.nodes]
        assert arrears[0].known == arrears[1].known
        assert sorted(arrears[0].conversations) == sorted(arrears[1].conversations)
        for stream, after, *_ in arrears[0].conversations:
            asked = MissedQuery(account, stream, after, 1 + number % 3)
            missed = [await node.history.missed(asked) for node in self.nodes]
            assert missed[0][1:] == missed[1][1:]
            pages = [
                [described(node, record) for record in each.records]
                for node, each in zip(self.nodes, missed, strict=True)
            ]
            assert pages[0] == pages[1]
            if number % 4:
                self.note(Position(account, "d1", stream, missed[0].through))
        self.note(Position(account, "d1", f"a/{account}", self.clock.now))
        self.note(ReadMark(account, "c/one", self.clock.now - number))
        self.note(Place(account, f"p{number}", self.clock.now))
        self.note(Guess(account, "", f"p{number}", "far", number, 0, self.clock.now))

    def note(self, note: Note) -> None:
        for node in self.nodes:
            node.history.note(note)

    async def written(self, number: int, account: str) -> tuple:
        found, names, after = [], {}, None
        while True:
            page = await self.nodes[number].history.writings(WritingsQuery(account, after, 3))
            found += [(record.stream, record.seq, record.event) for record in page.records]
            names |= page.names
            after = page.after
            if after is None:
                return [each for each in found if each[0][0] == "c" or account in parties(each[0])], names

    def bound(self, node: Node, stream: str, kind: str, number: int) -> Bound:
        if kind == "time":
            return Bound(time=number)
        # Mostly of the stream that is asked for, sometimes of another.
        records = [record for record in node.records if record.stream == stream] if number % 5 else node.records
        return Bound(records[number % len(records)].msgid if records else "0" * 26)

    async def compare_states(self) -> None:
        self.note(Position("alice", "d1", "a/alice", self.clock.now))
        await self.append([([], {}, None, None)])
        loaded = [await store.attach().start(lambda _: None, print) for store in self.stores]
        assert set(loaded[0].marks) == set(loaded[1].marks)
        assert sorted(loaded[0].guesses.places) == sorted(loaded[1].guesses.places)
        came_from = [{(each.near, each.far, each.time) for each in snapshot.guesses.guesses} for snapshot in loaded]
        assert came_from[0] == came_from[1]
        trails = [await node.history.trail(TrailQuery(1000)) for node in self.nodes]
        assert [(row[0], row[2:5], row.address) for row in trails[0].rows] == [
            (row[0], row[2:5], row.address) for row in trails[1].rows
        ]
        snapshots = [Directory(snapshot) for snapshot in loaded]
        fold = Directory(Snapshot([], []))
        for record in self.nodes[1].records:
            fold.apply_record(record)
        for directory in snapshots:
            assert directory.accounts == fold.accounts
            assert directory.channels == fold.channels
            assert directory.server.invitations == fold.server.invitations
            assert directory.server.certificates == fold.server.certificates
            assert directory.server.revoked == fold.server.revoked
        for account in ("alice", "bob", "carol", "dora"):
            assert await self.nodes[0].history.verifier(account) == await self.nodes[1].history.verifier(account)


def about(node: Node, stream: str, event: Event) -> Event:
    """Have a remark be about a record of this node: mostly of its stream, sometimes of another."""
    if not isinstance(event, Redacted | Reacted | Unreacted):
        return event
    number = int(event.msgid)
    records = [record for record in node.records if record.stream == stream] if number % 5 else node.records
    msgid = records[number % len(records)].msgid if records else "0" * 26
    return msgspec.structs.replace(event, msgid=msgid)


def described(node: Node, record: Record) -> tuple:
    """Return what a record says, in words that do not depend on the chance in this node's msgids."""
    event = record.event
    if isinstance(event, Redacted | Reacted | Unreacted):
        meant = next(each for each in node.records if each.msgid == event.msgid)
        event = msgspec.structs.replace(event, msgid=f"{meant.stream} {meant.seq}")
    return record.stream, record.seq, record.time, event


def told_of(node: Node, outcome: Outcome) -> tuple:
    return outcome.verdict, [described(node, record) for record in outcome.records]


def shown(node: Node, page: Page) -> tuple:
    return page.known, page.expired, [described(node, record) for record in page.records]


@settings(max_examples=40, deadline=None)
@given(st.lists(rounds, min_size=3, max_size=8))
def test_sqlite_answers_what_the_reference_answers(script: list) -> None:
    # Days of a few milliseconds, and room for few memberships and closures, so that all of it comes into play.
    with (
        tempfile.TemporaryDirectory() as directory,
        patch.object(retention, "DAY", 2),
        patch.object(records, "EXACT_SPANS", 2),
        patch.object(channel_rows, "EXACT_SPANS", 2),
    ):
        asyncio.run(Twins(Path(directory)).live(script))

"""A node for the tests: follows a history, folds its records into a state of its own, and remembers what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from securechat.chat.directory import Directory
from securechat.chat.effects import Append, Entry, Once
from securechat.chat.event import Event
from securechat.chat.events import Created, Joined, Kicked, ModeSet, Posted, Record, Registered
from securechat.chat.ports import (
    Bound,
    ConversationsQuery,
    Form,
    History,
    HistoryQuery,
    Lane,
    Outcome,
    Page,
    Submission,
    Verdict,
)

ROOM = "c/room"


class Clock:
    """A clock that stands until it is set: ms since 1970."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Node:
    """One node: its hold on the history, the state it folded, and everything it was told."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.lane = Lane()
        self.outcomes: list[Outcome] = []
        self.batches: list[int] = []
        self.records: list[Record] = []
        self.failures: list[Exception] = []
        self.failed = asyncio.Event()

    async def start(self) -> Node:
        self.directory = Directory(await self.history.start(self._take, self._fail))
        return self

    def submit(
        self,
        *entries: tuple[str, Event],
        expects: dict[str, int] | None = None,
        once: Once | None = None,
        lane: Lane | None = None,
    ) -> asyncio.Future[Outcome]:
        """Submit an append; the future is its outcome."""
        append = Append(tuple(Entry(*entry) for entry in entries), tuple((expects or {}).items()), once)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.history.submit(Submission(append, lane or Lane(), future))
        return future

    async def put(self, *entries: tuple[str, Event], **how: object) -> Outcome:
        """Submit an append and wait for its outcome."""
        return await self.submit(*entries, **how)  # type: ignore[arg-type]

    async def do(self, *events: Event, stream: str = ROOM) -> Outcome:
        """Have events happen in one stream, which they must."""
        outcome = await self.put(*((stream, event) for event in events))
        assert outcome.verdict is Verdict.STORED, outcome
        return outcome

    async def register(self, *names: str) -> None:
        """Make accounts whose ids are their names."""
        for name in names:
            await self.do(Registered(name), stream=f"a/{name}")

    async def open_room(self, *members: str, stream: str = ROOM, modes: str = "nt") -> None:
        """Make a channel `#<id>`; the first of the members owns it."""
        joins = [Joined(account, "" if number else "q") for number, account in enumerate(members)]
        await self.do(Created(f"#{stream[2:]}", members[0], modes), *joins, stream=stream)

    async def say(self, account: str, *texts: str, stream: str = ROOM) -> list[Record]:
        """Post messages, one append each."""
        return [(await self.do(Posted(account, "PRIVMSG", text), stream=stream)).records[0] for text in texts]

    async def kick(self, account: str, by: str = "alice") -> None:
        await self.do(Kicked(account, by))

    async def set_modes(self, on: str = "", off: str = "", key: str | None = None, limit: int | None = None) -> None:
        await self.do(ModeSet("alice", on, off, key, limit))

    async def page(
        self,
        account: str,
        form: Form = Form.LATEST,
        start: Record | int | str | None = None,
        end: Record | int | str | None = None,
        limit: int = 1000,
        stream: str = ROOM,
    ) -> Page:
        """Read a page; a bound is a record or msgid, or a time."""
        return await self.history.read(HistoryQuery(account, stream, form, limit, bound(start), bound(end)))

    async def texts(self, account: str, *query: object, **more: object) -> list[str]:
        """Read a page and return what was said."""
        page = await self.page(account, *query, **more)  # type: ignore[arg-type]
        assert page.known
        return [record.event.text for record in page.records]  # type: ignore[union-attr]

    async def conversations(
        self, account: str, start: int = 0, end: int = 10**15, limit: int = 100
    ) -> list[tuple[str, int]]:
        return [
            tuple(each) for each in await self.history.conversations(ConversationsQuery(account, start, end, limit))
        ]

    def told(self, stream: str = ROOM) -> list[int]:
        """Return the seqs of a stream in the order this node was told of them."""
        return [record.seq for record in self.records if record.stream == stream]

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        self.batches.append(len(outcomes))
        for outcome in outcomes:
            self.outcomes.append(outcome)
            if outcome.verdict is Verdict.STORED:
                for record in outcome.records:
                    self.records.append(record)
                    self.directory.apply_record(record)
            if outcome.submission is not None:
                outcome.submission.ticket.set_result(outcome)

    def _fail(self, error: Exception) -> None:
        self.failures.append(error)
        self.failed.set()


def bound(place: Record | int | str | None) -> Bound | None:
    match place:
        case Record(msgid=msgid):
            return Bound(msgid)
        case str():
            return Bound(place)
        case int():
            return Bound(time=place)
    return None


def once(account: str, message_id: str, says: str) -> Once:
    return Once(account, message_id, says.encode())

"""A store in one SQLite file, and a node's hold on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self, TypeVar

from securechat.chat.arrears import Arrears, ArrearsQuery, Missed, MissedQuery, Note
from securechat.chat.ports import (
    ConversationsQuery,
    ConversationTime,
    Found,
    HistoryQuery,
    Page,
    Reactions,
    ReactionsQuery,
    SearchQuery,
    Sink,
    Snapshot,
    Submission,
    Writings,
    WritingsQuery,
)
from securechat.chat.streams import StreamId
from securechat.chat.trail import Trail, TrailQuery
from securechat.errors import ConfigError
from securechat.storage.delivery import Follower
from securechat.storage.retention import FOR_EVER, Retention
from securechat.storage.sqlite.audit import forget_addresses
from securechat.storage.sqlite.database import open_reader, open_writer
from securechat.storage.sqlite.reader import Reader
from securechat.storage.sqlite.readers import Readers
from securechat.storage.sqlite.snapshot import load_snapshot
from securechat.storage.sqlite.space import FreeSpace
from securechat.storage.sqlite.writer import Writer
from securechat.storage.turns import Turns

T = TypeVar("T")

NOTES_SECONDS: Final = 1.0
"""How long a note waits for a batch to go along with."""
READERS: Final = 2
"""Threads, and connections, that read."""


class SqliteStore:
    """One database file; made by `open`."""

    def __init__(self, writer: Writer, readers: list[Reader]) -> None:
        self._writer = writer
        self._readers = Readers(readers)
        # One at a time: a page of history finds a thread that does not search.
        self.searches = Turns()
        # Who was in and out of a channel very often has much to be looked at for each page.
        self.pages = Turns(READERS)
        self._histories: list[SqliteHistory] = []
        self._closed = False
        self._pending: list[tuple[Follower, Submission]] = []

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], int],
        randbytes: Callable[[int], bytes],
        space: FreeSpace | None = None,
        retention: Retention = FOR_EVER,
    ) -> Self:
        """Open the database file, creating or migrating it.

        clock: returns ms since 1970; randbytes: returns that many random bytes. space: while it does not suffice,
        nothing is stored; None: only a disk that is full to the last byte refuses. retention: for how long what was said
        is kept.
        Raises: ConfigError when the file is not one that can be used.
        """
        space = space or FreeSpace(0, lambda: 0)
        if not path.exists() and not space.admits_beginning():
            raise ConfigError(
                f"{path}: the disk is too full to begin (see limits.free_space); make room, or lower that"
            )
        connection = open_writer(path)
        readers = [Reader(open_reader(path)) for _ in range(READERS)]
        return cls(Writer(connection, clock, randbytes, space, retention), readers)

    def attach(self) -> SqliteHistory:
        """Return a hold for one more node. (`chat.ports.Store`)"""
        history = SqliteHistory(self, self._writer)
        self._histories.append(history)
        return history

    def submit(self, follower: Follower, submission: Submission) -> None:
        """Queue an append; all nodes of a store are on one loop.

        One turn of the loop is handed over at once: a lock and a wake-up for each append would cost more than it does.
        """
        if not self._pending:
            follower.loop.call_soon(self.hand_over)
        self._pending.append((follower, submission))

    def note(self, loop: asyncio.AbstractEventLoop, note: Note) -> None:
        """Keep a note: the next batch takes it along, or else it is written by itself."""
        if self._writer.notes.add(note):
            loop.call_later(NOTES_SECONDS, self._writer.keep_notes)

    def hand_over(self) -> None:
        """Let the writer have what was submitted in this turn of the loop."""
        pending, self._pending = self._pending, []
        if pending:
            self._writer.submit(pending)

    async def close(self) -> None:
        """Commit what is queued, hand out its outcomes, and close the database; may be called again."""
        if self._closed:
            return
        self._closed = True
        for history in self._histories:
            await history.close()
        await asyncio.wrap_future(self._writer.keep_notes())
        await asyncio.to_thread(self._readers.close)
        # The connection that closes last takes the WAL back into the database: the writer's can, the readers' cannot.
        await asyncio.wrap_future(self._writer.stop())

    def read(self, answer: Callable[[Reader], T]) -> asyncio.Future[T]:
        """Answer a query in a reading thread."""
        return self._readers.ask(answer)


class SqliteHistory:
    """One node's hold on a SqliteStore."""

    def __init__(self, store: SqliteStore, writer: Writer) -> None:
        self.commits = writer.commits
        self._writer = writer
        self._store = store
        self._follower: Follower | None = None

    async def start(self, sink: Sink, fatal: Callable[[Exception], None]) -> Snapshot:
        """Load the state and follow from there. (`chat.ports.History`)"""
        loop = asyncio.get_running_loop()
        follower = Follower(loop, sink, fatal)
        snapshot = await asyncio.wrap_future(self._writer.follow(follower, load_snapshot))
        self._follower = follower
        # The caller takes the snapshot in this turn of the loop; batches come from the next one on.
        loop.call_soon(follower.open)
        return snapshot

    def submit(self, submission: Submission) -> None:
        """Queue an append. (`chat.ports.History`)"""
        assert self._follower is not None, "start first"
        self._store.submit(self._follower, submission)

    async def read(self, query: HistoryQuery) -> Page:
        """Return the messages the account may read. (`chat.ports.History`)"""
        async with self._store.pages.take(query.account):
            return await self._store.read(lambda reader: reader.read(query))

    async def conversations(self, query: ConversationsQuery) -> list[ConversationTime]:
        """Return the conversations asked for. (`chat.ports.History`)"""
        async with self._store.pages.take(query.account):
            return await self._store.read(lambda reader: reader.conversations(query))

    async def writings(self, query: WritingsQuery) -> Writings:
        """Return what an account has written. (`chat.ports.History`)"""
        return await self._store.read(lambda reader: reader.writings(query))

    async def search(self, query: SearchQuery) -> Found:
        """Return the newest messages asked for. (`chat.ports.History`)"""
        async with self._store.searches.take(query.account):
            return await self._store.read(lambda reader: reader.search(query))

    async def reactions(self, query: ReactionsQuery) -> Reactions | None:
        """Return what an account did about a message. (`chat.ports.History`)"""
        return await self._store.read(lambda reader: reader.reactions(query))

    def note(self, note: Note) -> None:
        """Keep a note beside the history. (`chat.ports.History`)"""
        self._store.note(asyncio.get_running_loop(), note)

    async def arrears(self, query: ArrearsQuery) -> Arrears:
        """Return what a device was not sent. (`chat.ports.History`)"""
        fresh = self._writer.notes.positions(query.account, query.device)
        return await self._store.read(lambda reader: reader.arrears(query, fresh))

    async def missed(self, query: MissedQuery) -> Missed:
        """Return the next messages of a conversation. (`chat.ports.History`)"""
        async with self._store.pages.take(query.account):
            return await self._store.read(lambda reader: reader.missed(query))

    async def count_messages(self, streams: Sequence[StreamId]) -> list[int]:
        """Return how many messages each of the streams holds. (`chat.ports.History`)"""
        return await self._store.read(lambda reader: reader.count_messages(streams))

    async def trail(self, query: TrailQuery) -> Trail:
        """Return some of the audit trail. (`chat.ports.History`)"""
        return await self._store.read(lambda reader: reader.trail(query))

    async def forget_addresses(self, before: int) -> int:
        """Delete addresses kept beside the audit trail. (`chat.ports.History`)"""
        return await asyncio.wrap_future(self._writer.call(lambda connection: forget_addresses(connection, before)))

    async def verifier(self, account: str) -> tuple[str, int]:
        """Return an account's argon2 verifier and its epoch. (`chat.ports.History`)"""
        return await self._store.read(lambda reader: reader.verifier(account))

    async def close(self) -> None:
        """Commit what is queued, hand out its outcomes, and let go. (`chat.ports.History`)"""
        self._store.hand_over()
        if self._follower is not None:
            await asyncio.wrap_future(self._writer.leave(self._follower))
            self._follower = None

"""A data directory whose channel holds a million messages: made once through the store itself, and kept in .cache."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from securechat.auth.tokens import create_token, digest_token
from securechat.chat.effects import Append, Entry, Once
from securechat.chat.events import (
    OWNER,
    PLAIN,
    Created,
    DeviceAdded,
    Joined,
    Posted,
    Registered,
)
from securechat.chat.ports import Lane, Outcome, Submission, Verdict
from securechat.chat.streams import account_stream, channel_stream
from securechat.server.app import DATABASE
from securechat.storage.sqlite import SqliteStore
from securechat.storage.sqlite.migrations import MIGRATIONS
from tests.bench.server import CACHE, DataDirectory

ROOM = "#general"
CHANNEL = "general"
"""The channel's id."""
WRITERS = 20
BATCH = 1000
EVERY = 100
"""One message of so many is a place to read from later."""
TEXT_BYTES = 100
FIRST_TIME = 1_735_689_600_000
"""Where the clock of the past begins: 2025, in ms since 1970."""
MOST_BETWEEN_MS = 40_000
"""Messages come up to this far apart; a million of them fill some eight months."""
_RECIPE = 1


class Place(NamedTuple):
    """A message: its number, from 1 to the last; its msgid; its time (ms since 1970)."""

    number: int
    msgid: str
    time: int


class Archive(NamedTuple):
    """What was made. reader, token: a member's, who may read all of it."""

    directory: DataDirectory
    messages: int
    places: list[Place]
    reader: str
    token: str

    @property
    def database(self) -> Path:
        """Its database file."""
        return self.directory.path / DATABASE


def open_archive(messages: int) -> Archive:
    """Return the archive, made now where there is none of this schema; that takes a minute or two."""
    key = hashlib.sha256(repr((MIGRATIONS, _RECIPE)).encode()).hexdigest()[:12]
    kept = CACHE / f"bench-archive-{messages}-{key}"
    if not kept.exists():
        for outdated in CACHE.glob(f"bench-archive-{messages}-*"):
            shutil.rmtree(outdated)
        made = CACHE / f"bench-archive-{messages}-{os.getpid()}.part"
        made.mkdir(parents=True)
        try:
            _make(made, messages)
            made.rename(kept)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    index = json.loads((kept / "archive.json").read_text())
    return Archive(
        DataDirectory(kept), messages, [Place(*each) for each in index["places"]], index["reader"], index["token"]
    )


def _make(data: Path, messages: int) -> None:
    token = create_token()
    places = asyncio.run(_Filler(messages, token).fill(data / DATABASE))
    (data / "archive.json").write_text(json.dumps({"places": places, "reader": _name(0), "token": token}))


class _Filler:
    """Registers some writers, the first of them with a token, and posts as them, on a clock of its own."""

    def __init__(self, messages: int, token: str) -> None:
        self._messages = messages
        self._token = token
        self._random = random.Random(1)  # the same archive each time
        self._gaps = random.Random(2)  # for the clock, which is read in another thread
        self._now = FIRST_TIME
        self._lane = Lane()
        self._places: list[Place] = []
        self._stored = 0
        self._committed = asyncio.Event()

    async def fill(self, database: Path) -> list[Place]:
        """Post everything; return every hundredth message."""
        store = SqliteStore.open(database, clock=self._tick, randbytes=self._random.randbytes)
        try:
            history = store.attach()
            await history.start(self._take, _raise)
            history.submit(Submission(Append(tuple(self._foundation())), self._lane))
            for start in range(1, self._messages + 1, BATCH):
                numbers = range(start, min(start + BATCH, self._messages + 1))
                for number in numbers:
                    history.submit(Submission(self._message(number), self._lane))
                while self._stored < numbers[-1]:
                    self._committed.clear()
                    await self._committed.wait()
        finally:
            await store.close()
        return self._places

    def _foundation(self) -> Iterator[Entry]:
        for number in range(WRITERS):
            yield Entry(account_stream(_name(number)), Registered(_name(number), "member", ""))
        yield Entry(account_stream(_name(0)), DeviceAdded("device", "bench", digest_token(self._token)))
        yield Entry(channel_stream(CHANNEL), Created(ROOM, _name(0)))
        for number in range(WRITERS):
            yield Entry(channel_stream(CHANNEL), Joined(_name(number), PLAIN if number else OWNER))

    def _message(self, number: int) -> Append:
        account = _name(number % WRITERS)
        text = f"number {number} ".ljust(TEXT_BYTES, "x")
        stream = channel_stream(CHANNEL)
        once = Once(account, self._random.randbytes(16).hex(), hashlib.sha256(text.encode()).digest())
        expects = ((stream, 0), (account_stream(account), 0))
        return Append((Entry(stream, Posted(account, "PRIVMSG", text)),), expects=expects, once=once)

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.verdict is not Verdict.STORED:
                raise RuntimeError(f"after {self._stored} messages one was not stored: {outcome.verdict}")
            record = outcome.records[0]
            self._stored += isinstance(record.event, Posted)
            if self._stored and self._stored % EVERY == 0:
                self._places.append(Place(self._stored, record.msgid, record.time))
        self._committed.set()

    def _tick(self) -> int:
        # The clock is read by the writer's thread, and by nobody else.
        self._now += self._gaps.randint(1, MOST_BETWEEN_MS)
        return self._now


def _name(number: int) -> str:
    """Name a writer; the id of the account is the same."""
    return f"w{number:05}"


def _raise(error: Exception) -> None:
    raise error

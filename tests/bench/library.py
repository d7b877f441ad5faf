"""A data directory with a million messages in a hundred channels, their words indexed: made once, and kept in .cache."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from securechat.auth.tokens import create_token, digest_token
from securechat.chat.effects import Append, Entry
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

MESSAGES = 1_000_000
CHANNELS = 100
"""Half of the messages are in the first, the last has `IN_SMALLEST`, and the others share the rest."""
IN_SMALLEST = 100
WRITERS = 200
BATCH = 1000
WORDS = 10
"""In a message, beside `COMMON`, which is in every other one."""
COMMON = "message"
FIRST_TIME = 1_735_689_600_000
"""Where the clock of the past begins: 2025, in ms since 1970."""
_RECIPE = 1
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


class Library(NamedTuple):
    """What was made. reader, token: a member's of all channels. words: from the most frequent to the rarest."""

    directory: DataDirectory
    reader: str
    token: str
    words: list[str]

    @property
    def database(self) -> Path:
        """Its database file."""
        return self.directory.path / DATABASE


def open_library() -> Library:
    """Return the library, made now where there is none of this schema; that takes some minutes."""
    key = hashlib.sha256(repr((MIGRATIONS, _RECIPE)).encode()).hexdigest()[:12]
    kept = CACHE / f"bench-library-{key}"
    if not kept.exists():
        for outdated in CACHE.glob("bench-library-*"):
            shutil.rmtree(outdated)
        made = CACHE / f"bench-library-{os.getpid()}.part"
        made.mkdir(parents=True)
        try:
            _make(made)
            made.rename(kept)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    index = json.loads((kept / "library.json").read_text())
    return Library(DataDirectory(kept), index["reader"], index["token"], choose_words())


def choose_words() -> list[str]:
    """Return the vocabulary, the same each time, the most frequent first."""
    chance = random.Random(1)
    lengths = range(2, 11)
    weights = range(len(_LETTERS), 0, -1)
    made = ("".join(chance.choices(_LETTERS, weights, k=chance.choice(lengths))) for _ in range(30_000))
    return list(dict.fromkeys(made))


def channel_name(number: int) -> str:
    """Name a channel; its id is the same without the `#`."""
    return f"#room{number}"


def _make(data: Path) -> None:
    token = create_token()
    asyncio.run(_Filler(token).fill(data / DATABASE))
    (data / "library.json").write_text(json.dumps({"reader": _name(0), "token": token}))


class _Filler:
    """Registers writers, the first of them with a token, and posts as them, on a clock of its own."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._random = random.Random(2)
        self._words = choose_words()
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(len(self._words))))
        self._now = FIRST_TIME
        self._lane = Lane()
        self._stored = 0
        self._committed = asyncio.Event()

    async def fill(self, database: Path) -> None:
        store = SqliteStore.open(database, clock=self._tick, randbytes=random.Random(3).randbytes)
        try:
            history = store.attach()
            await history.start(self._take, _raise)
            history.submit(Submission(Append(tuple(self._foundation())), self._lane))
            for start in range(0, MESSAGES, BATCH):
                for number in range(start, start + BATCH):
                    history.submit(Submission(self._message(number), self._lane))
                while self._stored < start + BATCH:
                    self._committed.clear()
                    await self._committed.wait()
            await asyncio.wrap_future(store._writer.call(lambda _: _index_all(store)))
        finally:
            await store.close()

    def _foundation(self) -> Iterator[Entry]:
        for number in range(WRITERS):
            yield Entry(account_stream(_name(number)), Registered(_name(number), "member", ""))
        yield Entry(account_stream(_name(0)), DeviceAdded("device", "bench", digest_token(self._token)))
        for channel in range(CHANNELS):
            stream = channel_stream(channel_name(channel)[1:])
            yield Entry(stream, Created(channel_name(channel), _name(0)))
            for number in range(WRITERS if channel == 0 else 20):
                yield Entry(stream, Joined(_name(number), PLAIN if number else OWNER))

    def _message(self, number: int) -> Append:
        words = self._random.choices(self._words, cum_weights=self._weights, k=WORDS)
        if number % (MESSAGES // IN_SMALLEST) == 0:
            channel, words = CHANNELS - 1, [COMMON, *words]
        elif number % 2:
            channel, words = 0, [*words, COMMON]
        else:
            channel = 1 + number // 2 % (CHANNELS - 2)
        account = _name(number % (WRITERS if channel == 0 else 20))
        stream = channel_stream(channel_name(channel)[1:])
        return Append((Entry(stream, Posted(account, "PRIVMSG", " ".join(words))),))

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.verdict is not Verdict.STORED:
                raise RuntimeError(f"after {self._stored} messages one was not stored: {outcome.verdict}")
            self._stored += isinstance(outcome.records[0].event, Posted)
        self._committed.set()

    def _tick(self) -> int:
        self._now += 20
        return self._now


def _index_all(store: SqliteStore) -> None:
    while not store._writer._indexing.is_complete:
        store._writer._indexing.step()


def _name(number: int) -> str:
    return f"w{number:05}"


def _raise(error: Exception) -> None:
    raise error

"""Searching for somebody: by the index of words where it has come, and by looking through the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

import apsw

from securechat.chat import policy
from securechat.chat.events import Record, decode_event
from securechat.chat.policy import Access, Span
from securechat.chat.ports import Found, SearchQuery
from securechat.chat.streams import StreamId
from securechat.storage.finding import answers
from securechat.storage.sqlite import fulltext
from securechat.storage.sqlite.bisection import first_at

SEARCH_SECONDS: Final = 0.25
"""After which a search says what it has: it holds up a reading thread, and the WAL behind it."""
RARE: Final = 20_000
"""Messages with what is searched for, anywhere, up to which they are found at once, not by conversation."""
LOOKED_THROUGH: Final = 3000
"""Newest messages that are looked through where more than `RARE` have it: enough of them do, as a rule."""

_COLUMNS = "SELECT streams.id, name, floor, seq, indexed, streams.time FROM "
_CONVERSATION = _COLUMNS + "streams WHERE name = ?"
_CONVERSATIONS = f"""
    {_COLUMNS} members JOIN streams ON streams.id = members.channel WHERE account = ?1
    UNION ALL {_COLUMNS} directs JOIN streams ON streams.id = directs.stream WHERE account = ?1"""
# `kind` is spelled as in the partial index, which SQLite would not use otherwise.
_MESSAGE = "SELECT seq, msgid, time, body FROM records WHERE stream = ? AND seq = ? AND kind = 'Posted'"
_MESSAGES = """
    SELECT seq, msgid, time, body FROM records WHERE stream = ? AND kind = 'Posted' AND seq BETWEEN ? AND ?
    ORDER BY seq DESC"""
_ROWS = "SELECT rowid FROM words WHERE words MATCH ? LIMIT ?"
_ROWS_WITHIN = "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC"


class _Conversation(NamedTuple):
    key: int
    stream: StreamId
    floor: int
    seq: int
    indexed: int
    time: int


_Candidate = tuple[Record, Access]


class _OutOfTimeError(Exception):
    """The search has taken as long as it may."""


class Finder:
    """One search, within the transaction of its reader.

    load_access: (account, key, stream) to the facts by which `policy` judges what may be read there.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        query: SearchQuery,
        load_access: Callable[[str, int, StreamId], Access],
    ) -> None:
        self._connection = connection
        self._run: Callable[..., Any] = connection.execute
        self._query = query
        self._load_access = load_access
        self._expression = ""
        self._rare: dict[int, list[int]] | None = None
        self._looked_through = 0
        self._deadline = time.monotonic() + SEARCH_SECONDS

    def find(self) -> Found:
        """Return the newest messages asked for."""
        limit = self._query.limit
        found: list[Record] = []
        whole = True
        try:
            self._prepare()
            for record in self._newest_first():
                if len(found) == limit:
                    whole = False
                    break
                found.append(record)
        except _OutOfTimeError:
            whole = False
        return Found(tuple(reversed(found)), whole)

    def _prepare(self) -> None:
        """Write the expression, and where few messages answer it take all their places at once."""
        query = self._query
        self._expression = fulltext.express(self._run, query.phrases, query.author)
        if self._expression and not query.stream:
            rows = [row for (row,) in self._run(_ROWS, (self._expression, RARE + 1))]
            if len(rows) > RARE:
                self._looked_through = LOOKED_THROUGH
            else:
                self._rare = {}
                for row in sorted(rows, reverse=True):
                    key, seq = fulltext.place_of(row)
                    self._rare.setdefault(key, []).append(seq)

    def _newest_first(self) -> Iterator[Record]:
        """Yield what is found in all conversations; one is looked at when nothing newer can come before its newest.

        Each hit is checked against its record, and `policy`, now: the index only says where to look.
        """
        waiting = sorted(self._conversations(), key=lambda each: each.time)
        heads: list[tuple[int, int, int, _Candidate, Iterator[_Candidate]]] = []
        while waiting or heads:
            if waiting and (not heads or waiting[-1].time >= -heads[0][0]):
                key, messages = waiting[-1].key, self._messages(waiting.pop())
            else:
                _, negative, _, (record, access), messages = heappop(heads)
                key = -negative
                self._look_at_the_clock()
                if answers(self._query, record) and policy.may_read(access, record):
                    yield record
            following = next(messages, None)
            if following is not None:
                # Of one time, what stands later in the order of conversations and of seqs is the newer.
                heappush(heads, (-following[0].time, -key, -following[0].seq, following, messages))

    def _conversations(self) -> Iterator[_Conversation]:
        query = self._query
        statement, name = (_CONVERSATION, query.stream) if query.stream else (_CONVERSATIONS, query.account)
        for row in self._run(statement, (name,)).fetchall():
            conversation = _Conversation(*row)
            if conversation.time >= query.start and self._may_hold(conversation):
                yield conversation

    def _may_hold(self, conversation: _Conversation) -> bool:
        complete = conversation.indexed >= conversation.seq
        return self._rare is None or not complete or conversation.key in self._rare

    def _messages(self, conversation: _Conversation) -> Iterator[_Candidate]:
        """Yield messages of one conversation that may be what is asked for, newest first, with what is needed to tell."""
        self._look_at_the_clock()
        access = self._load_access(self._query.account, conversation.key, conversation.stream)
        low, high = self._bounds(conversation)
        for span in reversed(policy.readable(access)):
            for seq, msgid, sent, body in self._rows(conversation, span, low, high):
                yield Record(conversation.stream, seq, msgid, sent, decode_event(body)), access

    def _bounds(self, conversation: _Conversation) -> tuple[int, int]:
        query, newest = self._query, conversation.seq
        place = (self._connection, conversation.key, conversation.floor, newest)
        low = first_at(*place, query.start) if query.start else 1
        high = first_at(*place, query.end + 1) - 1 if query.end < conversation.time else newest
        return low, high

    def _rows(
        self, conversation: _Conversation, span: Span, low: int, high: int
    ) -> Iterator[tuple[int, str, int, str]]:
        """Yield messages of a span that may be what is asked for, newest first: one by one, then by the index."""
        key, indexed = conversation.key, conversation.indexed if self._expression else 0
        first, last = max(low, span.first), high if span.last is None else min(high, span.last)
        end = first if self._looked_through else max(first, indexed + 1)
        for row in self._run(_MESSAGES, (key, end, last)):
            if row[0] <= indexed:
                if not self._looked_through:
                    break
                self._looked_through -= 1
            last = row[0] - 1
            yield row
        for seq in self._indexed(key, first, min(last, indexed)):
            yield from self._run(_MESSAGE, (key, seq))

    def _indexed(self, key: int, first: int, last: int) -> Iterator[int]:
        if first > last:
            return
        if self._rare is not None:
            yield from (seq for seq in self._rare.get(key, ()) if first <= seq <= last)
            return
        within = (self._expression, fulltext.row_of(key, first), fulltext.row_of(key, last))
        for (row,) in self._run(_ROWS_WITHIN, within):
            yield fulltext.place_of(row)[1]

    def _look_at_the_clock(self) -> None:
        if time.monotonic() > self._deadline:
            raise _OutOfTimeError

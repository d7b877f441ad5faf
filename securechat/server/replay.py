"""Replay for clients that cannot ask: what a device missed, then live talk, and PINGs that tell how far it has got.

Its place in a conversation is a seq. Everything up to the place was written to the client, everything behind it is heard
live or read from the history, so nothing is lost, doubled or out of order between the two.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from securechat.chat.arrears import Arrear, ArrearsQuery, Missed, MissedQuery, Position
from securechat.chat.events import Record
from securechat.chat.ports import History
from securechat.chat.replay import PING_PREFIX, left_out, replayed
from securechat.chat.streams import StreamId, account_stream
from securechat.wire.capabilities import BATCH, CHATHISTORY, ZNC_PLAYBACK
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.audiences import Members
    from securechat.server.connection import Connection
    from securechat.server.posting import Posting

FOLLOWED = 1 << 40
"""Set in the variant of connections that have a Follower: fan-out tells them by it from all others."""
FIRST = 50
"""Messages of each conversation for a device that never came before."""
MOST = 1000
"""Messages of each conversation for a device that comes back."""
LINES_TO_PING = 50
SECONDS_TO_PING = 10.0
"""After so many messages, or so long after the first of fewer, a PING asks whether they have arrived."""
PINGS_AHEAD = 32
"""PINGs that wait for an answer; before another is laid one of them must have been answered."""
READS_AT_ONCE = 4
"""Pages of all replays together that are read and worded at the same time."""
DEVICE_LENGTH = 64
"""Characters of a device's name that count."""
_NOWHERE = 1 << 62
"""A place that nothing is behind: the conversation is not followed live (yet)."""


def can_ask(caps: int) -> bool:
    """Tell whether a client with these capabilities asks for what it missed."""
    return bool(caps & (CHATHISTORY | ZNC_PLAYBACK))


class News(NamedTuple):
    """Messages of one conversation with seqs from `first` to `last`; `payload`: as they are written, all together."""

    stream: StreamId
    first: int
    last: int
    lines: Sequence[Posting]
    payload: bytes


class Behind:
    """A conversation that is being replayed: `after` is the client's place, `newest` the last seq known of."""

    __slots__ = ("after", "more", "newest")

    def __init__(self, after: int, newest: int, more: int = 0) -> None:
        self.after = after
        self.newest = newest
        self.more = more


class Follower:
    """The places of one connection, and of the device behind it.

    reads: shared by all, bounds what is read at once.
    live: channels' streams of which everything is heard: the place there is that of the newest message told to all.
    lines: messages heard since the last PING. timer: lays one when nothing else does; there is none until there is news.
    """

    __slots__ = (
        "_account",
        "_batches",
        "_behind",
        "_came",
        "_connection",
        "_device",
        "_history",
        "_is_planned",
        "_laid",
        "_moved",
        "_pings",
        "_places",
        "_reads",
        "lines",
        "live",
        "timer",
    )

    def __init__(self, connection: Connection, history: History, reads: asyncio.Semaphore) -> None:
        session = connection.session
        self._connection = connection
        self._history = history
        self._reads = reads
        self._account = session.account
        self._device = (session.device_name or session.device)[:DEVICE_LENGTH]
        self._came = connection.node.world.clock()
        self._is_planned = False
        self._behind: dict[StreamId, Behind] = {}
        self._places: dict[StreamId, int] = {}
        self._moved: dict[StreamId, int] = {}
        self._pings: deque[tuple[int, dict[StreamId, int]]] = deque()
        self._laid = 0
        self._batches = 0
        self.live: set[StreamId] = set()
        self.lines = 0
        self.timer: asyncio.TimerHandle | None = None

    # ── live ──

    def hear(self, news: News, write: Callable[[bytes], bool]) -> None:
        """Take messages of one conversation as they are told to all."""
        stream, first, last, lines, payload = news
        if self._places.get(stream, _NOWHERE) >= first or self.lines + len(lines) > LINES_TO_PING:
            self.hear_each(lines)
            return
        write(payload)
        self._move(stream, last, len(lines))
        if stream[0] == "c":
            self.live.add(stream)

    def hear_each(self, lines: Sequence[Posting]) -> None:
        """Take messages one by one: those that the client has, or will get by replay, are left out."""
        stream = lines[0].record.stream
        if not self._is_planned or stream in self._behind:
            behind = self._behind.setdefault(stream, Behind(lines[0].record.seq - 1, 0))
            behind.newest = lines[-1].record.seq
            return
        connection = self._connection
        for line in lines:
            if line.record.seq > self._places.get(stream, 0):
                connection.transport.write_live(line.posted.for_variant(connection.variant))
                self._move(stream, line.record.seq, 1)
        connection.node.hub.touch(connection)

    def pass_over(self, record: Record) -> None:
        """Take a message that the client has written itself, and so has."""
        self._move(record.stream, record.seq, 1)

    def _move(self, stream: StreamId, seq: int, lines: int) -> None:
        self._places[stream] = self._moved[stream] = seq
        self._count(lines)

    def _count(self, lines: int) -> None:
        self.lines += lines
        if self.lines >= LINES_TO_PING:
            self._ping()
        elif self.timer is None:
            self.timer = self._connection.node.loop.call_later(SECONDS_TO_PING, self._ask_at_last)

    # ── PINGs ──

    def answered(self, number: int) -> None:
        """Note that the client has had everything before a PING of ours."""
        reached: dict[StreamId, int] = {}
        while self._pings and self._pings[0][0] <= number:
            reached |= self._pings.popleft()[1]
        for stream, seq in reached.items():
            self._history.note(Position(self._account, self._device, stream, seq))
        if self._has_moved():
            self._count(0)

    def stop(self) -> None:
        """Let go: the connection has ended."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _ask_at_last(self) -> None:
        self.timer = None
        if self._has_moved() and self._connection.session.is_ready:
            self._ping()

    def _ping(self) -> None:
        for ping in self._lay():
            self._connection.transport.write(encode(ping))
        self._connection.node.hub.touch(self._connection)

    def _lay(self) -> Iterator[Message]:
        """Yield a PING that answers for everything before it, unless too many wait for an answer."""
        self.lines = 0
        if self._has_moved() and len(self._pings) < PINGS_AHEAD:
            self._laid += 1
            self._pings.append((self._laid, self._moved))
            self._moved = {}
            yield Message("PING", (f"{PING_PREFIX}{self._laid}",))

    def _has_moved(self) -> bool:
        """Tell whether there is anything that no PING answers for yet; only here the places of live channels are asked for."""
        audiences = self._connection.node.hub.audiences
        for stream in self.live:
            newest = audiences.newest.get(stream, 0)
            if newest > self._places.get(stream, 0) and audiences.hears(stream[2:], self._connection):
                self._places[stream] = self._moved[stream] = newest
        return bool(self._moved)

    # ── replay ──

    async def replay(self) -> None:
        """Bring the client up to date, one conversation after another; what it writes waits for the end."""
        connection = self._connection
        # Behind the lines that show it its channels.
        await connection.outlet.catch_up()
        await self._plan()
        while self._behind and connection.session.is_ready:
            await self._catch_up(next(iter(self._behind)))
        connection.release_messages()

    async def _plan(self) -> None:
        """Find out where each conversation is to go on; what was heard meanwhile is behind, and read in its turn."""
        async with self._reads:
            arrears = await self._history.arrears(ArrearsQuery(self._account, self._device, FIRST, MOST))
        heard, self._behind = self._behind, {}
        self._is_planned = True
        for arrear in arrears.conversations:
            self._begin(arrear, heard.pop(arrear.stream, None))
            if not arrears.known:
                # From now on it has come before: whatever this connection comes to, all that follows is its own.
                self._history.note(Position(self._account, self._device, arrear.stream, arrear.after))
        self._behind |= heard
        self._history.note(Position(self._account, self._device, account_stream(self._account), self._came))

    def _begin(self, arrear: Arrear, heard: Behind | None) -> None:
        newest = max(arrear.through, heard.newest if heard is not None else 0)
        if newest > arrear.after:
            self._behind[arrear.stream] = Behind(arrear.after, newest, arrear.more)
        else:
            self._places[arrear.stream] = arrear.after

    async def _catch_up(self, stream: StreamId) -> None:
        """Replay a conversation until nothing of it is missing; from then on it is heard live."""
        connection, behind = self._connection, self._behind[stream]
        is_through = False
        while not is_through:
            async with self._reads:
                missed = await self._history.missed(MissedQuery(self._account, stream, behind.after, LINES_TO_PING))
                behind.after = missed.through
                if missed.records:
                    connection.produce(self._word(stream, missed))
            await connection.outlet.catch_up()
            if not connection.session.is_ready:
                return
            is_through = behind.newest <= behind.after and not missed.is_full
        if behind.more:
            connection.produce([left_out(connection.node.world, stream, self._account, behind.more)])
            await connection.outlet.catch_up()
            if behind.newest > behind.after:
                behind.more = 0
                return
        del self._behind[stream]
        self._places[stream] = behind.after

    def _word(self, stream: StreamId, missed: Missed) -> Iterator[Message]:
        """Yield a page as the client sees it, a PING behind it; what was said live before has one of its own."""
        connection = self._connection
        session, world = connection.session, connection.node.world
        if self.lines:
            yield from self._lay()
        self._batches += 1
        reference = f"r{self._batches}" if session.has(BATCH) else ""
        yield from replayed(world, session, missed.records, reference, before=self._came)
        self._moved[stream] = missed.through
        yield from self._lay()


def tell_followers(
    members: Members,
    origins: Members,
    lines: Sequence[Posting],
    payload: bytes,
    *,
    at_once: bool,
) -> None:
    """Have followed connections hear messages of one conversation, but for those that wrote some of them."""
    first, last, count = lines[0].record, lines[-1].record, len(lines)
    stream = first.stream
    news = News(stream, first.seq, last.seq, lines, payload)
    for connection in members:
        if connection in origins:
            continue
        follower, transport = connection.follower, connection.transport
        assert follower is not None
        write = transport.send_live if at_once else transport.write_live
        # Written out: this is done for each delivery.
        if stream in follower.live and follower.timer is not None and follower.lines + count < LINES_TO_PING:
            follower.lines += count
            write(payload)
        else:
            follower.hear(news, write)

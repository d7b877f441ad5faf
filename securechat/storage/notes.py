"""What each device was sent and each account has read, in memory and in the plainest way."""

from __future__ import annotations

from securechat.chat.arrears import (
    DEVICES_REMEMBERED,
    Arrear,
    Arrears,
    ArrearsQuery,
    Missed,
    MissedQuery,
    Note,
    Position,
    ReadMark,
)
from securechat.chat.event import Event
from securechat.chat.events import Deleted, DeviceRevoked, Posted
from securechat.chat.streams import StreamId, account_stream, parties
from securechat.storage.folded import State


class Notes:
    """The newest note of each kind."""

    def __init__(self) -> None:
        self._positions: dict[tuple[str, str], dict[StreamId, int]] = {}
        self._marks: dict[tuple[str, StreamId], int] = {}

    def add(self, note: Note) -> None:
        """Keep a note."""
        if isinstance(note, ReadMark):
            key = (note.account, note.stream)
            self._marks[key] = max(note.time, self._marks.get(key, 0))
            return
        seqs = self._positions.setdefault((note.account, note.device), {})
        seqs[note.stream] = max(note.seq, seqs.get(note.stream, 0))
        self._forget_least_used(note)

    def marks(self) -> list[ReadMark]:
        """Return what was read by now."""
        return [ReadMark(*key, time) for key, time in self._marks.items()]

    def follow(self, stream: StreamId, event: Event) -> None:
        """Forget what belongs to a device or an account that is gone."""
        account = stream[2:]
        if isinstance(event, DeviceRevoked):
            self._positions.pop((account, event.device), None)
        if isinstance(event, Deleted):
            self._positions = {key: seqs for key, seqs in self._positions.items() if key[0] != account}
            self._marks = {key: time for key, time in self._marks.items() if key[0] != account}

    def find_arrears(self, query: ArrearsQuery, state: State) -> Arrears:
        """Return what a device was not sent."""
        positions = self._positions.get((query.account, query.device), {})
        known = account_stream(query.account) in positions
        found = []
        for stream, begin in _conversations(query.account, state):
            through = state.streams[stream][-1].seq
            after = positions.get(stream, begin) if known else 0
            messages = [each.seq for each in state.readable_by(query.account, stream) if isinstance(each.event, Posted)]
            missing = [seq for seq in messages if seq > after]
            kept = missing[-(query.most if known else query.first) :]
            more = len(missing) - len(kept) if known else 0
            begins = kept[0] - 1 if kept and (more or not known) else after
            found.append(Arrear(stream, begins if kept else max(through, after), max(through, after), more))
        return Arrears(known, found)

    def _forget_least_used(self, note: Position) -> None:
        own = account_stream(note.account)
        if note.stream != own:
            return
        comings = {key: seqs[own] for key, seqs in self._positions.items() if key[0] == note.account and own in seqs}
        for key in sorted(comings, key=lambda key: (-comings[key], key))[DEVICES_REMEMBERED:]:
            del self._positions[key]


def read_missed(query: MissedQuery, state: State) -> Missed:
    """Return the next messages of a conversation that the account may read."""
    readable = state.readable_by(query.account, query.stream)
    records = [each for each in readable if isinstance(each.event, Posted) and each.seq > query.after][: query.limit]
    newest = max(query.after, len(state.streams.get(query.stream, ())))
    is_full = len(records) == query.limit
    return Missed(tuple(records), records[-1].seq if is_full else newest, is_full)


def _conversations(account: str, state: State) -> list[tuple[StreamId, int]]:
    """Return an account's conversations, and behind which record each begins for a device that was never sent it."""
    channels = [
        (f"c/{channel.id}", channel.members[account].since - 1)
        for channel in state.directory.channels.values()
        if account in channel.members
    ]
    directs = [(stream, 0) for stream in state.streams if stream.startswith("d/") and account in parties(stream)]
    return channels + directs

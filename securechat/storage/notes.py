"""What each device was sent, each account has read, and who guessed what where, in memory and in the plainest way."""

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
from securechat.chat.events import Deleted, DeviceRevoked, PasswordSet, Posted
from securechat.chat.guesses import KNOWN_MS, PLACES_REMEMBERED, Guess, GuessState, Place
from securechat.chat.streams import StreamId, account_stream, parties
from securechat.storage.folded import State


class Notes:
    """The newest note of each kind; `key`: of the digests of addresses."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._guesses: list[Guess] = []
        self._places: dict[tuple[str, str], int] = {}
        self._deleted: set[str] = set()
        self._positions: dict[tuple[str, str], dict[StreamId, int]] = {}
        self._marks: dict[tuple[str, StreamId], int] = {}

    def add(self, note: Note) -> None:
        """Keep a note."""
        if isinstance(note, ReadMark):
            key = (note.account, note.stream)
            self._marks[key] = max(note.time, self._marks.get(key, 0))
            return
        if isinstance(note, Guess):
            self._guesses = [each for each in [*self._guesses, note] if each.time >= note.since]
            return
        if isinstance(note, Place):
            self._add_place(note)
            return
        seqs = self._positions.setdefault((note.account, note.device), {})
        seqs[note.stream] = max(note.seq, seqs.get(note.stream, 0))
        self._forget_least_used(note)

    def marks(self) -> list[ReadMark]:
        """Return what was read by now."""
        return [ReadMark(*key, time) for key, time in self._marks.items()]

    def guesses(self) -> GuessState:
        """Return wrong passwords, and from where accounts have signed in."""
        guesses = sorted(self._guesses, key=lambda guess: guess.time)
        return GuessState(self._key, guesses, [Place(*key, time) for key, time in self._places.items()])

    def follow(self, stream: StreamId, event: Event) -> None:
        """Forget what belongs to a device or an account that is gone."""
        account = stream[2:]
        if isinstance(event, DeviceRevoked):
            self._positions.pop((account, event.device), None)
        if isinstance(event, Deleted):
            self._positions = {key: seqs for key, seqs in self._positions.items() if key[0] != account}
            self._marks = {key: time for key, time in self._marks.items() if key[0] != account}
            self._places = {key: time for key, time in self._places.items() if key[0] != account}
            self._deleted.add(account)
        if isinstance(event, Deleted | PasswordSet):
            self._guesses = [
                guess._replace(account="") if guess.account == account else guess
                for guess in self._guesses
                if guess.account != account or not guess.own
            ]

    def find_arrears(self, query: ArrearsQuery, state: State) -> Arrears:
        """Return what a device was not sent."""
        positions = self._positions.get((query.account, query.device), {})
        known = account_stream(query.account) in positions
        found = []
        for stream, begin in _conversations(query.account, state):
            through = state.heads[stream].seq
            after = positions.get(stream, begin) if known else 0
            messages = [each.seq for each in state.readable_by(query.account, stream) if isinstance(each.event, Posted)]
            missing = [seq for seq in messages if seq > after]
            kept = missing[-(query.most if known else query.first) :]
            more = len(missing) - len(kept) if known else 0
            begins = kept[0] - 1 if kept and (more or not known) else after
            found.append(Arrear(stream, begins if kept else max(through, after), max(through, after), more))
        return Arrears(known, found)

    def _add_place(self, note: Place) -> None:
        if note.account in self._deleted:
            return
        key = (note.account, note.place)
        self._places[key] = max(note.time, self._places.get(key, 0))
        times = {key: time for key, time in self._places.items() if key[0] == note.account}
        for key in sorted(times, key=lambda key: (-times[key], key))[PLACES_REMEMBERED:]:
            del self._places[key]
        known_since = max(self._places.values()) - KNOWN_MS
        self._places = {key: time for key, time in self._places.items() if time > known_since}

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
    head = state.heads.get(query.stream)
    newest = query.after if head is None else max(query.after, head.seq)
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

"""Everything that follows from the records, in the plainest way, and the check of each record against it."""

from __future__ import annotations

import msgspec

from securechat.chat import certificates, invitations, policy
from securechat.chat.channel import masks_of
from securechat.chat.directory import Directory
from securechat.chat.effects import Entry
from securechat.chat.event import Event
from securechat.chat.events import (
    OWNER,
    BanLifted,
    BanSet,
    ChannelRenamed,
    Created,
    Deleted,
    DeviceAdded,
    DeviceRevoked,
    Dropped,
    Erased,
    Ignored,
    Joined,
    Kicked,
    Left,
    MetadataSet,
    ModeSet,
    PasswordRehashed,
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
    encode_event,
)
from securechat.chat.policy import Access, Span
from securechat.chat.ports import AccountState, ChannelState, HistoryQuery, Reactions, Snapshot
from securechat.chat.server_events import CertificateIssued, SignInRejected
from securechat.chat.streams import SERVER, StreamId, account_stream, direct_stream, other_party, parties
from securechat.chat.trail import BEGINNING, Head, Trail, TrailQuery, TrailRow, link_of
from securechat.chat.world import BANS_PER_CHANNEL, CHANNELS_PER_ACCOUNT
from securechat.storage.records import Stale, are_many, changes, reactions_after
from securechat.storage.retention import Floor, Retention, asks_below


class State:
    """What the records amount to, by which the next ones are judged.

    streams: the records of each stream; epochs: of each stream that has records.
    spans: the memberships that have ended, by (stream, account); closures: when a channel was not open to all.
    silences: when an account ignored another, as spans of their direct conversation, by (account, other).
    heads: of each stream that has had records, the newest one. floors: what is gone of those of which something is.
    retentions: of channels for which it was set, in days. names: of channels, the newest one.
    links: what ties each record of the server's stream to the one before; addresses: from where, by their seq.
    """

    def __init__(self) -> None:
        self.directory = Directory(Snapshot([], []))
        self.streams: dict[StreamId, list[Record]] = {}
        self.epochs: dict[StreamId, int] = {}
        self.verifiers: dict[str, str] = {}
        self.spans: dict[tuple[StreamId, str], list[Span]] = {}
        self.closures: dict[StreamId, list[Span]] = {}
        self.silences: dict[tuple[str, str], list[Span]] = {}
        self.heads: dict[StreamId, Record] = {}
        self.floors: dict[StreamId, Floor] = {}
        self.retentions: dict[StreamId, int | None] = {}
        self.names: dict[StreamId, str] = {}
        self.links: list[bytes] = []
        self.addresses: dict[int, tuple[int, str]] = {}

    def channel_of(self, stream: StreamId) -> ChannelState | None:
        """Return the living channel whose stream this is."""
        return self.directory.channels.get(stream[2:]) if stream.startswith("c/") else None

    def epoch_of(self, stream: StreamId) -> int | None:
        """Return a stream's epoch; None for a channel or account that never was."""
        return self.epochs.get(stream, 0 if stream == SERVER or stream.startswith("d/") else None)

    def check(self, stream: StreamId, event: Event) -> None:
        """Raise Stale unless the event can happen now."""
        begins = isinstance(event, Created | Registered)
        if stream.startswith("d/"):
            holds = stream in self.streams or all(map(self._lives, parties(stream)))
        elif begins:
            holds = stream not in self.streams
        elif stream == SERVER:
            holds = True
        elif stream.startswith("a/"):
            holds = self._lives(stream[2:])
        else:
            holds = self.channel_of(stream) is not None
        if not holds or not self._fits(stream, event):
            raise Stale

    def _lives(self, account: str) -> bool:
        return account in self.directory.accounts and not self.directory.accounts[account].deleted

    def _fits(self, stream: StreamId, event: Event) -> bool:
        if stream == SERVER:
            return self._fits_server(event)
        if stream.startswith("a/") and not isinstance(event, Registered):
            return self._fits_account(self.directory.accounts[stream[2:]], event)
        match event:
            case Registered(name=name):
                return self.directory.account_resembling(name) is None
            case Created(name=name):
                return self.directory.channel_claiming(name) is None
            case Redacted() | Reacted() | Unreacted():
                return self._fits_remark(stream, event)
        channel = self.channel_of(stream)
        return channel is None or self._fits_channel(channel, event)

    def _fits_server(self, event: Event) -> bool:
        server = self.directory.server
        if isinstance(event, CertificateIssued) and not self._lives(event.account):
            return False
        return invitations.fits(server.invitations, event) and certificates.fits(server, event)

    def _fits_remark(self, stream: StreamId, event: Redacted | Reacted | Unreacted) -> bool:
        about = next((record.event for record in self.streams.get(stream, ()) if record.msgid == event.msgid), None)
        if isinstance(event, Redacted):
            return isinstance(about, Posted | Reacted | Unreacted)
        return isinstance(about, Posted) and changes(self.reactions(stream, event.msgid, event.account), event)

    def reactions(self, stream: StreamId, msgid: str, account: str) -> Reactions:
        """Return what an account did about a message."""
        events = [record.event for record in self.streams.get(stream, ())]
        return reactions_after(
            event
            for event in events
            if isinstance(event, Reacted | Unreacted) and (event.msgid, event.account) == (msgid, account)
        )

    def _fits_account(self, account: AccountState, event: Event) -> bool:
        match event:
            case DeviceAdded(device=device):
                return device not in account.devices
            case DeviceRevoked(device=device):
                return device in account.devices
            case Renamed(name=name, was=was):
                return account.name == was and self.directory.account_resembling(name) in (None, account)
            case RoleChanged(was=was):
                return account.role == was
            case Deleted():
                return not self.directory.channels_of(account.id)
            case Ignored(account=other):
                return self._lives(other) and other not in account.ignored
            case Unignored(account=other):
                return other in account.ignored
        return True

    def _fits_channel(self, channel: ChannelState, event: Event) -> bool:
        match event:
            case Joined(account=account):
                full = 0 < channel.limit <= len(channel.members)
                full = full or len(self.directory.channels_of(account)) >= CHANNELS_PER_ACCOUNT
                return self._lives(account) and account not in channel.members and not full
            case Left(account=account, role=role) | Kicked(account=account, role=role):
                return account in channel.members and channel.members[account].role == role
            case RoleSet(account=account, was=role):
                return account in channel.members and channel.members[account].role == role
            case BanSet(mask=mask, kind=kind):
                masks = masks_of(channel, kind)
                return mask in masks or len(masks) < BANS_PER_CHANNEL
            case BanLifted(mask=mask, kind=kind):
                return mask in masks_of(channel, kind)
            case ChannelRenamed(name=name, was=was):
                return channel.name == was and self.directory.channel_claiming(name) in (None, channel)
            case Dropped(forced=forced):
                return forced or not (channel.members or channel.written)
        return True

    def require_turn(self, stream: StreamId, event: Event, now: int) -> None:
        """Refuse a message that comes too soon for a slow channel; `now` in ms since 1970.

        Raises: Stale.
        """
        channel = self.channel_of(stream)
        if channel is None or not isinstance(event, Posted):
            return
        if policy.milliseconds_to_wait(channel, event.account, now):
            raise Stale

    def require_owners(self, entries: tuple[Entry, ...]) -> None:
        """Refuse an owner's going that leaves others behind without one.

        Raises: Stale.
        """
        for stream, event in entries:
            channel = self.channel_of(stream)
            if isinstance(event, Left | Kicked) and event.role == OWNER and channel is not None:
                roles = {member.role for member in channel.members.values()}
                if roles and OWNER not in roles:
                    raise Stale

    def apply(self, record: Record, event: Event) -> None:
        """Fold a record that was checked; `event` is the record's with its secrets."""
        stream = record.stream
        channel = self.channel_of(stream)
        was_open = channel is None or policy.is_open(channel.modes, channel.key)
        if channel is not None and isinstance(event, Left | Kicked):
            since = channel.members[event.account].since
            spans = self.spans.setdefault((stream, event.account), [])
            if not are_many(len(spans)) or self._has_message(stream, since, record.seq):
                spans.append(Span(since, record.seq))
        if isinstance(event, Registered | PasswordSet | PasswordRehashed):
            self.verifiers[stream[2:]] = event.verifier
        if isinstance(event, Ignored | Unignored):
            self._note_silence(stream[2:], event)
        if isinstance(event, Deleted):
            self._forget(stream[2:], erase=event.erase)
        if isinstance(event, Redacted):
            records = self.streams[stream]
            records[:] = [_erased(record) if record.msgid == event.msgid else record for record in records]
        self.streams.setdefault(stream, []).append(record)
        self.heads[stream] = record
        self._note_lasting(record)
        if stream == SERVER:
            self._tie(record, event)
        self.epochs[stream] = self.epochs.get(stream, 0) + event.restricts
        self.directory.apply_record(record)
        if isinstance(event, Created | ModeSet):
            self._note_closure(record, was_open)

    def trail(self, query: TrailQuery) -> Trail:
        """Return some of the audit trail."""
        rows = [
            TrailRow(*_content(record), link, self.addresses.get(record.seq, (0, ""))[1])
            for record, link in zip(self.streams.get(SERVER, ()), self.links, strict=True)
            if record.seq > query.after and record.time >= query.since
        ]
        chosen = rows[max(0, len(rows) - query.limit) :] if query.newest else rows[: query.limit]
        head = Head(len(self.links), self.links[-1]) if self.links else Head()
        return Trail(tuple(chosen), len(self.links), head)

    def forget_addresses(self, before: int) -> int:
        """Forget the addresses noted before a time (ms since 1970); return how many there were."""
        old = [seq for seq, (time, _) in self.addresses.items() if time < before]
        for seq in old:
            del self.addresses[seq]
        return len(old)

    def _note_lasting(self, record: Record) -> None:
        match record.event:
            case Created(name=name) | ChannelRenamed(name=name):
                self.names[record.stream] = name
            case RetentionSet(days=days):
                self.retentions[record.stream] = days

    def _has_message(self, stream: StreamId, first: int, last: int) -> bool:
        records = self.streams.get(stream, ())
        return any(first <= record.seq <= last and isinstance(record.event, Posted) for record in records)

    def find_expired(self, retention: Retention, now: int) -> list[tuple[StreamId, Floor]]:
        """Return the streams that hold what is older than it is to be kept, and up to where; `now` in ms since 1970."""
        found = []
        for stream, records in self.streams.items():
            bound = retention.bound_of(stream, self.retentions.get(stream), now)
            old = [record for record in records if bound is not None and record.time < bound]
            if old:
                found.append((stream, Floor(old[-1].seq, old[-1].time)))
        return found

    def raise_floor(self, stream: StreamId, floor: Floor) -> None:
        """Take away the records of a stream up to one, and who was where, or heard nobody, up to there."""
        self.floors[stream] = floor
        records = self.streams[stream]
        records[:] = [record for record in records if record.seq > floor.seq]
        pairs = {parties(stream), parties(stream)[::-1]} if stream.startswith("d/") else set()
        for lists in (
            [spans for (where, _), spans in self.spans.items() if where == stream],
            [self.closures.get(stream, [])],
            [self.silences.get(pair, []) for pair in pairs],
        ):
            for spans in lists:
                spans[:] = [span for span in spans if span.last is None or span.last > floor.seq]

    def _tie(self, record: Record, event: Event) -> None:
        self.links.append(link_of(self.links[-1] if self.links else BEGINNING, *_content(record)))
        if isinstance(event, SignInRejected) and event.address:
            self.addresses[record.seq] = record.time, event.address

    def _note_silence(self, account: str, event: Ignored | Unignored) -> None:
        silences = self.silences.setdefault((account, event.account), [])
        head = self.heads.get(direct_stream(account, event.account))
        newest = 0 if head is None else head.seq
        if isinstance(event, Ignored):
            silences.append(Span(newest + 1))
        elif silences[-1].first > newest:
            silences.pop()
        else:
            silences[-1] = Span(silences[-1].first, newest)

    def _forget(self, account: str, *, erase: bool) -> None:
        self.verifiers[account] = ""
        own = self.streams[account_stream(account)]
        own[:] = [_without_value(record) for record in own]
        self.silences = {pair: spans for pair, spans in self.silences.items() if pair[0] != account}
        if erase:
            for stream, records in self.streams.items():
                if stream.startswith("c/") or (stream.startswith("d/") and account in parties(stream)):
                    records[:] = [_without_text(record, account) for record in records]

    def _note_closure(self, record: Record, was_open: bool) -> None:
        channel = self.channel_of(record.stream)
        assert channel is not None
        closures = self.closures.setdefault(record.stream, [])
        is_open = policy.is_open(channel.modes, channel.key)
        if was_open and not is_open:
            many = are_many(len(closures))
            if many and not self._has_message(record.stream, (closures[-1].last or 0) + 1, record.seq):
                closures[-1] = Span(closures[-1].first)
            else:
                closures.append(Span(record.seq))
        elif is_open and not was_open:
            closures[-1] = Span(closures[-1].first, record.seq - 1)

    def readable_by(self, account: str, stream: StreamId) -> list[Record]:
        """Return the records of a stream that an account may read."""
        access = self._access(account, stream)
        return [record for record in self.streams.get(stream, ()) if policy.may_read(access, record)]

    def asks_below(self, query: HistoryQuery) -> bool:
        """Tell whether some of what is asked for is gone."""
        spans = policy.readable(self._access(query.account, query.stream))
        return asks_below(query, spans, self.floors.get(query.stream, Floor()))

    def _access(self, account: str, stream: StreamId) -> Access:
        if stream.startswith("d/"):
            silences = self.silences.get((account, other_party(stream, account)), ())
            return Access(account in parties(stream), (Span(1),), silenced=tuple(silences), viewer=account)
        channel = self.channel_of(stream)
        if channel is None or account not in channel.members:
            return Access(False)
        former = self.spans.get((stream, account), [])
        spans = (*former, Span(channel.members[account].since))
        return Access(True, spans, tuple(self.closures.get(stream, ())))


def _without_text(record: Record, author: str) -> Record:
    match record.event:
        case Posted(account=by) | Reacted(account=by) | Unreacted(account=by) if by == author:
            return _erased(record)
        case TopicSet(by=by) as event if by == author:
            return msgspec.structs.replace(record, event=msgspec.structs.replace(event, text=""))
        case Left(account=by) | Kicked(by=by) | Redacted(by=by) | ChannelRenamed(by=by) as event if by == author:
            return msgspec.structs.replace(record, event=msgspec.structs.replace(event, reason=""))
    return record


def _without_value(record: Record) -> Record:
    if isinstance(record.event, MetadataSet):
        return msgspec.structs.replace(record, event=MetadataSet(record.event.key))
    return record


def _erased(record: Record) -> Record:
    assert isinstance(record.event, Posted | Reacted | Unreacted)
    return msgspec.structs.replace(record, event=Erased(record.event.account))


def _content(record: Record) -> tuple[int, str, int, str, str]:
    return record.seq, record.msgid, record.time, type(record.event).__name__, encode_event(record.event).decode()

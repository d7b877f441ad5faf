"""Fan-out: what was committed is applied to the state, encoded once a variant, and queued to everybody who may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING

from securechat.chat import policy, render
from securechat.chat.ask import Ask
from securechat.chat.events import (
    BanLifted,
    BanSet,
    ChannelRenamed,
    Created,
    Deleted,
    Dropped,
    Invited,
    Joined,
    Kicked,
    Left,
    Posted,
    Reacted,
    Record,
    Redacted,
    Renamed,
    Unreacted,
)
from securechat.chat.ports import ChannelState, Outcome, Verdict
from securechat.chat.presence import PresenceChanged
from securechat.chat.replies import entry_lines
from securechat.chat.signals import Alarm, BotMarked, TagsSent, Watched
from securechat.chat.streams import SERVER, parties
from securechat.chat.world import World
from securechat.server.absences import Absences
from securechat.server.announcer import Announcer
from securechat.server.audiences import Audiences, Members, tell_members
from securechat.server.expiries import Expiries
from securechat.server.partners import Partners
from securechat.server.posting import Posting
from securechat.server.profiles import Profiles
from securechat.server.remarks import remark_audience
from securechat.server.replay import FOLLOWED, tell_followers
from securechat.wire.capabilities import ECHO_MESSAGE, MESSAGE_TAGS
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.connection import Connection


class Hub:
    """Who listens to what on this node.

    wake: schedules one `flush` for this turn of the loop. expiries: told of changed lists of masks.
    observers: told of the records of the server's own stream, once they are applied. messages, deliveries: how many.
    """

    expiries: Expiries

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self.world = world
        self.audiences = Audiences()
        self.absences = Absences(world, self.touch)
        self._announcer = Announcer(world, self.audiences, self.touch)
        self._profiles = Profiles(world, self.audiences, self.touch)
        self._wake = wake
        self._partners = Partners()
        self._dirty: Members = {}
        self.observers: list[Callable[[Record], None]] = [self._announcer.follow]
        self.messages = self.deliveries = 0

    # ── connections coming and going ──

    def sign_in(self, connection: Connection) -> None:
        """Note whose a connection is, from the moment its credentials were accepted: it can be revoked."""
        self.audiences.sign_in(connection)

    def arrive(self, connection: Connection) -> Iterator[Message]:
        """Let a welcomed connection into its account's channels.

        Yields the lines that show it each channel; it hears a channel from the moment its JOIN is drawn.
        """
        account = connection.session.account
        audiences = self.audiences
        audiences.welcome(connection)
        self.world.attendance.arrive(connection.session, self.world.clock())
        self.absences.note(connection)
        for channel in self.world.directory.channels_of(account):
            # Drawn late, it may find that the membership has ended, or has begun again and was shown then.
            is_here = account in channel.members and connection in audiences.ready(account)
            if is_here and not audiences.hears(channel.id, connection):
                audiences.enter(channel.id, connection)
                yield self._join_line(channel, connection)
                yield from entry_lines(Ask(connection.session, _NOTHING, self.world), channel)

    def depart(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        channels = self.world.directory.channels_of(connection.session.account)
        self.audiences.forget(connection, [channel.id for channel in channels])
        self.absences.forget(connection)
        self.world.attendance.depart(connection.session, self.world.clock())
        self._dirty.pop(connection, None)

    def recast(self, connection: Connection, variant: int) -> None:
        """Move a connection whose capabilities changed to the group that gets its `variant`."""
        self.absences.note(connection)
        if variant == connection.variant:
            return
        channels = self.world.directory.channels_of(connection.session.account)
        heard = [channel.id for channel in channels if self.audiences.exit(channel.id, connection)]
        connection.variant = variant
        for channel_id in heard:
            self.audiences.enter(channel_id, connection)

    def _join_line(self, channel: ChannelState, connection: Connection) -> Message:
        return render.join_message(self.world, connection.session.account, channel.name, connection.variant)

    # ── committed batches ──

    def follow(self, outcomes: Sequence[Outcome]) -> None:
        """Take one committed batch, in order."""
        asked: Members = {}
        run: list[Outcome] = []
        alone = len(outcomes) == 1
        for outcome in outcomes:
            connection = outcome.submission.ticket.connection if outcome.submission is not None else None
            if connection is not None:
                asked[connection] = None
            if outcome.verdict is Verdict.STORED and type(outcome.records[0].event) is Posted:
                run.append(outcome)
            else:
                self._deliver_run(run, alone=alone)
                run = []
                self._deliver_other(outcome, connection)
        self._deliver_run(run, alone=alone)
        for connection in asked:
            connection.advance()
        # Batches that were committed while the last fan-out ran leave together: one write each, not one a batch.
        self._wake()

    def _deliver_run(self, run: list[Outcome], *, alone: bool) -> None:
        """Deliver messages with nothing between them: joined by conversation, order kept inside each."""
        by_stream: dict[str, list[Outcome]] = {}
        for outcome in run:
            by_stream.setdefault(outcome.records[0].stream, []).append(outcome)
        for stream, outcomes in by_stream.items():
            lines = [Posting(outcome, self.world) for outcome in outcomes]
            if stream[0] == "c":
                groups = self.audiences.groups(stream[2:])
                # One changes as much as all of them, unless it counts who posts when.
                is_slow = self.world.directory.channels[stream[2:]].slow
                for outcome in outcomes if is_slow else outcomes[:1]:
                    self.world.directory.apply_record(outcome.records[0])
                self._deliver_lines(groups, lines, alone=alone)
            else:
                self._deliver_direct(stream, lines, alone=alone)

    def _deliver_direct(self, stream: str, lines: list[Posting], *, alone: bool) -> None:
        """Deliver lines of a direct conversation; writer by writer where one of the two is not to hear the other."""
        one, other = parties(stream)
        self._partners.note(one, other)
        if self._reaches(one, other) and self._reaches(other, one):
            self._deliver_lines(self._direct_groups(stream, {line.event.account for line in lines}), lines, alone=alone)
            return
        for writer, some in groupby(lines, key=lambda line: line.event.account):
            self._deliver_lines(self._direct_groups(stream, {writer}), list(some), alone=alone)

    def _reaches(self, writer: str, reader: str) -> bool:
        return policy.reaches(self.world.account(reader), writer)

    def _deliver_lines(self, groups: dict[int, Members], lines: list[Posting], *, alone: bool) -> None:
        """Deliver lines of one conversation; what was committed `alone` leaves at once: nothing would share its write."""
        origins = {line.connection: None for line in lines if line.connection is not None}
        self.messages += len(lines)
        for variant, members in groups.items():
            self.deliveries += len(lines) * len(members)
            payload = b"".join([line.posted.for_variant(variant) for line in lines])
            if variant & FOLLOWED:
                tell_followers(members, origins, lines, payload, at_once=alone)
            else:
                tell_members(members, origins, payload, at_once=alone)
            if not alone:
                self._dirty |= members
        for connection in origins:
            self._deliver_own(connection, lines, hears=connection in groups.get(connection.variant, ()))
        # Last: everybody who hears the channel has been written all of it.
        if (last := lines[-1].record).stream[0] == "c":
            self.audiences.newest[last.stream] = last.seq
        for line in lines:
            if line.connection is None and line.ticket is not None:
                line.ticket.landed(line.outcome, [], None)

    def _deliver_own(self, connection: Connection, lines: list[Posting], *, hears: bool) -> None:
        """Deliver to a connection that wrote some of the lines: its own come as echo, with its label."""
        for line in lines:
            if line.connection is connection:
                self._echo(connection, line)
                # IRCv3 labeled-response: who writes to itself gets the echo, and apart from it the message.
                if line.is_to_oneself:
                    connection.transport.write_live(line.posted.for_variant(connection.variant))
                if connection.follower is not None:
                    connection.follower.pass_over(line.record)
            elif hears and connection.follower is not None:
                connection.follower.hear_each([line])
            elif hears:
                connection.transport.write_live(line.posted.for_variant(connection.variant))
        self._dirty[connection] = None

    def _echo(self, connection: Connection, line: Posting) -> None:
        """Acknowledge a line to the connection that wrote it: by the bytes that all others get, unless it has a label."""
        assert line.ticket is not None
        echo: list[Message] = []
        if connection.session.caps & ECHO_MESSAGE:
            if line.ticket.is_labelled:
                echo = render.messages(line.record, self.world, connection.session.caps)
            else:
                connection.transport.write(line.posted.for_variant(connection.variant))
        line.ticket.landed(line.outcome, echo, None)

    def _direct_groups(self, stream: str, writers: set[str]) -> dict[int, Members]:
        """Return who hears a direct conversation: both parties, the writer's other devices if they know echoes.

        Lines of both parties in one batch are told to a device without echo-message from both: it is rare, harmless
        and keeps the batch in one piece.
        """
        groups: dict[int, Members] = {}
        one, other = parties(stream)
        for account in dict.fromkeys((one, other)):
            if not all(self._reaches(writer, account) for writer in writers):
                continue
            only_writes = writers == {account} and one != other
            for connection in self.audiences.ready(account):
                if not only_writes or connection.session.caps & ECHO_MESSAGE:
                    groups.setdefault(connection.variant, {})[connection] = None
        return groups

    def _deliver_other(self, outcome: Outcome, origin: Connection | None) -> None:
        due: list[Message] = []
        lazy: list[Iterable[Message]] = []
        if outcome.verdict is Verdict.STORED:
            for record in outcome.records:
                self.absences.monitoring.foresee(record)
                self.world.directory.apply_record(record)
                if record.stream == SERVER:
                    for observe in self.observers:
                        observe(record)
                else:
                    due += self._announce(record, origin)
                if origin is not None and self._announcer.is_shown_in(record, origin):
                    lazy.append(self._announcer.entry_lines(record, origin))
        elif outcome.verdict is Verdict.REPEATED and origin is not None and origin.session.caps & ECHO_MESSAGE:
            due += render.messages(outcome.records[0], self.world, origin.session.caps)
        if outcome.submission is not None:
            outcome.submission.ticket.landed(outcome, due, chain.from_iterable(lazy) if lazy else None)
        # Last, so that who asked for it has the answer before the last words.
        for record in outcome.records if outcome.verdict is Verdict.STORED else ():
            if record.stream[0] == "a":
                self._revoke(record, origin)

    # ── records that are no messages ──

    def _announce(self, record: Record, origin: Connection | None) -> list[Message]:
        """Tell everybody who is to know of a record; return how its asker sees it."""
        event = record.event
        if isinstance(event, Renamed):
            own = self._tell(record, self._acquainted_with(record.stream[2:]), origin)
            self._announcer.tell_identity(record, event)
            return own
        if record.stream[0] == "a":
            return self._profiles.tell(record, origin)
        if isinstance(event, Redacted | Reacted | Unreacted):
            return self._tell(record, remark_audience(record, self._groups_of(record), origin), origin)
        channel_id = record.stream[2:]
        if isinstance(event, Created):
            return []
        if isinstance(event, Dropped):
            self._announcer.tell_removal(record)
            self.expiries.follow(channel_id)
            return []
        if isinstance(event, ChannelRenamed):
            return self._announcer.tell_rename(record, event, origin)
        if isinstance(event, Joined):
            return self._announce_join(record, event, origin)
        if isinstance(event, Invited):
            return self._tell(record, self._announcer.invitation_audience(record, event), origin)
        if isinstance(event, BanSet | BanLifted):
            self.expiries.follow(channel_id)
        own = self._tell(record, self.audiences.of_channel(channel_id), origin)
        if isinstance(event, Left | Kicked):
            for connection in self.audiences.ready(event.account):
                self.audiences.exit(channel_id, connection)
        return own

    def _groups_of(self, record: Record) -> dict[int, Members]:
        """Return who hears the conversation of a record, by variant; not to be changed."""
        if record.stream[0] == "c":
            return self.audiences.groups(record.stream[2:])
        return self._direct_groups(record.stream, {render.actor_of(record)})

    def _acquainted_with(self, account: str) -> Members:
        """Return whom a new name concerns: the account's own, who shares a channel, who talked with it directly."""
        audience = dict(self.audiences.ready(account))
        for channel in self.world.directory.channels_of(account):
            audience |= self.audiences.of_channel(channel.id)
        for partner in self._partners.of(account):
            audience |= self.audiences.ready(partner)
        return audience

    def _announce_join(self, record: Record, event: Joined, origin: Connection | None) -> list[Message]:
        channel = self.world.directory.channels[record.stream[2:]]
        others = self.audiences.of_channel(channel.id)
        newcomers = dict(self.audiences.ready(event.account))
        for connection in newcomers:
            self.audiences.enter(channel.id, connection)
        own = self._tell(record, others | newcomers, origin)
        for connection in newcomers:
            if connection is not origin:
                connection.produce(self._announcer.entry_lines(record, connection))
        away = self.world.presence.away(event.account)
        if away is not None:
            # IRCv3 away-notify: who joins while away is announced as such.
            self.absences.tell(event.account, away, others)
        self._profiles.introduce(event.account, others)
        return own

    def _tell(self, record: Record, audience: Members, origin: Connection | None) -> list[Message]:
        encoded: dict[int, bytes] = {}
        for connection in audience:
            variant = connection.variant
            if variant not in encoded:
                encoded[variant] = render.encoded(record, self.world, variant)
            if connection is not origin:
                connection.transport.write_live(encoded[variant])
        self._dirty |= audience
        if origin is None or origin not in audience:
            return []
        line = render.message(record, self.world, origin.session.caps)
        return [] if line is None else [line]

    def _revoke(self, record: Record, origin: Connection | None) -> None:
        account = record.stream[2:]
        for connection in list(self.audiences.signed(account)):
            if not policy.survives(record, connection.session.device, connection is origin):
                is_deleted = isinstance(record.event, Deleted)
                connection.revoke("your account was deleted" if is_deleted else "your sign-in was revoked")

    # ── signals ──

    def pass_on(self, signal: TagsSent | Alarm | BotMarked | Watched, origin: Connection) -> None:
        """Tell whom it concerns what nothing keeps."""
        if isinstance(signal, TagsSent):
            self.pass_tags(signal, origin)
        elif isinstance(signal, BotMarked):
            self.world.attendance.mark_bot(signal.account, on=signal.on)
        elif isinstance(signal, Watched):
            self.absences.monitoring.follow(origin, signal)
        else:
            self._announcer.raise_alarm(signal)
            self._wake()

    def pass_tags(self, sent: TagsSent, origin: Connection) -> None:
        """Tell a conversation's listeners of tags sent without a text; the sender's own connection has its echo.

        Who sends them to itself gets them beside the echo. (IRCv3 labeled-response)
        """
        is_to_oneself = sent.stream[0] == "d" and len(set(parties(sent.stream))) == 1
        if sent.stream[0] == "c":
            groups = self.audiences.groups(sent.stream[2:])
        else:
            groups = self._direct_groups(sent.stream, {sent.account})
        for variant, members in groups.items():
            if variant & MESSAGE_TAGS:
                line = encode(render.tag_message(sent, self.world, variant))
                for connection in members:
                    if connection is not origin or is_to_oneself:
                        connection.transport.write_live(line)
                self._dirty |= members
        self._wake()

    def announce_absence(self, change: PresenceChanged) -> None:
        """Tell whom it concerns that an account came, went, went away or came back. (IRCv3 away-notify, monitor)"""
        self.absences.announce(change)
        self._wake()

    # ── leaving for the wire ──

    def touch(self, connection: Connection) -> None:
        """Note that something waits for a connection: it leaves in one write at the end of this turn of the loop."""
        self._dirty[connection] = None
        self._wake()

    def flush(self) -> None:
        """Send what waits, one TLS write a connection."""
        dirty, self._dirty = self._dirty, {}
        for connection in dirty:
            connection.transport.flush()


_NOTHING = Message("*")

"""Fan-out: what was committed is applied to the state, encoded once a variant, and queued to everybody who may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING

from securechat.chat import policy, render
from securechat.chat.ask import Ask
from securechat.chat.events import (
    Created,
    Deleted,
    Dropped,
    Invited,
    Joined,
    Kicked,
    Left,
    Posted,
    Record,
    Renamed,
    parties,
)
from securechat.chat.ports import ChannelState, Outcome, Verdict
from securechat.chat.presence import AwayChanged
from securechat.chat.replies import entry_lines
from securechat.chat.signals import TagsSent
from securechat.chat.world import World
from securechat.server.partners import Partners
from securechat.server.posting import Posting
from securechat.server.transport import Transport
from securechat.wire.capabilities import AWAY_NOTIFY, ECHO_MESSAGE, MESSAGE_TAGS
from securechat.wire.message import Message, encode

if TYPE_CHECKING:
    from securechat.server.connection import Connection

Members = dict["Connection", None]
"""Connections in a fixed order: a set would hand lines out in another order every time."""


class Hub:
    """Who listens to what on this node.

    wake: schedules one `flush` for this turn of the loop.
    """

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self.world = world
        self._wake = wake
        self._audiences: dict[str, dict[int, Members]] = {}
        self._signed: dict[str, Members] = {}
        self._ready: dict[str, Members] = {}
        self._watchers: Members = {}
        self._partners = Partners()
        self._dirty: Members = {}

    # ── connections coming and going ──

    def sign_in(self, connection: Connection) -> None:
        """Note whose a connection is, from the moment its credentials were accepted: it can be revoked."""
        self._signed.setdefault(connection.session.account, {})[connection] = None

    def arrive(self, connection: Connection) -> Iterator[Message]:
        """Let a welcomed connection into its account's channels.

        Yields the lines that show it each channel; it hears a channel from the moment its JOIN is drawn.
        """
        account = connection.session.account
        self._ready.setdefault(account, {})[connection] = None
        self._note_watching(connection)
        for channel in self.world.directory.channels_of(account):
            # Drawn late, it may find that the membership has ended, or has begun again and was shown then.
            is_here = account in channel.members and connection in self._ready.get(account, ())
            if is_here and not self._hears(channel.id, connection):
                self._enter(channel, connection)
                yield self._join_line(channel, connection)
                yield from entry_lines(Ask(connection.session, _NOTHING, self.world), channel)

    def depart(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        account = connection.session.account
        for index in (self._signed, self._ready):
            members = index.get(account)
            if members is not None:
                members.pop(connection, None)
                if not members:
                    del index[account]
        for channel in self.world.directory.channels_of(account):
            self._exit(channel.id, connection)
        self._watchers.pop(connection, None)
        self._dirty.pop(connection, None)

    def recast(self, connection: Connection, variant: int) -> None:
        """Move a connection whose capabilities changed to the group that gets its `variant`."""
        self._note_watching(connection)
        if variant == connection.variant:
            return
        for channel in self.world.directory.channels_of(connection.session.account):
            if self._exit(channel.id, connection):
                self._enter(channel, connection, variant)
        connection.variant = variant

    def _note_watching(self, connection: Connection) -> None:
        if connection.session.caps & AWAY_NOTIFY:
            self._watchers[connection] = None
        else:
            self._watchers.pop(connection, None)

    def _enter(self, channel: ChannelState, connection: Connection, variant: int | None = None) -> None:
        variant = connection.variant if variant is None else variant
        self._audiences.setdefault(channel.id, {}).setdefault(variant, {})[connection] = None

    def _hears(self, channel_id: str, connection: Connection) -> bool:
        return connection in self._audiences.get(channel_id, {}).get(connection.variant, ())

    def _exit(self, channel_id: str, connection: Connection) -> bool:
        groups = self._audiences.get(channel_id, {})
        members = groups.get(connection.variant)
        if members is None or connection not in members:
            return False
        del members[connection]
        if not members:
            del groups[connection.variant]
        return True

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
                groups = self._audiences.get(stream[2:], {})
                self.world.directory.apply_record(outcomes[0].records[0])
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
        deliver = Transport.send_live if alone else Transport.write_live
        for variant, members in groups.items():
            payload = b"".join([line.posted.for_variant(variant) for line in lines])
            for connection in members:
                if connection not in origins:
                    deliver(connection.transport, payload)
            if not alone:
                self._dirty |= members
        for connection in origins:
            self._deliver_own(connection, lines, hears=connection in groups.get(connection.variant, ()))
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
            elif hears:
                connection.transport.write_live(line.posted.for_variant(connection.variant))
        self._dirty[connection] = None

    def _echo(self, connection: Connection, line: Posting) -> None:
        """Acknowledge a line to the connection that wrote it: by the bytes that all others get, unless it has a label."""
        assert line.ticket is not None
        echo = None
        if connection.session.caps & ECHO_MESSAGE:
            if line.ticket.is_labelled:
                echo = render.message(line.record, self.world, connection.session.caps)
            else:
                connection.transport.write(line.posted.for_variant(connection.variant))
        line.ticket.landed(line.outcome, _present(echo), None)

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
            for connection in self._ready.get(account, ()):
                if not only_writes or connection.session.caps & ECHO_MESSAGE:
                    groups.setdefault(connection.variant, {})[connection] = None
        return groups

    def _deliver_other(self, outcome: Outcome, origin: Connection | None) -> None:
        due: list[Message] = []
        lazy: list[Iterable[Message]] = []
        if outcome.verdict is Verdict.STORED:
            for record in outcome.records:
                self.world.directory.apply_record(record)
                due += self._announce(record, origin)
                if isinstance(record.event, Joined) and origin is not None:
                    lazy.append(self._entry_lines(record, origin))
        elif outcome.verdict is Verdict.REPEATED and origin is not None and origin.session.caps & ECHO_MESSAGE:
            due += _present(render.message(outcome.records[0], self.world, origin.session.caps))
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
            return self._tell(record, self._acquainted_with(record.stream[2:]), origin)
        if record.stream[0] == "a":
            return []
        channel_id = record.stream[2:]
        if isinstance(event, Created):
            self._audiences[channel_id] = {}
            return []
        if isinstance(event, Dropped):
            self._tell_removal(record)
            return []
        if isinstance(event, Joined):
            return self._announce_join(record, event, origin)
        if isinstance(event, Invited):
            invited = self._ready.get(event.account, {}) if self._reaches(event.by, event.account) else {}
            return self._tell(record, invited, origin)
        own = self._tell(record, self._audience_of(channel_id), origin)
        if isinstance(event, Left | Kicked):
            for connection in self._ready.get(event.account, ()):
                self._exit(channel_id, connection)
        return own

    def _acquainted_with(self, account: str) -> Members:
        """Return whom a new name concerns: the account's own, who shares a channel, who talked with it directly."""
        audience = dict(self._ready.get(account, {}))
        for channel in self.world.directory.channels_of(account):
            audience |= self._audience_of(channel.id)
        for partner in self._partners.of(account):
            audience |= self._ready.get(partner, {})
        return audience

    def _tell_removal(self, record: Record) -> None:
        for variant, members in self._audiences.pop(record.stream[2:], {}).items():
            for connection in members:
                line = render.removal(record, self.world, connection.session.account, variant)
                connection.transport.write_live(encode(line))
            self._dirty |= members

    def _announce_join(self, record: Record, event: Joined, origin: Connection | None) -> list[Message]:
        channel = self.world.directory.channels[record.stream[2:]]
        others = self._audience_of(channel.id)
        newcomers = dict(self._ready.get(event.account, {}))
        for connection in newcomers:
            self._enter(channel, connection)
        own = self._tell(record, others | newcomers, origin)
        for connection in newcomers:
            if connection is not origin:
                connection.produce(self._entry_lines(record, connection))
        away = self.world.presence.away(event.account)
        if away is not None and newcomers:
            # IRCv3 away-notify: who joins while away is announced as such.
            self._tell_absence(event.account, away, others)
        return own

    def _entry_lines(self, record: Record, connection: Connection) -> Iterator[Message]:
        channel = self.world.directory.channels[record.stream[2:]]
        return entry_lines(Ask(connection.session, _NOTHING, self.world), channel)

    def _audience_of(self, channel_id: str) -> Members:
        groups = self._audiences.get(channel_id, {})
        return {connection: None for members in groups.values() for connection in members}

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
        return _present(render.message(record, self.world, origin.session.caps))

    def _revoke(self, record: Record, origin: Connection | None) -> None:
        account = record.stream[2:]
        for connection in list(self._signed.get(account, ())):
            if not policy.survives(record, connection.session.device, connection is origin):
                is_deleted = isinstance(record.event, Deleted)
                connection.revoke("your account was deleted" if is_deleted else "your sign-in was revoked")

    # ── signals ──

    def pass_tags(self, sent: TagsSent, origin: Connection) -> None:
        """Tell a conversation's listeners of tags sent without a text; the sender's own connection has its echo."""
        if sent.stream[0] == "c":
            groups = self._audiences.get(sent.stream[2:], {})
        else:
            groups = self._direct_groups(sent.stream, {sent.account})
        for variant, members in groups.items():
            if variant & MESSAGE_TAGS:
                line = encode(render.tag_message(sent, self.world, variant))
                for connection in members:
                    if connection is not origin:
                        connection.transport.write_live(line)
                self._dirty |= members
        self._wake()

    def announce_absence(self, change: AwayChanged) -> None:
        """Tell the acquaintances of an account that it went away or came back. (IRCv3 away-notify)"""
        knows = self.world.directory.are_acquainted
        audience = [each for each in self._watchers if knows(change.account, each.session.account)]
        self._tell_absence(change.account, change.text, audience)
        self._wake()

    def _tell_absence(self, account: str, text: str | None, audience: Iterable[Connection]) -> None:
        now = self.world.clock()
        encoded: dict[int, bytes] = {}
        for connection in audience:
            if connection.session.caps & AWAY_NOTIFY:
                variant = connection.variant
                if variant not in encoded:
                    encoded[variant] = encode(render.away_message(self.world, account, text, now, variant))
                connection.transport.write_live(encoded[variant])
                self._dirty[connection] = None

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


def _present(line: Message | None) -> list[Message]:
    return [] if line is None else [line]


_NOTHING = Message("*")

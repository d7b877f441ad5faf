"""Who may do what. Each question is one function; nobody else decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from securechat.chat.bans import is_banned, is_silenced, needs_no_invitation
from securechat.chat.channel import holds, role_of
from securechat.chat.events import (
    KEEP_ALL_DEVICES,
    OPERATOR,
    OWNER,
    PLAIN,
    Deleted,
    DeviceRevoked,
    Disabled,
    PasswordSet,
    Record,
)
from securechat.chat.ports import AccountState, ChannelState, Reactions
from securechat.chat.world import REACTION_CHANGES, REACTIONS_PER_MESSAGE
from securechat.config import Chat
from securechat.wire import numerics


class Span(NamedTuple):
    """Records `first` to `last` of a stream, both included; `last` None means: and everything after.

    author: an account id: only what that account wrote; empty: whoever wrote it.
    """

    first: int
    last: int | None = None
    author: str = ""


class Access(NamedTuple):
    """The facts on which reading is judged, for one account and one conversation.

    member: the account is a member now (or one of the two of a direct conversation).
    spans: when it was a member: from its Joined to its Left or Kicked. A direct conversation: everything.
    closed: when the channel was not open to all: from the record that closed it to the last before it was opened.
    silenced: when `viewer`, one of the two of a direct conversation, ignored the other.
    """

    member: bool
    spans: tuple[Span, ...] = ()
    closed: tuple[Span, ...] = ()
    silenced: tuple[Span, ...] = ()
    viewer: str = ""


CLOSING_MODES = frozenset("is")
MAX_AHEAD = 1000
"""Milliseconds by which the times of a stream's records may be ahead of the clock at most."""
"""Flags that close a channel; a key closes it too."""


def is_open(modes: str, key: str) -> bool:
    """Tell whether a channel is open to all: anybody could have come in and listened."""
    return not key and CLOSING_MODES.isdisjoint(modes)


def readable(access: Access) -> tuple[Span, ...]:
    """Return the spans an account may read: while it was a member, and while the channel was open to all.

    Of a direct conversation everything, but while it ignored the other only its own part. Nothing for who is not a
    member now. Spans are in order and do not overlap.
    """
    if not access.member:
        return ()
    if access.silenced:
        own = [Span(first, last, access.viewer) for first, last, _ in access.silenced]
        return tuple(sorted([*_outside(access.silenced), *own], key=lambda span: span.first))
    return _merge([*_outside(access.closed), *access.spans])


def may_read(access: Access, record: Record) -> bool:
    """Tell whether a record may be shown: history, replay, search and look-ups by msgid all ask this."""
    return any(
        first <= record.seq and (last is None or record.seq <= last) and author in ("", _author_of(record))
        for first, last, author in readable(access)
    )


def _author_of(record: Record) -> str:
    return str(getattr(record.event, "account", "") or getattr(record.event, "by", ""))


def _outside(spans: tuple[Span, ...]) -> Iterator[Span]:
    start = 1
    for span in sorted(spans, key=lambda span: span.first):
        if span.first > start:
            yield Span(start, span.first - 1)
        if span.last is None:
            return
        start = span.last + 1
    yield Span(start)


def _merge(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.first):
        before = merged[-1] if merged else None
        if before is None or (before.last is not None and span.first > before.last + 1):
            merged.append(span)
        elif before.last is not None:
            merged[-1] = Span(before.first, None if span.last is None else max(before.last, span.last))
    return tuple(merged)


def obstacle_to_redacting(
    channel: ChannelState | None, account_id: str, record: Record, age: int, window: int
) -> str | None:
    """Return the code of the FAIL that says why an account may not redact a record, or None when it may.

    Operators redact anybody's in their channel, everybody their own for some time.

    channel: where it was said, None for a direct conversation. age: of the record; window: what it may be (ms).
    """
    if channel is not None and holds(channel, account_id, OPERATOR):
        return None
    if _author_of(record) != account_id:
        return "REDACT_FORBIDDEN"
    return None if age < window else "REDACT_WINDOW_EXPIRED"


def reaches(reader: AccountState, writer: str) -> bool:
    """Tell whether what an account (id) says directly to another is told to it: messages, tags and invitations."""
    return writer not in reader.ignored


def may_create_channel(config: Chat, account: AccountState) -> bool:
    """Tell whether an account may bring a new channel into being."""
    return config.create_channels == "members" or account.role == "admin"


def may_look_into(channel: ChannelState, account_id: str) -> bool:
    """Tell whether an account may see who is in a channel and what it is about: members, and all if it is open."""
    return account_id in channel.members or is_open(channel.modes, channel.key)


def obstacle_to_joining(channel: ChannelState, account: AccountState, key: str) -> str | None:
    """Return the numeric that says why an account may not join, or None when it may.

    An invitation, or the list I, opens an invite-only channel; it lifts neither a ban nor a key. Who ran the channel
    when it left comes back unless it was banned: otherwise a closed channel that everybody has left would be closed
    for ever.
    """
    if is_banned(channel, account):
        return numerics.ERR_BANNEDFROMCHAN
    if channel.former_roles.get(account.id) in (OPERATOR, OWNER):
        return None
    if "i" in channel.modes and account.id not in channel.invited and not needs_no_invitation(channel, account):
        return numerics.ERR_INVITEONLYCHAN
    if channel.key and key != channel.key:
        return numerics.ERR_BADCHANNELKEY
    if channel.limit and len(channel.members) >= channel.limit:
        return numerics.ERR_CHANNELISFULL
    return None


def may_post(channel: ChannelState, account: AccountState) -> bool:
    """Tell whether an account may post: +n keeps strangers out, +m and bans silence who has no voice."""
    role = role_of(channel, account.id)
    if role is None and "n" in channel.modes:
        return False
    if role:
        return True
    return "m" not in channel.modes and not is_silenced(channel, account)


def milliseconds_to_wait(channel: ChannelState, account_id: str, now: int) -> int:
    """Return how long slow mode has an account wait until it may post, 0 for not at all; `now` in ms since 1970.

    Operators, owners and the voiced do not wait; whoever has not posted since the channel is slow does not yet.
    """
    last = channel.spoken.get(account_id)
    # Further ahead than records ever run: the clock was set back since, and nobody is to wait for that.
    if last is None or last - now > MAX_AHEAD or role_of(channel, account_id):
        return 0
    return max(0, last + channel.slow * 1000 - now)


def may_set_topic(channel: ChannelState, account_id: str) -> bool:
    """Tell whether a member may set the topic: with +t operators only."""
    return holds(channel, account_id, OPERATOR if "t" in channel.modes else PLAIN)


def may_invite(channel: ChannelState, account_id: str) -> bool:
    """Tell whether a member may invite: into a closed channel operators only."""
    return holds(channel, account_id, PLAIN if is_open(channel.modes, channel.key) else OPERATOR)


def may_kick(channel: ChannelState, account_id: str, victim: str) -> bool:
    """Tell whether a member may remove another: operators, and nobody above them."""
    return holds(channel, account_id, OPERATOR) and holds(channel, account_id, role_of(channel, victim) or PLAIN)


def may_set_modes(channel: ChannelState, account_id: str) -> bool:
    """Tell whether a member may change flags, key, limit, slow mode and the lists of masks."""
    return holds(channel, account_id, OPERATOR)


def may_rename_channel(channel: ChannelState, account_id: str) -> bool:
    """Tell whether a member may give the channel another name: operators."""
    return holds(channel, account_id, OPERATOR)


def may_administer(account: AccountState) -> bool:
    """Tell whether an account has rights over everybody on the server: KILL, WALLOPS."""
    return account.role == "admin"


def may_set_role(channel: ChannelState, account_id: str, role: str, was: str) -> bool:
    """Tell whether a member may change somebody's role: operators, neither from nor to a role above their own."""
    return holds(channel, account_id, OPERATOR) and all(holds(channel, account_id, each) for each in (role, was))


def survives(record: Record, device: str, asked_for_it: bool) -> bool:
    """Tell whether a session may go on after a record of its account.

    device: the device id whose token signed the session in, "" for a password.
    asked_for_it: the record is the session's own doing.
    """
    event = record.event
    if isinstance(event, Disabled | Deleted):
        return False
    if isinstance(event, DeviceRevoked):
        return event.device != device
    if isinstance(event, PasswordSet):
        return asked_for_it or (device != "" and event.kept in (device, KEEP_ALL_DEVICES))
    return True


def may_react_again(reactions: Reactions) -> bool:
    """Tell whether who has reacted to a message like this may give it one more reaction."""
    return len(reactions.standing) < REACTIONS_PER_MESSAGE and reactions.changes < REACTION_CHANGES

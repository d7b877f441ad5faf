"""A channel changes only here, by applying the records of its stream; and questions about its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from securechat.chat.event import Event
from securechat.chat.events import (
    OWNER,
    PLAIN,
    ROLE_RANK,
    BanLifted,
    BanSet,
    ChannelRenamed,
    Created,
    Dropped,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    Posted,
    Record,
    RetentionSet,
    RoleSet,
    TopicSet,
)
from securechat.chat.ports import BanState, ChannelState, MemberState
from securechat.wire.names import fold

PREFIX_OF_ROLE = {"q": "~", "o": "@", "v": "+", PLAIN: ""}
FORMER_NAMES = 10
"""Names that stay a renamed channel's own."""


def found_channel(channel_id: str, record: Record) -> ChannelState:
    """Return the channel that a Created record brings into being."""
    event = record.event
    assert isinstance(event, Created)
    return ChannelState(id=channel_id, name=event.name, created=record.time, modes="".join(sorted(event.modes)))


def apply_record(channel: ChannelState, record: Record) -> None:
    """Fold one record of the channel's stream into its state."""
    change = _FOLDS.get(type(record.event))
    if change is not None:
        change(channel, record, record.event)
    if record.event.restricts:
        channel.epoch += 1


def _posted(channel: ChannelState, record: Record, event: Posted) -> None:
    channel.written = True
    if channel.slow:
        channel.spoken[event.account] = record.time


def _renamed(channel: ChannelState, record: Record, event: ChannelRenamed) -> None:
    channel.former_names = names_after(channel.former_names, event)
    channel.name = event.name
    if fold(event.name) != fold(event.was):
        channel.renamed = record.time


def names_after(former_names: list[str], event: ChannelRenamed) -> list[str]:
    """Return the former names that are a channel's own once it is renamed, oldest first."""
    ours = (fold(event.name), fold(event.was))
    others = [name for name in former_names if fold(name) not in ours]
    return [*others, *([event.was] if ours[0] != ours[1] else [])][-FORMER_NAMES:]


def _joined(channel: ChannelState, record: Record, event: Joined) -> None:
    channel.members[event.account] = MemberState(role=event.role, since=record.seq)
    channel.former_roles.pop(event.account, None)
    channel.invited.discard(event.account)


def _left(channel: ChannelState, _record: Record, event: Left) -> None:
    channel.members.pop(event.account, None)
    if event.role:
        channel.former_roles[event.account] = event.role


def _kicked(channel: ChannelState, _record: Record, event: Kicked) -> None:
    channel.members.pop(event.account, None)
    channel.former_roles.pop(event.account, None)


def _invited(channel: ChannelState, _record: Record, event: Invited) -> None:
    channel.invited.add(event.account)


def _topic_set(channel: ChannelState, record: Record, event: TopicSet) -> None:
    channel.topic, channel.topic_by, channel.topic_time = event.text, event.by, record.time


def _role_set(channel: ChannelState, _record: Record, event: RoleSet) -> None:
    channel.members[event.account].role = event.role


def _mode_set(channel: ChannelState, _record: Record, event: ModeSet) -> None:
    channel.modes = "".join(sorted((set(channel.modes) | set(event.on)) - set(event.off)))
    if event.key is not None:
        channel.key = event.key
    if event.limit is not None:
        channel.limit = event.limit
    if event.slow is not None:
        channel.slow = event.slow
        if not event.slow:
            channel.spoken.clear()


def _ban_set(channel: ChannelState, record: Record, event: BanSet) -> None:
    masks = masks_of(channel, event.kind)
    masks[event.mask] = BanState(mask=event.mask, by=event.by, time=record.time, until=event.until)


def _ban_lifted(channel: ChannelState, _record: Record, event: BanLifted) -> None:
    masks_of(channel, event.kind).pop(event.mask, None)


def _retention_set(channel: ChannelState, _record: Record, event: RetentionSet) -> None:
    channel.retention = event.days


_FOLDS: dict[type, Callable[[ChannelState, Record, Any], None]] = {
    Posted: _posted,
    ChannelRenamed: _renamed,
    Joined: _joined,
    Left: _left,
    Kicked: _kicked,
    Invited: _invited,
    TopicSet: _topic_set,
    RoleSet: _role_set,
    ModeSet: _mode_set,
    BanSet: _ban_set,
    BanLifted: _ban_lifted,
    RetentionSet: _retention_set,
}


def masks_of(channel: ChannelState, kind: str) -> dict[str, BanState]:
    """Return one of a channel's lists of masks: `b`, `e` or `I`."""
    return {"b": channel.bans, "e": channel.exceptions, "I": channel.invitations}[kind]


def role_of(channel: ChannelState, account: str) -> str | None:
    """Return a member's role, or None for who is no member."""
    member = channel.members.get(account)
    return None if member is None else member.role


def holds(channel: ChannelState, account: str, role: str) -> bool:
    """Tell whether a member holds `role` or a higher one."""
    held = role_of(channel, account)
    return held is not None and ROLE_RANK[held] >= ROLE_RANK[role]


def count_owned(channels: Iterable[ChannelState], account: str) -> int:
    """Count the channels an account owns, or would own as soon as it came back."""
    return sum(role_of(channel, account) == OWNER or channel.former_roles.get(account) == OWNER for channel in channels)


def heir_of(channel: ChannelState, leaver: str) -> str | None:
    """Return who becomes owner when `leaver` goes, or None when there is another owner or nobody left.

    The longest-standing of the operators, else of the voiced, else of all.
    """
    if role_of(channel, leaver) != OWNER:
        return None
    others = [(account, member) for account, member in channel.members.items() if account != leaver]
    if any(member.role == OWNER for _, member in others):
        return None
    others.sort(key=lambda pair: (-ROLE_RANK[pair[1].role], pair[1].since))
    return others[0][0] if others else None


def consequences_of_going(channel: ChannelState, account: str) -> Iterator[Event]:
    """Yield what follows from a member's going: somebody inherits, or a channel that nobody wrote to disappears."""
    heir = heir_of(channel, account)
    if heir is not None:
        yield RoleSet(heir, role=OWNER, was=channel.members[heir].role)
    if len(channel.members) == 1 and not channel.written:
        yield Dropped()


def role_on_joining(channel: ChannelState, account: str) -> str:
    """Return the role an account holds when it joins: what it held before, or owner of a channel nobody is in."""
    return channel.former_roles.get(account, PLAIN) if channel.members else OWNER

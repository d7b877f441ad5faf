"""What administrators do to accounts and channels, as appends: the same whether a server or the admin tool does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from securechat.chat.bans import follow_rename
from securechat.chat.channel import consequences_of_going, role_of, role_on_joining
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Entry
from securechat.chat.event import Event
from securechat.chat.events import (
    OPERATOR,
    OWNER,
    PLAIN,
    VOICE,
    Created,
    Deleted,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Dropped,
    Enabled,
    Joined,
    Left,
    PasswordSet,
    Registered,
    Renamed,
    RetentionSet,
    RoleChanged,
    RoleSet,
    TopicSet,
)
from securechat.chat.ports import AccountState, ChannelState
from securechat.chat.streams import account_stream, channel_stream
from securechat.chat.world import World
from securechat.errors import SecurechatError
from securechat.wire.names import fold, is_account_name, is_channel_name, is_device_name, is_reserved, skeleton

ROLES = ("member", "admin", "bot")
CHANNEL_ROLES = {"owner": OWNER, "operator": OPERATOR, "voice": VOICE, "member": PLAIN}
"""Roles in a channel, as they are called, by letter."""


LONGEST_RETENTION = 36500
"""Days: a hundred years."""


class Impossible(SecurechatError):
    """What an administrator asked for cannot be done; the text says why."""


class NewAccount(msgspec.Struct, frozen=True):
    """An account to be made: with a password's verifier, a first device's token digest, or both."""

    name: str
    role: str = "member"
    verifier: str = ""
    device_label: str = ""
    digest: str = ""


def find_account(world: World, name: str) -> AccountState:
    """Return the account of that name.

    Raises: Impossible.
    """
    account = world.directory.account_named(name)
    if account is None:
        raise Impossible(f"there is no account {name!r}")
    return account


def find_channel(world: World, name: str) -> ChannelState:
    """Return the channel of that name.

    Raises: Impossible.
    """
    channel = world.directory.channel_named(name)
    if channel is None:
        raise Impossible(f"there is no channel {name!r}")
    return channel


def fault_of_name(world: World, name: str, bearer: AccountState | None = None) -> str | None:
    """Return why no account of that name can be made, or `bearer` cannot be given it; None when it can be done."""
    if not is_account_name(name):
        return f"{name!r} cannot be a name: a letter, then up to 31 letters, digits, - or _"
    if is_reserved(name):
        return f"{name!r} is reserved for services"
    other = world.directory.account_resembling(name)
    if other is None or other is bearer:
        return None
    if other.name == name:
        return f"there is an account {name!r} already"
    if skeleton(other.name) == skeleton(name):
        return f"{name!r} could be mistaken for {other.name!r}, which exists"
    return f"{name!r} is, or could be mistaken for, a name that {other.name!r} had; it stays reserved"


def add_accounts(world: World, accounts: Sequence[NewAccount], channels: Sequence[str] = ()) -> Append:
    """Make accounts, all or none, and put them into the default channels as far as those have room.

    channels: names of others that they are put into.
    Raises: Impossible, naming the first that cannot be made.
    """
    entries: list[Entry] = []
    ids: list[str] = []
    seen: dict[str, str] = {}
    for account in accounts:
        fault = fault_of_name(world, account.name)
        other = seen.get(skeleton(account.name))
        seen[skeleton(account.name)] = account.name
        if fault is None and account.role not in ROLES:
            fault = f"{account.role!r} is no role; use {', '.join(ROLES)}"
        if fault is None and other is not None:
            fault = f"{account.name!r} could be mistaken for {other!r}, which is in the same list"
        if fault is not None:
            raise Impossible(fault)
        ids.append(world.new_id())
        entries += _birth(world, account, ids[-1])
    expects: list[tuple[str, int]] = []
    for name in {fold(name): name for name in (*world.config.chat.default_channels, *channels)}.values():
        channel = world.directory.channel_claiming(name)
        if channel is not None:
            expects.append((channel_stream(channel.id), channel.epoch))
        entries += _joins(world, name, ids)
    return Append(tuple(entries), expects=tuple(expects))


def _birth(world: World, account: NewAccount, account_id: str) -> Iterable[Entry]:
    stream = account_stream(account_id)
    yield Entry(stream, Registered(account.name, account.role, account.verifier))
    if account.digest:
        yield Entry(stream, DeviceAdded(world.new_id(), account.device_label, account.digest))


def _joins(world: World, name: str, account_ids: Sequence[str]) -> Iterable[Entry]:
    channel = world.directory.channel_claiming(name)
    if channel is not None and channel.limit:
        account_ids = account_ids[: max(0, channel.limit - len(channel.members))]
    if not account_ids:
        return
    roles = [PLAIN] * len(account_ids)
    if channel is None:
        stream = channel_stream(world.new_id())
        roles[0] = OWNER
        yield Entry(stream, Created(name, account_ids[0]))
    else:
        stream = channel_stream(channel.id)
        roles[0] = role_on_joining(channel, account_ids[0])
    for account_id, role in zip(account_ids, roles, strict=True):
        yield Entry(stream, Joined(account_id, role))


def _to_account(account: AccountState, event: Event) -> Append:
    return Append((Entry(account_stream(account.id), event),), expects=(epoch_of(account),))


def set_password(world: World, name: str, verifier: str) -> Append:
    """Give an account a new password; its devices are revoked with the old one.

    Raises: Impossible.
    """
    return _to_account(find_account(world, name), PasswordSet(verifier=verifier))


def set_enabled(world: World, name: str, enabled: bool) -> Append | None:
    """Let an account sign in, or not; None when it is so already.

    Raises: Impossible.
    """
    account = find_account(world, name)
    if account.enabled == enabled:
        return None
    return _to_account(account, Enabled() if enabled else Disabled())


def add_device(world: World, name: str, label: str, device_id: str, digest: str) -> Append:
    """Give an account a device with a token.

    Raises: Impossible.
    """
    if not is_device_name(label):
        raise Impossible("a label has 1 to 64 bytes and no control characters")
    return _to_account(find_account(world, name), DeviceAdded(device_id, label, digest))


def revoke_device(world: World, device_id: str) -> Append:
    """Take a device's token away.

    Raises: Impossible.
    """
    for account in world.directory.accounts.values():
        if device_id in account.devices:
            return _to_account(account, DeviceRevoked(device_id))
    raise Impossible(f"there is no device {device_id!r}; `token list NAME` shows a person's devices")


def rename_account(world: World, name: str, new_name: str) -> Append | None:
    """Give an account another name; the old one stays reserved. None when it is called that already.

    A ban is of the account, and its mask is a name's: where the old name was banned, the new one is.
    Raises: Impossible.
    """
    account = find_account(world, name)
    if account.name == new_name:
        return None
    fault = fault_of_name(world, new_name, account)
    if fault is not None:
        raise Impossible(fault)
    entries = [Entry(account_stream(account.id), Renamed(new_name, account.name))]
    for channel in world.directory.channels.values():
        stream = channel_stream(channel.id)
        entries += [Entry(stream, event) for event in follow_rename(channel, account, new_name)]
    return Append(tuple(entries), expects=(epoch_of(account),))


def change_role(world: World, name: str, role: str, by: str) -> Append | None:
    """Give an account another role on the server, one of ROLES; None when it has it already. `by` as in `RoleChanged`.

    Raises: Impossible.
    """
    account = find_account(world, name)
    if role not in ROLES:
        raise Impossible(f"{role!r} is no role; use {', '.join(ROLES)}")
    if account.role == role:
        return None
    if is_last_admin(world, account):
        raise Impossible(f"{account.name!r} is the only administrator who can sign in; make somebody else one first")
    # Of two administrators who are lowered at once, the second is judged again: it may be the last one now.
    expects = (epoch_of(account), *(epoch_of(other) for other in _other_admins(world, account)))
    return Append((Entry(account_stream(account.id), RoleChanged(role, account.role, by)),), expects=expects)


def delete_account(world: World, account: AccountState, *, erase: bool) -> Append:
    """Delete an account for good, its memberships first; with `erase` what it wrote as well."""
    entries = list(_clear_topics(world, account)) if erase else []
    # Of two administrators who leave at once, the second is judged again: it may be the last one now.
    expects = [epoch_of(account), *(epoch_of(other) for other in _other_admins(world, account))]
    for channel in world.directory.channels_of(account.id):
        stream = channel_stream(channel.id)
        left = Left(account.id, "Account deleted", role_of(channel, account.id) or PLAIN)
        entries += [Entry(stream, event) for event in (left, *consequences_of_going(channel, account.id))]
        expects.append((stream, channel.epoch))
    entries.append(Entry(account_stream(account.id), Deleted(erase)))
    return Append(tuple(entries), expects=tuple(expects))


def is_last_admin(world: World, account: AccountState) -> bool:
    """Tell whether without this account there would be no administrator who can sign in."""
    return account.role == "admin" and not _other_admins(world, account)


def _other_admins(world: World, account: AccountState) -> list[AccountState]:
    """Return the other administrators who can sign in, where this account is one."""
    if account.role != "admin":
        return []
    others = (each for each in world.directory.accounts.values() if each is not account)
    return [each for each in others if each.role == "admin" and each.enabled]


def _clear_topics(world: World, account: AccountState) -> Iterable[Entry]:
    for channel in world.directory.channels.values():
        if channel.topic and channel.topic_by == account.id:
            yield Entry(channel_stream(channel.id), TopicSet(account.id, ""))


def create_channel(world: World, name: str, owner: str) -> Append:
    """Make a channel and its first member, who owns it.

    Raises: Impossible.
    """
    account = find_account(world, owner)
    if not is_channel_name(name):
        raise Impossible(f"{name!r} cannot be a channel: # and up to 63 bytes without spaces, commas or controls")
    if world.directory.channel_named(name) is not None:
        raise Impossible(f"there is a channel {name!r} already")
    renamed = world.directory.channel_once_named(name)
    if renamed is not None:
        raise Impossible(f"{name!r} was the name of {renamed.name!r} and stays its own")
    stream = channel_stream(world.new_id())
    entries = (Entry(stream, Created(name, account.id)), Entry(stream, Joined(account.id, OWNER)))
    return Append(entries, expects=(epoch_of(account),))


def drop_channel(world: World, name: str) -> Append:
    """Remove a channel, whoever is in it: its name is free, and nobody can read what was said there any more.

    Raises: Impossible.
    """
    return _to_channel(find_channel(world, name), Dropped(forced=True))


def set_role(world: World, channel_name: str, name: str, role: str) -> Append | None:
    """Give a member another role, by its name in CHANNEL_ROLES; None when it holds it already.

    Raises: Impossible.
    """
    channel, account = find_channel(world, channel_name), find_account(world, name)
    if role not in CHANNEL_ROLES:
        raise Impossible(f"{role!r} is no role in a channel; use {', '.join(CHANNEL_ROLES)}")
    was, letter = role_of(channel, account.id), CHANNEL_ROLES[role]
    if was is None:
        raise Impossible(f"{account.name!r} is no member of {channel.name!r}")
    if was == letter:
        return None
    owners = [member for member in channel.members.values() if member.role == OWNER]
    if was == OWNER and len(owners) == 1:
        raise Impossible(f"{account.name!r} is the only owner of {channel.name!r}; make somebody else one first")
    return _to_channel(channel, RoleSet(account.id, role=letter, was=was))


def set_retention(world: World, channel_name: str, days: int | None) -> Append | None:
    """Keep a channel for so many days, 0: for ever, None: as all channels are; None when it is so already.

    Raises: Impossible.
    """
    channel = find_channel(world, channel_name)
    if days is not None and not 0 <= days <= LONGEST_RETENTION:
        raise Impossible(f"{days} days cannot be set; use 1 to {LONGEST_RETENTION}, or 0 for ever")
    return None if channel.retention == days else _to_channel(channel, RetentionSet(days))


def _to_channel(channel: ChannelState, event: Event) -> Append:
    stream = channel_stream(channel.id)
    return Append((Entry(stream, event),), expects=((stream, channel.epoch),))

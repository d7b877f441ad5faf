"""What administrators do to accounts, as appends: the same whether a running server or the admin tool carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from securechat.chat.channel import role_on_joining
from securechat.chat.directory import epoch_of
from securechat.chat.effects import Append, Entry
from securechat.chat.events import (
    OWNER,
    PLAIN,
    Created,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Enabled,
    Event,
    Joined,
    PasswordSet,
    Registered,
    account_stream,
    channel_stream,
)
from securechat.chat.ports import AccountState
from securechat.chat.world import World
from securechat.errors import SecurechatError
from securechat.wire.names import is_account_name, is_device_name, is_reserved, skeleton

ROLES = ("member", "admin", "bot")


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


def fault_of_name(world: World, name: str) -> str | None:
    """Return why no account of that name can be made, or None."""
    if not is_account_name(name):
        return f"{name!r} cannot be a name: a letter, then up to 31 letters, digits, - or _"
    if is_reserved(name):
        return f"{name!r} is reserved for services"
    other = world.directory.account_resembling(name)
    if other is None:
        return None
    if other.name == name:
        return f"there is an account {name!r} already"
    return f"{name!r} could be mistaken for {other.name!r}, which exists"


def add_accounts(world: World, accounts: Sequence[NewAccount]) -> Append:
    """Make accounts, all or none, and put them into the default channels as far as those have room.

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
    for name in world.config.chat.default_channels:
        channel = world.directory.channel_named(name)
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
    channel = world.directory.channel_named(name)
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

"""All accounts and channels as the history has made them: loaded once, then changed only by applying records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from securechat.chat import channel as channels
from securechat.chat import server_state
from securechat.chat.events import (
    KEEP_ALL_DEVICES,
    ChannelRenamed,
    Created,
    Deleted,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Dropped,
    Enabled,
    Ignored,
    Joined,
    Kicked,
    Left,
    MetadataSet,
    PasswordSet,
    Record,
    Registered,
    Renamed,
    RoleChanged,
    RoleSet,
    Unignored,
)
from securechat.chat.ports import AccountState, ChannelState, DeviceState, Snapshot
from securechat.chat.server_state import ServerState
from securechat.chat.streams import SERVER, StreamId, account_stream
from securechat.wire.names import deleted_name, fold, skeleton

if TYPE_CHECKING:
    from securechat.chat.roster import Row


DROPPED_REMEMBERED = 1000
"""Channels whose names are known after they were dropped, the latest ones."""
_NONE: frozenset[str] = frozenset()


class Directory:
    """Look-ups over accounts and channels, and the fold that keeps them.

    accounts, channels: by id; deleted accounts are among them, for what they wrote still names them.
    admins: ids of the accounts with that role. server: what concerns no single account or channel.
    rosters: of channels by id, what `chat.roster` made of their members in short and in full; gone when these change.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.accounts: dict[str, AccountState] = {}
        self.channels: dict[str, ChannelState] = {}
        self.rosters: dict[str, dict[bool, list[Row]]] = {}
        self.admins: set[str] = set()
        self.server = snapshot.server or ServerState()
        self._account_ids: dict[str, str] = {}
        self._deleted_ids: dict[str, str] = {}
        self._ids_by_name: dict[str, str] = {}
        self._skeletons: dict[str, str] = {}
        self._channel_ids: dict[str, str] = {}
        self._former_channel_ids: dict[str, str] = {}
        self._names_of_dropped: dict[str, str] = {}
        self._channels_of: dict[str, set[str]] = {}
        self._digests: dict[str, tuple[str, str]] = {}
        for account in snapshot.accounts:
            self._enter_account(account)
        for channel in snapshot.channels:
            self._enter_channel(channel)

    def account_named(self, name: str) -> AccountState | None:
        """Return the account of that name, compared by case folding, unless it is deleted."""
        account_id = self._account_ids.get(fold(name))
        return None if account_id is None else self.accounts[account_id]

    def anyone_named(self, name: str) -> AccountState | None:
        """Return the account of that name, a deleted one too: what was said with it can still be read."""
        account_id = self._deleted_ids.get(fold(name))
        return self.account_named(name) if account_id is None else self.accounts[account_id]

    def account_once_named(self, name: str) -> AccountState | None:
        """Return the account that has this name or ever had it, a deleted one too.

        Of several names that look alike the first counts, and the one it has.
        """
        account_id = self._account_ids.get(fold(name)) or self._ids_by_name.get(fold(name))
        return None if account_id is None else self.accounts[account_id]

    def account_resembling(self, name: str) -> AccountState | None:
        """Return the account that has, or ever had, a name that can be taken for this one (its skeleton is the same)."""
        account_id = self._skeletons.get(skeleton(name))
        return None if account_id is None else self.accounts[account_id]

    def name_of(self, account_id: str) -> str:
        """Return the nick shown for an account id; `*` for one that is unknown."""
        account = self.accounts.get(account_id)
        return "*" if account is None else account.name

    def channel_named(self, name: str) -> ChannelState | None:
        """Return the channel of that name, compared by case folding."""
        channel_id = self._channel_ids.get(fold(name))
        return None if channel_id is None else self.channels[channel_id]

    def channel_once_named(self, name: str) -> ChannelState | None:
        """Return the channel that had this name before it was renamed, and to which it still belongs."""
        channel_id = self._former_channel_ids.get(fold(name))
        return None if channel_id is None else self.channels[channel_id]

    def channel_claiming(self, name: str) -> ChannelState | None:
        """Return the channel to which a name belongs, because it has it or had it."""
        return self.channel_named(name) or self.channel_once_named(name)

    def name_of_channel(self, channel_id: str) -> str:
        """Return a channel's name, or what it was before it was dropped as far as is known, else `*`."""
        channel = self.channels.get(channel_id)
        return self._names_of_dropped.get(channel_id, "*") if channel is None else channel.name

    def channels_of(self, account_id: str) -> list[ChannelState]:
        """Return the channels an account is a member of, by name."""
        ids = self._channels_of.get(account_id, ())
        return sorted((self.channels[channel_id] for channel_id in ids), key=lambda channel: channel.name)

    def acquaintances(self, account_id: str) -> Iterator[str]:
        """Yield the ids of everybody who shares a channel with an account, once each, itself not."""
        seen = {account_id}
        for channel_id in self._channels_of.get(account_id, ()):
            for other in self.channels[channel_id].members:
                if other not in seen:
                    seen.add(other)
                    yield other

    def are_acquainted(self, one: str, other: str) -> bool:
        """Tell whether two accounts, given by id, are two and share a channel."""
        if one == other:
            return False
        return not self._channels_of.get(one, _NONE).isdisjoint(self._channels_of.get(other, _NONE))

    def device_with(self, digest: str) -> tuple[AccountState, DeviceState] | None:
        """Return the account and device whose token has this SHA-256 (hex)."""
        found = self._digests.get(digest)
        if found is None:
            return None
        account = self.accounts[found[0]]
        return account, account.devices[found[1]]

    def apply_record(self, record: Record) -> None:
        """Fold one record, in the order of the history, into the state."""
        kind, _, subject = record.stream.partition("/")
        if kind == "c":
            self._apply_to_channel(subject, record)
        elif kind == "a":
            self._apply_to_account(subject, record)
        elif record.stream == SERVER:
            server_state.apply_record(self.server, record)

    def _apply_to_channel(self, channel_id: str, record: Record) -> None:
        event = record.event
        if isinstance(event, Created):
            self._enter_channel(channels.found_channel(channel_id, record))
            return
        channel = self.channels[channel_id]
        if isinstance(event, ChannelRenamed):
            self._forget_names(channel)
        channels.apply_record(channel, record)
        if isinstance(event, Joined | Left | Kicked | RoleSet | Dropped):
            self.rosters.pop(channel_id, None)
        if isinstance(event, Joined):
            self._channels_of.setdefault(event.account, set()).add(channel_id)
        elif isinstance(event, Left | Kicked):
            self._channels_of[event.account].discard(channel_id)
        elif isinstance(event, Dropped):
            self._forget_channel(channel)
        elif isinstance(event, ChannelRenamed):
            self._enter_names(channel)
            # Names of members fill lines as far as the channel's name leaves room.
            self.rosters.pop(channel_id, None)

    def _apply_to_account(self, account_id: str, record: Record) -> None:
        event = record.event
        if isinstance(event, Registered):
            self._enter_account(
                AccountState(
                    id=account_id,
                    name=event.name,
                    role=event.role,
                    created=record.time,
                    skeletons={skeleton(event.name)},
                    names={fold(event.name)},
                )
            )
            return
        account = self.accounts[account_id]
        fold_event = _ACCOUNT_FOLDS.get(type(event))
        if fold_event is not None:
            fold_event(self, account, record, event)
        if event.restricts:
            account.epoch += 1

    def _enter_account(self, account: AccountState) -> None:
        self.accounts[account.id] = account
        ids = self._deleted_ids if account.deleted else self._account_ids
        ids[fold(account.name)] = account.id
        if account.role == "admin" and not account.deleted:
            self.admins.add(account.id)
        self._ids_by_name |= dict.fromkeys(account.names, account.id)
        for each in account.skeletons | {skeleton(account.name)}:
            self._skeletons[each] = account.id
        for device in account.devices.values():
            self._digests[device.digest] = (account.id, device.id)

    def _enter_channel(self, channel: ChannelState) -> None:
        self.channels[channel.id] = channel
        self._enter_names(channel)
        for account_id in channel.members:
            self._channels_of.setdefault(account_id, set()).add(channel.id)

    def _forget_channel(self, channel: ChannelState) -> None:
        for account_id in channel.members:
            self._channels_of[account_id].discard(channel.id)
        # Whoever holds on to the channel, to draw it slowly for somebody, finds it empty.
        channel.members.clear()
        if channel.written:
            self._names_of_dropped[channel.id] = channel.name
            if len(self._names_of_dropped) > DROPPED_REMEMBERED:
                del self._names_of_dropped[next(iter(self._names_of_dropped))]
        del self.channels[channel.id]
        self._forget_names(channel)

    def _enter_names(self, channel: ChannelState) -> None:
        self._channel_ids[fold(channel.name)] = channel.id
        for name in channel.former_names:
            self._former_channel_ids[fold(name)] = channel.id

    def _forget_names(self, channel: ChannelState) -> None:
        del self._channel_ids[fold(channel.name)]
        for name in channel.former_names:
            del self._former_channel_ids[fold(name)]

    def _password_set(self, account: AccountState, _record: Record, event: PasswordSet) -> None:
        if event.kept != KEEP_ALL_DEVICES:
            for device_id in [device_id for device_id in account.devices if device_id != event.kept]:
                del self._digests[account.devices.pop(device_id).digest]

    def _device_added(self, account: AccountState, record: Record, event: DeviceAdded) -> None:
        account.devices[event.device] = DeviceState(event.device, event.label, event.digest, record.time)
        self._digests[event.digest] = (account.id, event.device)

    def _device_revoked(self, account: AccountState, _record: Record, event: DeviceRevoked) -> None:
        device = account.devices.pop(event.device, None)
        if device is not None:
            del self._digests[device.digest]

    def _disabled(self, account: AccountState, _record: Record, _event: Disabled) -> None:
        account.enabled = False

    def _enabled(self, account: AccountState, _record: Record, _event: Enabled) -> None:
        account.enabled = True

    def _renamed(self, account: AccountState, _record: Record, event: Renamed) -> None:
        del self._account_ids[fold(account.name)]
        account.name = event.name
        if skeleton(event.name) not in account.skeletons:
            account.names.add(fold(event.name))
            self._ids_by_name[fold(event.name)] = account.id
        account.skeletons.add(skeleton(event.name))
        self._account_ids[fold(event.name)] = self._skeletons[skeleton(event.name)] = account.id
        for channel_id in self._channels_of.get(account.id, ()):
            self.rosters.pop(channel_id, None)

    def _role_changed(self, account: AccountState, _record: Record, event: RoleChanged) -> None:
        account.role = event.role
        if event.role == "admin":
            self.admins.add(account.id)
        else:
            self.admins.discard(account.id)

    def _deleted(self, account: AccountState, _record: Record, _event: Deleted) -> None:
        del self._account_ids[fold(account.name)]
        account.name = deleted_name(account.id)
        self._deleted_ids[fold(account.name)] = account.id
        account.deleted, account.enabled = True, False
        self.admins.discard(account.id)
        for device in account.devices.values():
            del self._digests[device.digest]
        account.devices.clear()
        account.ignored.clear()
        account.metadata.clear()
        for channel in self.channels.values():
            channel.former_roles.pop(account.id, None)
            channel.invited.discard(account.id)

    def _metadata_set(self, account: AccountState, _record: Record, event: MetadataSet) -> None:
        if event.value:
            account.metadata[event.key] = event.value
        else:
            account.metadata.pop(event.key, None)

    def _ignored(self, account: AccountState, _record: Record, event: Ignored) -> None:
        account.ignored.add(event.account)

    def _unignored(self, account: AccountState, _record: Record, event: Unignored) -> None:
        account.ignored.discard(event.account)


_ACCOUNT_FOLDS: dict[type, Callable[[Directory, AccountState, Record, Any], None]] = {
    PasswordSet: Directory._password_set,
    DeviceAdded: Directory._device_added,
    DeviceRevoked: Directory._device_revoked,
    Disabled: Directory._disabled,
    Enabled: Directory._enabled,
    Renamed: Directory._renamed,
    RoleChanged: Directory._role_changed,
    Deleted: Directory._deleted,
    Ignored: Directory._ignored,
    Unignored: Directory._unignored,
    MetadataSet: Directory._metadata_set,
}


def epoch_of(account: AccountState) -> tuple[StreamId, int]:
    """Return an account's stream and epoch, as an append expects them."""
    return account_stream(account.id), account.epoch

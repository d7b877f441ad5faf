"""The state of all accounts and channels, loaded from the tables."""

from __future__ import annotations

from typing import Any

import apsw

from securechat.chat.channel import masks_of
from securechat.chat.ports import AccountState, BanState, ChannelState, DeviceState, MemberState, Snapshot
from securechat.storage.sqlite.database import savepoint
from securechat.storage.sqlite.guesses import load_guesses
from securechat.storage.sqlite.positions import load_marks
from securechat.storage.sqlite.server_rows import load_server

_ACCOUNTS = """
    SELECT accounts.id, accounts.name, role, enabled, epoch, created, deleted
    FROM accounts JOIN streams ON streams.id = accounts.stream ORDER BY streams.id"""
_CHANNELS = """
    SELECT channels.stream, channels.id, channels.name, epoch, created, modes, key, member_limit, topic, topic_by,
        topic_time, slow, renamed, retention, written
    FROM channels JOIN streams ON streams.id = channels.stream ORDER BY streams.id"""

_CHANNEL_FIELDS = (
    *("id", "name", "epoch", "created", "modes", "key", "limit"),
    *("topic", "topic_by", "topic_time", "slow", "renamed", "retention"),
)


def load_snapshot(connection: apsw.Connection) -> Snapshot:
    """Return all accounts and living channels as one moment of the history has them."""
    with savepoint(connection):
        accounts, channels = _load_accounts(connection), _load_channels(connection)
        beside = load_marks(connection), load_server(connection), load_guesses(connection)
        return Snapshot(accounts, channels, *beside)


def _load_accounts(connection: apsw.Connection) -> list[AccountState]:
    accounts = {}
    for account_id, name, role, enabled, epoch, created, deleted in connection.execute(_ACCOUNTS):
        state = AccountState(account_id, name, role, bool(enabled), epoch, created, deleted=bool(deleted))
        accounts[account_id] = state
    for account_id, *row in connection.execute(
        "SELECT account, id, label, digest, created FROM devices ORDER BY created"
    ):
        device = DeviceState(*row)
        accounts[account_id].devices[device.id] = device
    for account_id, folded, skeleton in _rows(connection, "account, folded, skeleton FROM names"):
        accounts[account_id].names.add(folded)
        accounts[account_id].skeletons.add(skeleton)
    for account_id, ignored in _rows(connection, "account, ignored FROM ignores WHERE last IS NULL"):
        accounts[account_id].ignored.add(ignored)
    for account_id, key, value in _rows(connection, "account, key, value FROM metadata"):
        accounts[account_id].metadata[key] = value
    return list(accounts.values())


def _load_channels(connection: apsw.Connection) -> list[ChannelState]:
    channels: dict[int, ChannelState] = {}
    for row in connection.execute(_CHANNELS):
        channels[row[0]] = _channel_of(*row)
    for key, account, role, since in _rows(connection, "channel, account, role, since FROM members ORDER BY since"):
        channels[key].members[account] = MemberState(role, since)
    for key, account, role in _rows(connection, "channel, account, role FROM former_roles"):
        channels[key].former_roles[account] = role
    for key, kind, *ban in _rows(connection, "channel, kind, mask, set_by, time, until FROM masks ORDER BY time"):
        masks_of(channels[key], kind)[ban[0]] = BanState(*ban)
    for key, account, time in _rows(connection, "channel, account, time FROM spoken"):
        channels[key].spoken[account] = time
    for key, name in _rows(connection, "channel, name FROM former_names ORDER BY place"):
        channels[key].former_names.append(name)
    for key, account in _rows(connection, "channel, account FROM invites"):
        channels[key].invited.add(account)
    return list(channels.values())


def _channel_of(_key: int, *row: Any) -> ChannelState:
    *columns, written = row
    return ChannelState(**dict(zip(_CHANNEL_FIELDS, columns, strict=True)), written=bool(written))


def _rows(connection: apsw.Connection, selection: str) -> Any:
    return connection.execute(f"SELECT {selection}")

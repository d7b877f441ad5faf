"""Accounts, names, devices and whom they ignore as rows, by the records of the accounts' streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.chat.events import (
    KEEP_ALL_DEVICES,
    Deleted,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Enabled,
    Ignored,
    MetadataSet,
    PasswordRehashed,
    PasswordSet,
    Record,
    Registered,
    Renamed,
    RoleChanged,
    Unignored,
)
from securechat.chat.streams import direct_stream
from securechat.storage.records import Stale
from securechat.storage.sqlite.erasure import erase_messages
from securechat.storage.sqlite.guesses import forgive
from securechat.storage.sqlite.rows import Rows
from securechat.wire.names import deleted_name, fold, skeleton

_EMPTY_METADATA = "UPDATE records SET body = json_remove(body, '$.value') WHERE stream = ? AND kind = 'MetadataSet'"
_OF_AN_ACCOUNT = (
    *("devices", "former_members", "former_roles", "invites", "ignores"),
    *("positions", "marks", "metadata", "places"),
)
"""Tables of what ends with an account."""
_IGNORED_SINCE = "SELECT first FROM ignores WHERE account = ? AND ignored = ? AND last IS NULL"


class AccountRows(Rows):
    """Folds the records of accounts."""

    def _registered(self, key: int, record: Record, event: Registered) -> None:
        account = record.stream[2:]
        self._insert(
            "INSERT INTO accounts (id, stream, name, role, verifier, created) VALUES (?, ?, ?, ?, ?, ?)",
            (account, key, event.name, event.role, event.verifier, record.time),
        )
        self._reserve(event.name, account)
        self._require_change()

    def _password_set(self, key: int, record: Record, event: PasswordSet) -> None:
        self._run("UPDATE accounts SET verifier = ? WHERE stream = ?", (event.verifier, key))
        # Who forgot the old one and was given another is not kept out for having tried.
        forgive(self._run, record.stream[2:])
        if event.kept != KEEP_ALL_DEVICES:
            self._run("DELETE FROM devices WHERE account = ? AND id != ?", (record.stream[2:], event.kept))

    def _password_rehashed(self, key: int, _record: Record, event: PasswordRehashed) -> None:
        self._run("UPDATE accounts SET verifier = ? WHERE stream = ?", (event.verifier, key))

    def _device_added(self, _key: int, record: Record, event: DeviceAdded) -> None:
        self._insert(
            "INSERT OR IGNORE INTO devices (account, id, label, digest, created) VALUES (?, ?, ?, ?, ?)",
            (record.stream[2:], event.device, event.label, event.digest, record.time),
        )

    def _device_revoked(self, _key: int, record: Record, event: DeviceRevoked) -> None:
        self._run("DELETE FROM devices WHERE account = ? AND id = ?", (record.stream[2:], event.device))
        self._require_change()
        self._run("DELETE FROM positions WHERE account = ? AND device = ?", (record.stream[2:], event.device))

    def _disabled(self, key: int, _record: Record, _event: Disabled) -> None:
        self._run("UPDATE accounts SET enabled = 0 WHERE stream = ?", (key,))

    def _enabled(self, key: int, _record: Record, _event: Enabled) -> None:
        self._run("UPDATE accounts SET enabled = 1 WHERE stream = ?", (key,))

    def _renamed(self, key: int, record: Record, event: Renamed) -> None:
        account = record.stream[2:]
        self._run("UPDATE accounts SET name = ? WHERE stream = ? AND name = ?", (event.name, key, event.was))
        self._require_change()
        self._reserve(event.name, account)
        if self._one("SELECT account FROM names WHERE skeleton = ?", (skeleton(event.name),)) != (account,):
            raise Stale

    def _role_changed(self, key: int, _record: Record, event: RoleChanged) -> None:
        self._run("UPDATE accounts SET role = ? WHERE stream = ? AND role = ?", (event.role, key, event.was))
        self._require_change()

    def _reserve(self, name: str, account: str) -> None:
        row = (fold(name), skeleton(name), account)
        self._run("INSERT OR IGNORE INTO names (folded, skeleton, account) VALUES (?, ?, ?)", row)

    def _deleted(self, key: int, record: Record, event: Deleted) -> None:
        account = record.stream[2:]
        # It may have joined another channel since its leaving of all was judged.
        if self._run("SELECT 1 FROM members WHERE account = ?", (account,)).fetchone() is not None:
            raise Stale
        self._run(
            "UPDATE accounts SET name = ?, verifier = '', enabled = 0, deleted = 1 WHERE stream = ?",
            (deleted_name(account), key),
        )
        if event.erase:
            erase_messages(self._run, account)
        self._run(_EMPTY_METADATA, (key,))
        forgive(self._run, account)
        for table in _OF_AN_ACCOUNT:
            self._run(f"DELETE FROM {table} WHERE account = ?", (account,))  # noqa: S608 (names from this module)

    def _metadata_set(self, _key: int, record: Record, event: MetadataSet) -> None:
        row = (record.stream[2:], event.key, event.value)
        if event.value:
            self._run("INSERT OR REPLACE INTO metadata (account, key, value) VALUES (?, ?, ?)", row)
        else:
            self._run("DELETE FROM metadata WHERE account = ? AND key = ?", row[:2])

    def _ignored(self, _key: int, record: Record, event: Ignored) -> None:
        account = record.stream[2:]
        self._require_account(event.account)
        if self._run(_IGNORED_SINCE, (account, event.account)).fetchone() is not None:
            raise Stale
        first = self._newest_seq(direct_stream(account, event.account)) + 1
        row = (account, event.account, first)
        self._run("INSERT INTO ignores (account, ignored, first) VALUES (?, ?, ?)", row)

    def _unignored(self, _key: int, record: Record, event: Unignored) -> None:
        account = record.stream[2:]
        (first,) = self._one(_IGNORED_SINCE, (account, event.account))
        newest = self._newest_seq(direct_stream(account, event.account))
        place = (account, event.account, first)
        if newest < first:
            self._run("DELETE FROM ignores WHERE account = ? AND ignored = ? AND first = ?", place)
        else:
            self._run("UPDATE ignores SET last = ? WHERE account = ? AND ignored = ? AND first = ?", (newest, *place))


ACCOUNT_FOLDS: dict[type, Callable[[AccountRows, int, Record, Any], None]] = {
    Registered: AccountRows._registered,
    PasswordSet: AccountRows._password_set,
    PasswordRehashed: AccountRows._password_rehashed,
    DeviceAdded: AccountRows._device_added,
    DeviceRevoked: AccountRows._device_revoked,
    Disabled: AccountRows._disabled,
    Enabled: AccountRows._enabled,
    Renamed: AccountRows._renamed,
    RoleChanged: AccountRows._role_changed,
    Deleted: AccountRows._deleted,
    Ignored: AccountRows._ignored,
    Unignored: AccountRows._unignored,
    MetadataSet: AccountRows._metadata_set,
}

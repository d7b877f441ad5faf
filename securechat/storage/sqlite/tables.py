"""The state that follows from the records, as rows: each event's facts checked, then its changes written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from securechat.chat import policy
from securechat.chat.events import (
    KEEP_ALL_DEVICES,
    OWNER,
    BanLifted,
    BanSet,
    Created,
    Deleted,
    DeviceAdded,
    DeviceRevoked,
    Disabled,
    Dropped,
    Enabled,
    Event,
    Ignored,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    PasswordRehashed,
    PasswordSet,
    Posted,
    Record,
    Registered,
    Renamed,
    RoleSet,
    StreamId,
    TopicSet,
    Unignored,
    direct_stream,
    parties,
)
from securechat.storage.records import Stale
from securechat.storage.sqlite.erasure import erase_messages
from securechat.wire.names import deleted_name, fold, skeleton

_IGNORED_SINCE = "SELECT first FROM ignores WHERE account = ? AND ignored = ? AND last IS NULL"


class Tables:
    """Folds records into the rows of the writer's transaction.

    `key` is throughout the integer key of the record's stream, which is a channel's key too.
    newest_seq: returns the seq of a stream's newest record, 0 for none; what is not written back yet counts.
    """

    def __init__(self, connection: apsw.Connection, newest_seq: Callable[[StreamId], int]) -> None:
        self._run = connection.execute
        self._changes = connection.changes
        self._newest_seq = newest_seq

    def apply(self, key: int, record: Record, event: Event) -> None:
        """Check what the event relies on and write what it changes; `event` is the record's with its secrets.

        Raises: Stale, perhaps after having written: the caller rolls back.
        """
        _FOLDS[type(event)](self, key, record, event)

    def mark_written(self, key: int) -> None:
        """Note that somebody has posted into a channel."""
        self._run("UPDATE channels SET written = 1 WHERE stream = ?", (key,))

    def is_deleted(self, key: int) -> bool:
        """Tell whether the account whose stream has this key is deleted."""
        return self._run("SELECT 1 FROM accounts WHERE stream = ? AND deleted", (key,)).fetchone() is not None

    def enter_parties(self, key: int, stream: str) -> None:
        """Enter a new direct conversation for both of its accounts.

        Raises: Stale when one of them is unknown.
        """
        accounts = set(parties(stream))
        for account in accounts:
            self._require_account(account)
            self._run("INSERT INTO directs (account, stream) VALUES (?, ?)", (account, key))

    # ── conversations ────────────────────────────────────────────────────────────────────────────────────────────

    def _posted(self, key: int, record: Record, _event: Posted) -> None:
        if record.stream.startswith("c/"):
            self.mark_written(key)

    # ── channels ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _created(self, key: int, record: Record, event: Created) -> None:
        modes = "".join(sorted(event.modes))
        self._insert(
            "INSERT OR IGNORE INTO channels (stream, id, name, folded, created, modes) VALUES (?, ?, ?, ?, ?, ?)",
            (key, record.stream[2:], event.name, fold(event.name), record.time, modes),
        )
        self._note_closure(key, record.seq, True, policy.is_open(modes, ""))

    def _dropped(self, key: int, _record: Record, event: Dropped) -> None:
        if event.forced:
            self._run("DELETE FROM channels WHERE stream = ?", (key,))
            return
        # Joining and posting raise no epoch, so somebody may have done either since the last member's leaving was judged.
        if self._run("SELECT 1 FROM members WHERE channel = ? LIMIT 1", (key,)).fetchone() is not None:
            raise Stale
        self._run("DELETE FROM channels WHERE stream = ? AND NOT written", (key,))
        self._require_change()

    def _joined(self, key: int, record: Record, event: Joined) -> None:
        self._require_account(event.account)
        (limit,) = self._one("SELECT member_limit FROM channels WHERE stream = ?", (key,))
        if limit and self._one("SELECT count(*) FROM members WHERE channel = ?", (key,))[0] >= limit:
            raise Stale
        self._insert(
            "INSERT OR IGNORE INTO members (channel, account, role, since) VALUES (?, ?, ?, ?)",
            (key, event.account, event.role, record.seq),
        )
        self._run("DELETE FROM former_roles WHERE channel = ? AND account = ?", (key, event.account))
        self._run("DELETE FROM invites WHERE channel = ? AND account = ?", (key, event.account))

    def _left(self, key: int, record: Record, event: Left) -> None:
        if self._end_membership(key, record, event.account) != event.role:
            raise Stale
        if event.role:
            row = (key, event.account, event.role)
            self._run("INSERT INTO former_roles (channel, account, role) VALUES (?, ?, ?)", row)

    def _kicked(self, key: int, record: Record, event: Kicked) -> None:
        if self._end_membership(key, record, event.account) != event.role:
            raise Stale

    def require_owner(self, key: int) -> None:
        """Refuse a channel that has members and no owner.

        Raises: Stale.
        """
        roles = {role for (role,) in self._run("SELECT DISTINCT role FROM members WHERE channel = ?", (key,))}
        if roles and OWNER not in roles:
            raise Stale

    def _end_membership(self, key: int, record: Record, account: str) -> str:
        row = self._one("DELETE FROM members WHERE channel = ? AND account = ? RETURNING role, since", (key, account))
        self._run(
            "INSERT INTO former_members (channel, account, first, last) VALUES (?, ?, ?, ?)",
            (key, account, row[1], record.seq),
        )
        return str(row[0])

    def _invited(self, key: int, _record: Record, event: Invited) -> None:
        self._run("INSERT OR IGNORE INTO invites (channel, account) VALUES (?, ?)", (key, event.account))

    def _topic_set(self, key: int, record: Record, event: TopicSet) -> None:
        self._run(
            "UPDATE channels SET topic = ?, topic_by = ?, topic_time = ? WHERE stream = ?",
            (event.text, event.by, record.time, key),
        )

    def _role_set(self, key: int, _record: Record, event: RoleSet) -> None:
        self._run(
            "UPDATE members SET role = ? WHERE channel = ? AND account = ? AND role = ?",
            (event.role, key, event.account, event.was),
        )
        self._require_change()

    def _mode_set(self, key: int, record: Record, event: ModeSet) -> None:
        modes, secret, limit = self._one("SELECT modes, key, member_limit FROM channels WHERE stream = ?", (key,))
        was_open = policy.is_open(modes, secret)
        modes = "".join(sorted((set(modes) | set(event.on)) - set(event.off)))
        secret = secret if event.key is None else event.key
        limit = limit if event.limit is None else event.limit
        self._run(
            "UPDATE channels SET modes = ?, key = ?, member_limit = ? WHERE stream = ?", (modes, secret, limit, key)
        )
        self._note_closure(key, record.seq, was_open, policy.is_open(modes, secret))

    def _note_closure(self, key: int, seq: int, was_open: bool, is_open: bool) -> None:
        if was_open and not is_open:
            self._run("INSERT INTO closures (channel, first) VALUES (?, ?)", (key, seq))
        elif is_open and not was_open:
            self._run("UPDATE closures SET last = ? WHERE channel = ? AND last IS NULL", (seq - 1, key))

    def _ban_set(self, key: int, record: Record, event: BanSet) -> None:
        self._run(
            "INSERT OR REPLACE INTO bans (channel, mask, set_by, time) VALUES (?, ?, ?, ?)",
            (key, event.mask, event.by, record.time),
        )

    def _ban_lifted(self, key: int, _record: Record, event: BanLifted) -> None:
        self._run("DELETE FROM bans WHERE channel = ? AND mask = ?", (key, event.mask))

    # ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────

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
        for table in ("devices", "former_members", "former_roles", "invites", "ignores"):
            self._run(f"DELETE FROM {table} WHERE account = ?", (account,))  # noqa: S608 (names from this line)

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

    # ── what all of them are made of ─────────────────────────────────────────────────────────────────────────────

    def _one(self, statement: str, bindings: tuple[Any, ...]) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._run(statement, bindings).fetchone()
        if row is None:
            raise Stale
        return row

    def _insert(self, statement: str, row: tuple[Any, ...]) -> None:
        self._run(statement, row)
        self._require_change()

    def _require_account(self, account: str) -> None:
        self._one("SELECT 1 FROM accounts WHERE id = ? AND NOT deleted", (account,))

    def _require_change(self) -> None:
        if not self._changes():
            raise Stale


_FOLDS: dict[type, Callable[[Tables, int, Record, Any], None]] = {
    Posted: Tables._posted,
    Created: Tables._created,
    Dropped: Tables._dropped,
    Joined: Tables._joined,
    Left: Tables._left,
    Kicked: Tables._kicked,
    Invited: Tables._invited,
    TopicSet: Tables._topic_set,
    RoleSet: Tables._role_set,
    ModeSet: Tables._mode_set,
    BanSet: Tables._ban_set,
    BanLifted: Tables._ban_lifted,
    Registered: Tables._registered,
    PasswordSet: Tables._password_set,
    PasswordRehashed: Tables._password_rehashed,
    DeviceAdded: Tables._device_added,
    DeviceRevoked: Tables._device_revoked,
    Disabled: Tables._disabled,
    Enabled: Tables._enabled,
    Renamed: Tables._renamed,
    Deleted: Tables._deleted,
    Ignored: Tables._ignored,
    Unignored: Tables._unignored,
}

"""Channels, members, roles and masks as rows, by the records of the channels' streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.chat import policy
from securechat.chat.events import (
    OWNER,
    BanLifted,
    BanSet,
    Created,
    Dropped,
    Invited,
    Joined,
    Kicked,
    Left,
    ModeSet,
    Record,
    RoleSet,
    TopicSet,
)
from securechat.storage.records import Stale
from securechat.storage.sqlite.rows import Rows
from securechat.wire.names import fold


class ChannelRows(Rows):
    """Folds the records of channels."""

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


CHANNEL_FOLDS: dict[type, Callable[[ChannelRows, int, Record, Any], None]] = {
    Created: ChannelRows._created,
    Dropped: ChannelRows._dropped,
    Joined: ChannelRows._joined,
    Left: ChannelRows._left,
    Kicked: ChannelRows._kicked,
    Invited: ChannelRows._invited,
    TopicSet: ChannelRows._topic_set,
    RoleSet: ChannelRows._role_set,
    ModeSet: ChannelRows._mode_set,
    BanSet: ChannelRows._ban_set,
    BanLifted: ChannelRows._ban_lifted,
}

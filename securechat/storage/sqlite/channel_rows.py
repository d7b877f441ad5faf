"""Channels, members, roles and masks as rows, by the records of the channels' streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.chat import policy
from securechat.chat.channel import names_after
from securechat.chat.events import (
    OWNER,
    PLAIN,
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
from securechat.chat.world import BANS_PER_CHANNEL, CHANNELS_PER_ACCOUNT
from securechat.storage.records import EXACT_SPANS, Stale, are_many
from securechat.storage.sqlite.rows import Rows
from securechat.wire.names import fold

# Spelled as in the partial index, and named: SQLite would take the primary key, and look through all that is no message.
_HAS_MESSAGE = """
    SELECT 1 FROM records INDEXED BY messages WHERE stream = ? AND kind = 'Posted' AND seq BETWEEN ? AND ? LIMIT 1"""
# No more are counted than make a difference.
_COUNT_MEMBERSHIPS = "SELECT count(*) FROM (SELECT 1 FROM former_members WHERE channel = ? AND account = ? LIMIT ?)"
_COUNT_CLOSURES = "SELECT count(*) FROM (SELECT 1 FROM closures WHERE channel = ? LIMIT ?)"
_NEWEST_CLOSURE = "SELECT first, last FROM closures WHERE channel = ? ORDER BY first DESC LIMIT 1"


class ChannelRows(Rows):
    """Folds the records of channels."""

    def _created(self, key: int, record: Record, event: Created) -> None:
        modes = "".join(sorted(event.modes))
        self._require_unclaimed(event.name, key)
        self._insert(
            "INSERT OR IGNORE INTO channels (stream, id, name, folded, created, modes) VALUES (?, ?, ?, ?, ?, ?)",
            (key, record.stream[2:], event.name, fold(event.name), record.time, modes),
        )
        self._note_closure(key, record.seq, True, policy.is_open(modes, ""))

    def _renamed_channel(self, key: int, record: Record, event: ChannelRenamed) -> None:
        self._require_unclaimed(event.name, key)
        self._run(
            "UPDATE OR IGNORE channels SET name = ?, folded = ? WHERE stream = ? AND name = ?",
            (event.name, fold(event.name), key, event.was),
        )
        self._require_change()
        if fold(event.name) != fold(event.was):
            self._run("UPDATE channels SET renamed = ? WHERE stream = ?", (record.time, key))
        rows = self._run("DELETE FROM former_names WHERE channel = ? RETURNING place, name", (key,))
        names = [str(name) for _, name in sorted(rows)]
        for place, name in enumerate(names_after(names, event)):
            row = (fold(name), key, name, place)
            self._run("INSERT INTO former_names (folded, channel, name, place) VALUES (?, ?, ?, ?)", row)

    def _require_unclaimed(self, name: str, key: int) -> None:
        """Refuse a name that another channel had and keeps to itself.

        Raises: Stale.
        """
        claim = "SELECT 1 FROM former_names WHERE folded = ? AND channel != ?"
        if self._run(claim, (fold(name), key)).fetchone() is not None:
            raise Stale

    def _dropped(self, key: int, _record: Record, event: Dropped) -> None:
        self._run("INSERT INTO dropped (channel, name) SELECT stream, name FROM channels WHERE stream = ?", (key,))
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
        if self._one("SELECT count(*) FROM members WHERE account = ?", (event.account,))[0] >= CHANNELS_PER_ACCOUNT:
            raise Stale
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
        (count,) = self._one(_COUNT_MEMBERSHIPS, (key, account, EXACT_SPANS))
        if not are_many(count) or self._has_message(key, row[1], record.seq):
            self._run(
                "INSERT INTO former_members (channel, account, first, last) VALUES (?, ?, ?, ?)",
                (key, account, row[1], record.seq),
            )
        return str(row[0])

    def _has_message(self, key: int, first: int, last: int) -> bool:
        return self._run(_HAS_MESSAGE, (key, first, last)).fetchone() is not None

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
        modes, secret, limit, slow = self._one(
            "SELECT modes, key, member_limit, slow FROM channels WHERE stream = ?", (key,)
        )
        was_open = policy.is_open(modes, secret)
        modes = "".join(sorted((set(modes) | set(event.on)) - set(event.off)))
        secret = secret if event.key is None else event.key
        limit = limit if event.limit is None else event.limit
        slow = slow if event.slow is None else event.slow
        self._run(
            "UPDATE channels SET modes = ?, key = ?, member_limit = ?, slow = ? WHERE stream = ?",
            (modes, secret, limit, slow, key),
        )
        if event.slow == 0:
            self._run("DELETE FROM spoken WHERE channel = ?", (key,))
        self._note_closure(key, record.seq, was_open, policy.is_open(modes, secret))

    def _note_closure(self, key: int, seq: int, was_open: bool, is_open: bool) -> None:
        if was_open and not is_open:
            (count,) = self._one(_COUNT_CLOSURES, (key, EXACT_SPANS))
            before = self._run(_NEWEST_CLOSURE, (key,)).fetchone() if are_many(count) else None
            if before is not None and not self._has_message(key, before[1] + 1, seq):
                # Nobody said anything while it was open: closing and opening by turns leaves one row, not thousands.
                self._run("UPDATE closures SET last = NULL WHERE channel = ? AND first = ?", (key, before[0]))
            else:
                self._run("INSERT INTO closures (channel, first) VALUES (?, ?)", (key, seq))
        elif is_open and not was_open:
            self._run("UPDATE closures SET last = ? WHERE channel = ? AND last IS NULL", (seq - 1, key))

    def _ban_set(self, key: int, record: Record, event: BanSet) -> None:
        self._run(
            "INSERT OR REPLACE INTO masks (channel, kind, mask, set_by, time, until) VALUES (?, ?, ?, ?, ?, ?)",
            (key, event.kind, event.mask, event.by, record.time, event.until),
        )
        # Exceptions raise no epoch, so several may have been judged on the same room for one.
        (count,) = self._one("SELECT count(*) FROM masks WHERE channel = ? AND kind = ?", (key, event.kind))
        if count > BANS_PER_CHANNEL:
            raise Stale

    def _ban_lifted(self, key: int, _record: Record, event: BanLifted) -> None:
        place = (key, event.kind, event.mask)
        self._run("DELETE FROM masks WHERE channel = ? AND kind = ? AND mask = ?", place)
        self._require_change()

    def _retention_set(self, key: int, _record: Record, event: RetentionSet) -> None:
        # With the stream, not the channel: it holds for what was said after that is dropped too.
        self._run("UPDATE streams SET retention = ? WHERE id = ?", (event.days, key))

    def pass_slowly(self, key: int, record: Record, event: Posted, seconds: int, now: int) -> None:
        """Note when somebody posts into a slow channel; `now` is the clock's, in ms since 1970.

        Raises: Stale for a plain member that has not waited long enough.
        """
        place = (key, event.account)
        last = self._run("SELECT time FROM spoken WHERE channel = ? AND account = ?", place).fetchone()
        if last is not None and last[0] - policy.MAX_AHEAD <= now < last[0] + seconds * 1000:
            role = self._run("SELECT role FROM members WHERE channel = ? AND account = ?", place).fetchone()
            if role is None or role[0] == PLAIN:
                raise Stale
        row = (*place, record.time)
        self._run("INSERT OR REPLACE INTO spoken (channel, account, time) VALUES (?, ?, ?)", row)


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
    RetentionSet: ChannelRows._retention_set,
    ChannelRenamed: ChannelRows._renamed_channel,
}

"""The state that follows from the records, as rows: each event's facts checked, then its changes written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.chat.events import Event, Posted, Record, parties
from securechat.storage.sqlite.account_rows import ACCOUNT_FOLDS, AccountRows
from securechat.storage.sqlite.channel_rows import CHANNEL_FOLDS, ChannelRows


class Tables(ChannelRows, AccountRows):
    """Folds records into the rows of the writer's transaction."""

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

    def _posted(self, key: int, record: Record, _event: Posted) -> None:
        if record.stream.startswith("c/"):
            self.mark_written(key)


_FOLDS: dict[type, Callable[[Tables, int, Record, Any], None]] = {
    Posted: Tables._posted,
    **CHANNEL_FOLDS,
    **ACCOUNT_FOLDS,
}

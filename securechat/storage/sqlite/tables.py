"""The state that follows from the records, as rows: each event's facts checked, then its changes written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from securechat.chat.event import Event
from securechat.chat.events import Posted, Reacted, Record, Redacted, Unreacted, decode_event
from securechat.chat.ports import Reactions
from securechat.chat.streams import parties
from securechat.storage.records import Stale, changes, reactions_after
from securechat.storage.sqlite.account_rows import ACCOUNT_FOLDS, AccountRows
from securechat.storage.sqlite.channel_rows import CHANNEL_FOLDS, ChannelRows
from securechat.storage.sqlite.erasure import redact_message
from securechat.storage.sqlite.server_rows import SERVER_FOLDS, ServerRows

_IS_MESSAGE = "SELECT 1 FROM records WHERE msgid = ? AND stream = ? AND kind = 'Posted'"
# Spelled as in the partial index, and named: SQLite would take the primary key.
_REACTIONS = """
    SELECT body FROM records INDEXED BY reactions WHERE stream = ? AND kind IN ('Reacted', 'Unreacted')
    AND json_extract(body, '$.msgid') = ? AND json_extract(body, '$.account') = ? ORDER BY seq"""


def load_reactions(run: Callable[..., Any], key: int, msgid: str, account: str) -> Reactions:
    """Return what an account did about a message of the stream with this key; `run` executes a statement."""
    events = [decode_event(body) for (body,) in run(_REACTIONS, (key, msgid, account))]
    return reactions_after(event for event in events if isinstance(event, Reacted | Unreacted))


class Tables(ChannelRows, AccountRows, ServerRows):
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

    def _redacted(self, key: int, _record: Record, event: Redacted) -> None:
        redact_message(self._run, key, event)

    def _reacted(self, key: int, _record: Record, event: Reacted | Unreacted) -> None:
        self._one(_IS_MESSAGE, (event.msgid, key))
        if not changes(load_reactions(self._run, key, event.msgid, event.account), event):
            raise Stale


_FOLDS: dict[type, Callable[[Tables, int, Record, Any], None]] = {
    Posted: Tables._posted,
    Redacted: Tables._redacted,
    Reacted: Tables._reacted,
    Unreacted: Tables._reacted,
    **CHANNEL_FOLDS,
    **ACCOUNT_FOLDS,
    **SERVER_FOLDS,
}

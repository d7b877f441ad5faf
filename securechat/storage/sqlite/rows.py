"""What folding records into rows is made of: statements that must find or change something, or the facts have passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from securechat.chat.streams import StreamId
from securechat.storage.records import Stale


class Rows:
    """Rows within the writer's transaction.

    `key` is throughout the integer key of the record's stream, which is a channel's key too.
    newest_seq: returns the seq of a stream's newest record, 0 for none; what is not written back yet counts.
    """

    def __init__(self, connection: apsw.Connection, newest_seq: Callable[[StreamId], int]) -> None:
        self._run = connection.execute
        self._changes = connection.changes
        self._newest_seq = newest_seq

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

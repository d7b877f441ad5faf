"""Exports under way: an account's data and all it has written, drawn from the store as the client reads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from securechat.chat.ask import Ask
from securechat.chat.export import Export
from securechat.chat.ports import History, WritingsQuery
from securechat.wire.message import Message


class Exports:
    """One at a time for an account: the work is the server's, and more at once would be no quicker."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._under_way: set[str] = set()

    async def draw(self, ask: Ask, account: str, reference: str) -> AsyncGenerator[Iterable[Message], None]:
        """Yield the lines of an export, a page of messages at a time; `reference` names its batch.

        Raises: Refusal while another one of the same account is under way.
        """
        if account in self._under_way:
            raise ask.refuse_by_fail("TRY_AGAIN", "EXPORT", "Another export of this account is under way")
        self._under_way.add(account)
        try:
            export = Export(ask, reference)
            yield export.begin()
            query: WritingsQuery | None = WritingsQuery(account)
            while query is not None:
                page = await self._history.writings(query)
                yield export.add(page)
                query = None if page.after is None else WritingsQuery(account, page.after)
            yield export.end()
        finally:
            self._under_way.discard(account)

"""Which question to the history a query is."""

from __future__ import annotations

from securechat.chat.ports import (
    ConversationsQuery,
    History,
    HistoryQuery,
    PlaybackQuery,
    Query,
    ReactionsQuery,
    SearchQuery,
)


async def look_up(history: History, query: Query) -> object:
    """Return what the history answers to a query."""
    match query:
        case HistoryQuery():
            return await history.read(query)
        case ConversationsQuery():
            return await history.conversations(query)
        case ReactionsQuery():
            return await history.reactions(query)
        case SearchQuery():
            return await history.search(query)
    assert not isinstance(query, PlaybackQuery), "it is handed out page by page"
    return await history.writings(query)

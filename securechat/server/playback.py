"""What *playback plays: conversation by conversation, each read when the one before it was drawn. (znc.in/playback)"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable

from securechat.chat.ask import Ask
from securechat.chat.handlers.playback import FOREVER, matches
from securechat.chat.ports import Bound, ConversationsQuery, Form, History, HistoryQuery, PlaybackQuery
from securechat.chat.replay import replayed
from securechat.wire.capabilities import BATCH
from securechat.wire.message import Message

MOST = 1000
"""Messages of a conversation, the newest."""
CONVERSATIONS = 10_000


async def play(
    history: History, ask: Ask, query: PlaybackQuery, next_batch: Callable[[], str]
) -> AsyncGenerator[Iterable[Message], None]:
    """Yield the messages of each conversation asked for as lines, in a batch where the client knows them."""
    session, world = ask.session, ask.world
    found = await history.conversations(ConversationsQuery(query.account, query.start, FOREVER, CONVERSATIONS))
    played = False
    for stream, _ in found:
        if not matches(query.patterns, world.conversation_name(stream, query.account)):
            continue
        # From the end backwards: of too many the newest are kept.
        bounds = Bound(time=query.end), Bound(time=query.start)
        page = await history.read(HistoryQuery(query.account, stream, Form.BETWEEN, MOST, *bounds))
        if page.records:
            played = True
            reference = next_batch() if session.has(BATCH) else ""
            yield replayed(world, session, page.records, reference, before=FOREVER, kind="znc.in/playback")
    if not played:
        yield ()

"""For keeping, as JSON lines: whole conversations, oldest first, or all that the server keeps of oneself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from securechat.client.events import (
    Disconnected,
    ExportEnded,
    ExportRow,
    Failed,
    Following,
    GapSuspected,
    HistoryFailed,
    Left,
    MessageSeen,
    TargetsPage,
)
from securechat.errors import ConfigError, SecurechatError, UnreachableError
from securechat.plain.access import Access, check_target
from securechat.plain.oneshot import PATIENCE, parse_since, print_message, word_unreadable
from securechat.plain.printed import print_line, warn
from securechat.plain.takeout import Rows
from securechat.plain.visible import show
from securechat.plain.wording import word_lost_connection
from securechat.wire.names import fold

FROM_THE_BEGINNING: Final = (0, "")


async def export(access: Access, targets: Sequence[str], since: str | None) -> int:
    """Print all messages of conversations, and end when there are no more.

    A link that follows them fetches page by page, as after any absence: what is held at once does not grow with what
    there is, a lost connection goes on where it was, and nothing is printed twice.

    targets: channels and people; none at all for every conversation.
    since: a time, or with one target a msgid: only what came after it.
    """
    for target in targets:
        check_target(target)
    start = FROM_THE_BEGINNING if since is None else parse_since(since)
    if start[1] and len(targets) != 1:
        raise ConfigError("a msgid belongs to one conversation: to go on with several, give --since a time")
    wanted = {fold(target): target for target in targets or await list_conversations(access)}
    positions = dict.fromkeys(wanted.values(), start)
    async with access.open_link(follow=tuple(wanted.values()), since=positions) as link:
        while wanted:
            try:
                async with asyncio.timeout(PATIENCE):
                    event = await anext(link)
            except TimeoutError:
                if link.is_online:
                    raise UnreachableError("the server does not answer") from None
                continue
            match event:
                case MessageSeen():
                    print_message(event, as_json=True)
                case Following():
                    wanted.pop(fold(event.conversation), None)
                case Disconnected():
                    warn(word_lost_connection(event))
                case GapSuspected():
                    where, why = show(event.conversation), show(event.reason)
                    raise SecurechatError(f"{where}: the export would not be whole: {why}")
                case HistoryFailed():
                    raise word_unreadable(event)
                case Left() if event.own and fold(event.channel) in wanted:
                    raise SecurechatError(f"you are no longer in {show(event.channel)}")
                case _:
                    pass
    return 0


async def export_mine(access: Access) -> int:
    """Print one's account's data and all one ever wrote, row by row as the server sends them. (docs/protocol.md)

    Raises:
        UnreachableError: the connection was lost: what was printed is not all of it.
        SecurechatError: the server refuses, or what it sends makes no sense.
    """
    rows = Rows()
    async with access.open_link(follow=()) as link:
        link.command("ACCOUNT", "EXPORT")
        async for event in link:
            match event:
                case ExportRow():
                    print_line(rows.read(event))
                case ExportEnded():
                    return 0
                case Failed(command="ACCOUNT"):
                    raise SecurechatError(f"the server does not export: {show(event.reason or event.code)}")
                case Disconnected():
                    raise UnreachableError(f"connection lost: {event.reason}; the export is not whole")
                case _:
                    pass
    raise UnreachableError("the link has ended; the export is not whole")


async def list_conversations(access: Access) -> list[str]:
    """Return the channels and people whose messages we may read.

    Raises:
        UnreachableError: the server does not answer.
    """
    found: dict[str, tuple[int, str]] = {}
    async with access.open_link(follow=()) as link:
        link.ask_targets()
        try:
            async with asyncio.timeout(PATIENCE):
                async for event in link:
                    match event:
                        case TargetsPage():
                            known = len(found)
                            found.update((fold(name), (time, name)) for name, time in event.targets)
                            if len(found) == known:
                                return sorted(name for _, name in found.values())
                            # A page excludes its bound, and two conversations can share a millisecond.
                            link.ask_targets(max(0, max(time for time, _ in found.values()) - 1))
                        case HistoryFailed():
                            raise word_unreadable(event)
                        case Disconnected():
                            raise UnreachableError(f"connection lost: {event.reason}")
                        case _:
                            pass
        except TimeoutError:
            pass
    raise UnreachableError("the server does not answer")

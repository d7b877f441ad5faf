"""One-shot commands for scripts: send, tail, history. Standard output is data, standard error is talk."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from securechat.client.errors import DeliveryUnknown, LineTooLong, MessageRefused, Unsendable
from securechat.client.events import (
    Disconnected,
    Following,
    GapSuspected,
    HistoryFailed,
    HistoryPage,
    HistoryRequest,
    Left,
    MessageSeen,
)
from securechat.client.link import Link
from securechat.client.outbox import Outgoing
from securechat.errors import ConfigError, SecurechatError, UnreachableError
from securechat.plain.access import Access, check_target
from securechat.plain.printed import print_line, warn
from securechat.plain.typed import find_stdin, read_lines
from securechat.plain.visible import show
from securechat.plain.wording import word_event, word_lost_connection, word_message
from securechat.wire.names import fold
from securechat.wire.times import format_time, parse_time

PATIENCE: Final = 60.0
"""Seconds to wait for the echo of a message, reconnects included."""
MAX_UNCONFIRMED: Final = 500
"""Messages on their way at once."""
UNCONFIRMED: Final = 3
"""The exit code when nothing is known of a message."""
ROW_VERSION: Final = 1
"""What `--json` rows say in `v`; it grows when a field changes its meaning or goes, not when one is added."""

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


async def send(access: Access, target: str, text: str | None, message_id: str | None) -> int:
    """Send a text, or the lines of standard input, and wait until every message is stored.

    message_id: a UUID for the first message; the ids of the others follow from it, so that the whole can be repeated.
    Returns the exit code: 0 only if each of them was echoed.
    """
    check_target(target)
    first = _parse_id(message_id)
    async with access.open_link(follow=()) as link:
        draining = asyncio.create_task(_drain(link))
        try:
            code = await _send_all(link, target, _lines_of(text), first)
            await link.close()
            if code:
                # Raises what ended the link for good, where something did.
                await draining
            return code
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)


async def tail(access: Access, target: str, since: str | None, *, as_json: bool) -> int:
    """Print the messages of a conversation as they come, first those after `since` (a msgid or a time)."""
    check_target(target)
    start = {} if since is None else {target: parse_since(since)}
    async with access.open_link(follow=(target,), since=start) as link:
        async for event in link:
            match event:
                case MessageSeen():
                    print_message(event, as_json=as_json)
                case Following():
                    warn(f"following {show(target)}")
                case Disconnected():
                    warn(word_lost_connection(event))
                case GapSuspected():
                    warn(word_event(event) or "")
                case HistoryFailed():
                    raise word_unreadable(event)
                case Left() if event.own and fold(event.channel) == fold(target):
                    raise SecurechatError(f"you are no longer in {show(target)}")
                case _:
                    pass
    return 0


async def history(access: Access, target: str, limit: int, *, as_json: bool) -> int:
    """Print the last `limit` messages of a conversation, oldest first."""
    check_target(target)
    pages: list[tuple[MessageSeen, ...]] = []
    async with access.open_link(follow=()) as link:
        before, missing = "*", limit
        while missing > 0:
            link.ask_history(target, missing, before)
            page = await _take_page(link)
            pages.insert(0, page[-missing:])
            missing -= len(page)
            if not page or not page[0].msgid or before == f"msgid={page[0].msgid}":
                break
            before = f"msgid={page[0].msgid}"
    for page in pages:
        for message in page:
            print_message(message, as_json=as_json)
    return 0


def print_message(message: MessageSeen, *, as_json: bool) -> None:
    """Print a message as a line for people, or as one JSON object in ASCII."""
    if as_json:
        row = {
            "v": ROW_VERSION,
            "msgid": message.msgid,
            "time": format_time(message.time),
            "target": message.target,
            "sender": message.sender,
            "text": message.text,
            "command": message.command,
        }
        line = json.dumps(row)
    else:
        line = word_message(message)
    print_line(line)


def word_unreadable(event: HistoryFailed) -> SecurechatError:
    """Return the error that says why a conversation cannot be read, and what to look at."""
    where = show(event.request.target) if isinstance(event.request, HistoryRequest) else "history"
    reason = show(event.reason or event.code)
    return SecurechatError(f"{where}: {reason}; are you a member, and is it written correctly?")


def parse_since(text: str) -> tuple[int, str]:
    """Read a msgid or a time as (milliseconds since 1970, msgid); a time without zone is local.

    Raises:
        ConfigError: it is neither.
    """
    if not _DATE.match(text):
        if not text or not text.isprintable() or " " in text:
            raise ConfigError(f"{text!r} is neither a msgid nor a time like 2026-11-22T10:11:12")
        return 0, text
    try:
        return parse_time(text), ""
    except ValueError:
        pass
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp() * 1000)), ""
    except (ValueError, OverflowError):
        raise ConfigError(f"{text!r} is no time like 2026-11-22, 2026-11-22T10:11 or 2026-11-22T10:11:12Z") from None


async def _send_all(link: Link, target: str, lines: AsyncIterator[bytes], first: uuid.UUID | None) -> int:
    pending: dict[int, Outgoing] = {}
    worst = 0
    number = 0
    try:
        async for line in lines:
            if not line:
                continue
            pending[number + 1] = link.post(target, _decode(line), message_id=_id_of(first, number + 1))
            number += 1
            if len(pending) >= MAX_UNCONFIRMED:
                worst = max(worst, await _confirm(link, pending, PATIENCE))
            if worst == UNCONFIRMED:
                warn(f"securechat-client: what follows message {number} was not sent")
                break
    except (LineTooLong, Unsendable) as error:
        warn(f"securechat-client: message {number + 1}: {error}; it and what follows was not sent")
        worst = max(worst, 1)
    while pending:
        # A server that has let one message wait so long is not waited for again by each of the others.
        worst = max(worst, await _confirm(link, pending, 0 if worst == UNCONFIRMED else PATIENCE))
    if not number and not worst:
        raise ConfigError("there is nothing to send: the text is empty")
    return worst


async def _confirm(link: Link, pending: dict[int, Outgoing], patience: float) -> int:
    """Wait for the oldest message and return the exit code that follows from its fate."""
    number = next(iter(pending))
    message = pending.pop(number)
    try:
        await link.confirm(message, patience)
    except MessageRefused as error:
        warn(f"securechat-client: message {number} to {show(message.target)} was refused: {show(str(error))}")
        return 1
    except DeliveryUnknown as error:
        warn(f"securechat-client: message {number} to {show(message.target)}: {error}")
        return UNCONFIRMED
    return 0


async def _drain(link: Link) -> None:
    async for event in link:
        if isinstance(event, Disconnected):
            warn(word_lost_connection(event))


async def _lines_of(text: str | None) -> AsyncIterator[bytes]:
    if text is None:
        try:
            async for line in read_lines(find_stdin()):
                yield line
        except OSError as error:
            raise Unsendable(f"standard input cannot be read: {error.strerror}") from None
    else:
        for part in text.splitlines():
            yield part.encode(errors="surrogateescape")


async def _take_page(link: Link) -> tuple[MessageSeen, ...]:
    try:
        async with asyncio.timeout(PATIENCE):
            async for event in link:
                match event:
                    case HistoryPage():
                        return event.messages
                    case HistoryFailed():
                        raise word_unreadable(event)
                    case Disconnected():
                        raise UnreachableError(f"connection lost: {event.reason}")
                    case _:
                        pass
    except TimeoutError:
        raise UnreachableError("the server does not answer") from None
    raise UnreachableError("the link has ended")


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Unsendable("not UTF-8") from None


def _parse_id(text: str | None) -> uuid.UUID | None:
    if text is None:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ConfigError(f"--id {text!r} is no UUID") from None


def _id_of(first: uuid.UUID | None, number: int) -> str:
    if first is None:
        return str(uuid.uuid4())
    return str(first if number == 1 else uuid.uuid5(first, str(number)))

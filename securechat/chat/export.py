"""One's account data and all one has written, as JSON lines, and those as lines of the wire. (vendor extension)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from securechat.chat.ask import Ask
from securechat.chat.channel import role_of
from securechat.chat.event import Event
from securechat.chat.events import Posted, Record, TopicSet
from securechat.chat.ports import AccountState, Writings
from securechat.chat.streams import other_party
from securechat.chat.world import World
from securechat.wire import capabilities
from securechat.wire.batch import close_batch, open_batch
from securechat.wire.message import Message
from securechat.wire.times import format_time

VERSION = 1
"""Of the rows, which every row of the account says; what is added later does not raise it."""
PART_LENGTH = 350
"""Bytes of a row in one line."""
BATCH_TYPE = "securechat.internal/export"
ROLE_NAMES = {"q": "owner", "o": "operator", "v": "voice", "": "member"}


def writer_of(event: Event) -> str:
    """Return the account (id) whose words a message or a topic is, "" for what is neither."""
    if isinstance(event, Posted):
        return event.account
    return event.by if isinstance(event, TopicSet) else ""


def account_rows(world: World, account: AccountState) -> Iterator[dict[str, Any]]:
    """Yield what is known of an account: itself, what it says of itself, devices without tokens, whom it ignores, where it is."""
    created = format_time(account.created)
    yield {"type": "account", "v": VERSION, "name": account.name, "role": account.role, "created": created}
    for key, value in sorted(account.metadata.items()):
        yield {"type": "metadata", "key": key, "value": value}
    for device in list(account.devices.values()):
        yield {"type": "device", "id": device.id, "label": device.label, "created": format_time(device.created)}
    for name in sorted(map(world.directory.name_of, account.ignored)):
        yield {"type": "ignored", "name": name}
    for channel in world.directory.channels_of(account.id):
        role = role_of(channel, account.id)
        if role is not None:
            yield {"type": "membership", "channel": channel.name, "role": ROLE_NAMES[role]}


def message_rows(world: World, writings: Writings) -> Iterator[dict[str, Any]]:
    """Yield a row for each message and topic of a page of what somebody wrote."""
    for record in writings.records:
        event = record.event
        target = _target_of(world, record, writings)
        place = {"msgid": record.msgid, "time": format_time(record.time), "target": target}
        if isinstance(event, Posted):
            said = {"command": event.command, "text": event.text, "tags": event.tags}
            yield {"type": "message", **place, **said}
        elif isinstance(event, TopicSet) and event.text:
            yield {"type": "topic", **place, "text": event.text}


def _target_of(world: World, record: Record, writings: Writings) -> str:
    if record.stream in writings.names:
        return writings.names[record.stream]
    return world.directory.name_of(other_party(record.stream, writer_of(record.event)))


class Export:
    """The answer to ACCOUNT EXPORT, worded a page at a time and all of it in one batch where the client knows them.

    A line says of which row, counted from 1, it holds a part. Each page is drawn before the next one is worded.
    """

    def __init__(self, ask: Ask, reference: str) -> None:
        self._ask = ask
        self._reference = reference if ask.session.has(capabilities.BATCH) else ""
        self._rows = 0

    def begin(self) -> Iterator[Message]:
        """Yield what is known of the account itself."""
        if self._reference:
            yield open_batch(self._reference, BATCH_TYPE, source=self._ask.world.server_name)
        yield from self._rows_of(account_rows(self._ask.world, self._ask.account))

    def add(self, writings: Writings) -> Iterator[Message]:
        """Yield a page of what the account has written."""
        yield from self._rows_of(message_rows(self._ask.world, writings))

    def end(self) -> Iterator[Message]:
        """Yield the end."""
        yield self._inside(self._ask.note("END_OF_EXPORT", f"{self._rows} rows"))
        if self._reference:
            yield close_batch(self._reference, source=self._ask.world.server_name)

    def _rows_of(self, rows: Iterable[dict[str, Any]]) -> Iterator[Message]:
        for row in rows:
            self._rows += 1
            for part in split_text(msgspec.json.encode(row).decode(), PART_LENGTH):
                yield self._inside(self._ask.note("EXPORT", str(self._rows), part))

    def _inside(self, line: Message) -> Message:
        if self._reference:
            line.tags["batch"] = self._reference
        return line


def split_text(text: str, length: int) -> Iterator[str]:
    """Cut a text between characters into parts of at most `length` bytes; joined they are the text again."""
    part: list[str] = []
    size = 0
    for character in text:
        width = len(character.encode())
        if size + width > length:
            yield "".join(part)
            part, size = [], 0
        part.append(character)
        size += width
    if part:
        yield "".join(part)

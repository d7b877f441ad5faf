"""How messages look that a client gets later than everybody else, without having asked for them one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from securechat.chat import render
from securechat.chat.events import Record
from securechat.chat.session import Session
from securechat.chat.streams import StreamId
from securechat.chat.world import World
from securechat.wire.batch import close_batch, open_batch
from securechat.wire.capabilities import SERVER_TIME
from securechat.wire.framing import MAX_REST
from securechat.wire.message import Message, encode
from securechat.wire.times import format_time

PING_PREFIX = "read-"
"""Begins the token of PINGs whose PONG says how far a device has got; a number follows."""
ACTION = "\x01ACTION "


def replayed(
    world: World, session: Session, records: Sequence[Record], reference: str, *, before: int, kind: str = "chathistory"
) -> Iterator[Message]:
    """Yield messages of one conversation for a session. (IRCv3 batch, chathistory batch type)

    reference: names their batch, empty for none. before: messages older than this (ms since 1970) say in their text when
    they were said, where the client does not know server-time.
    """
    name = world.conversation_name(records[0].stream, session.account)
    if reference:
        yield open_batch(reference, kind, name, source=world.server_name)
    for record in records:
        lines = render.messages(record, world, session.caps)
        if lines and not session.caps & SERVER_TIME and record.time < before:
            # Of a batch of several lines the first is not said but opens it.
            _put_time(lines[lines[0].command == "BATCH"], record.time)
        for line in lines:
            if reference:
                line.put_tag("batch", reference)
            yield line
    if reference:
        yield close_batch(reference, world.server_name)


def left_out(world: World, stream: StreamId, viewer: str, more: int) -> Message:
    """Return the NOTICE that says how many older messages of a conversation were not replayed."""
    name = world.conversation_name(stream, viewer)
    target = name if stream[0] == "c" else world.directory.name_of(viewer)
    text = f"{more} older messages in {name} that you missed were not shown; they are in its history"
    return Message("NOTICE", (target, text), world.server_name)


def _put_time(line: Message, time: int) -> None:
    """Put the time before a text as bouncers do; where the line has no room for it, or it is no text, nowhere."""
    target, text = line.params
    stamp = f"[{format_time(time)[:16].replace('T', ' ')} UTC] "
    if text.startswith(ACTION):
        stamped = f"{ACTION}{stamp}{text.removeprefix(ACTION)}"
    elif text.startswith("\x01"):
        return
    else:
        stamped = stamp + text
    line.params = (target, stamped)
    tags, line.tags = line.tags, {}
    if len(encode(line)) > MAX_REST:
        line.params = (target, text)
    line.tags = tags

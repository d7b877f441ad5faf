"""What must hold whatever is sent: two who talk throughout, an ear at the log, an ear at the loop."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from tests.server.harness import DEADLINE, PASSWORD, RunningServer
from tests.server.witness import Judge, Witness

UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
NAMES = ("wanda", "wilma")
CAPS = "server-time message-tags echo-message batch labeled-response account-tag away-notify extended-join"


class FuzzFailure(AssertionError):
    """Something that must hold does not."""


class Ear:
    """Hears every event of the log and every exception that reaches the loop; `faults` is what must not have been."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.events: Counter[str] = Counter()

    def hear_event(self, _logger: Any, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Look at an event as it will be printed; a processor of structlog's."""
        self.events[event["event"]] += 1
        if level in ("error", "critical") or "exc_info" in event or "internal error" in str(event):
            self.faults.append(f"log: {level} {dict(event)!r}")
        for printed in (
            json.dumps({**event}, default=str),
            " ".join(f"{key}={value!r}" for key, value in event.items()),
        ):
            if UNPRINTED.search(printed):
                self.faults.append(f"log: a control character in {printed!r}")
        raise structlog.DropEvent

    def hear_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note what nobody caught; the loop's exception handler."""
        self.faults.append(f"loop: {context.get('message')}: {context.get('exception')!r}")


@contextmanager
def listening() -> Iterator[Ear]:
    """Listen to the running loop and to all loggers."""
    ear, loop = Ear(), asyncio.get_running_loop()
    before, handler = structlog.get_config(), loop.get_exception_handler()
    structlog.configure(
        processors=[ear.hear_event], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=False
    )
    loop.set_exception_handler(ear.hear_exception)
    try:
        yield ear
    finally:
        loop.set_exception_handler(handler)
        structlog.configure(**before)


async def judged(server: RunningServer, name: str, caps: str) -> Witness:
    """Return a client that has signed in and judges every line it gets."""
    client = await server.connect()
    witness = Witness(client.reader, client.writer, Judge(name))
    try:
        await witness.sign_in(name, caps=caps, secret=PASSWORD)
    except BaseException:
        leave(server, client.writer)
        raise
    return witness


def leave(server: RunningServer, writer: asyncio.StreamWriter) -> None:
    """End a connection at once and forget it."""
    writer.transport.abort()
    server.clients[:] = [client for client in server.clients if client.writer is not writer]


class Talk:
    """Two members of a channel of their own who say one thing after the other; each hears all of it, in order."""

    def __init__(self, members: list[Witness]) -> None:
        self.members = members
        self.said = 0

    @classmethod
    async def begin(cls, server: RunningServer) -> Talk:
        """Let both come in."""
        await server.add(*NAMES)
        members = [await judged(server, name, CAPS) for name in NAMES]
        for member in members:
            await member.ask("JOIN #witness")
        await members[0].ask("MODE #witness +ns")
        return cls(members)

    async def go_on(self) -> None:
        """Say the next thing and hear it twice; raises FuzzFailure if it does not come, or anything else comes there."""
        speaker, text = self.members[self.said % 2], str(self.said)
        self.said += 1
        speaker.send(f"PRIVMSG #witness :{text}")
        for member in self.members:
            member.seen.clear()
            try:
                heard = await member.until("PRIVMSG", "#witness")
            except (TimeoutError, EOFError) as error:
                raise FuzzFailure(f"{member.judge.nick} heard no {text} within {DEADLINE} s: {error!r}") from error
            if (heard.params[1], heard.source.partition("!")[0]) != (text, speaker.judge.nick):
                raise FuzzFailure(f"{member.judge.nick} heard {heard} instead of {text}")
            require_no_faults(member)


def require_no_faults(witness: Witness) -> None:
    """Raise FuzzFailure for what was wrong with lines that somebody was sent."""
    if witness.judge.faults:
        raise FuzzFailure(f"malformed: {witness.judge.faults[0]}")

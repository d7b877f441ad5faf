"""The library pydle, driven by lines of JSON: [method of its client, arguments…] in, [event, what it hands out] out.

It has no setting for a CA of one's own and goes by OpenSSL's: SSL_CERT_FILE.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pydle

EVENTS = {
    "on_connect": (),
    "on_message": ("target", "by", "message"),
    "on_notice": ("target", "by", "message"),
    "on_join": ("channel", "user"),
    "on_part": ("channel", "user", "message"),
    "on_kick": ("channel", "target", "by", "reason"),
    "on_mode_change": ("channel", "modes", "by"),
    "on_topic_change": ("channel", "message", "by"),
    "on_nick_change": ("old", "new"),
    "on_user_online": ("nickname",),
    "on_user_offline": ("nickname",),
}


def tell(name: str, **row: Any) -> None:
    print(json.dumps([name, row], default=sorted), flush=True)


class Driven(pydle.Client):
    """Its client; what it keeps itself of channels and people is told on demand."""

    async def on_raw_pong(self, message: Any) -> None:
        tell("pong", token=message.params[-1])

    def show(self, name: str) -> None:
        """Tell what it knows of a channel."""
        channel = self.channels[name]
        kept = {key: channel[key] for key in ("users", "topic", "topic_by", "modes")}
        tell("shown", nick=self.nickname, **kept)

    async def obey(self) -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            method, *arguments = json.loads(line)
            told = getattr(self, method)(*arguments)
            if asyncio.iscoroutine(told):
                answer = await told
                if answer is not None:
                    tell(method, answer=answer)


def hear(event: str, names: tuple[str, ...]) -> None:
    """Let the client tell an event."""
    inherited = getattr(Driven, event)

    async def heard(self: Driven, *values: Any) -> None:
        await inherited(self, *values)
        tell(event, **dict(zip(names, values, strict=False)))

    setattr(Driven, event, heard)


async def main(options: dict[str, Any]) -> None:
    for event, names in EVENTS.items():
        hear(event, names)
    client = Driven(options["nick"], realname="A Pydle")
    try:
        await client.connect(options["host"], options["port"], tls=True, tls_verify=True, password=options["password"])
    except OSError as error:
        tell("refused", why=str(error))
        return
    await client.obey()


asyncio.run(main(json.loads(sys.stdin.readline())))

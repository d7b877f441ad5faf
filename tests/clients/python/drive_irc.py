"""The library irc, driven by lines of JSON: [method of its connection, arguments…] in, [event, what it hands out] out."""

from __future__ import annotations

import functools
import json
import ssl
import sys
import threading
from typing import Any

import irc.bot
import irc.client
from irc.connection import Factory


def tell(name: str, **row: Any) -> None:
    print(json.dumps([name, row]), flush=True)


class Driven(irc.bot.SingleServerIRCBot):
    """Its bot, which keeps the channels it is in; tells everything that happens."""

    def __init__(self, options: dict[str, Any]) -> None:
        context = ssl.create_default_context(cafile=options["ca"])
        wrapper = functools.partial(context.wrap_socket, server_hostname=options["host"])
        super().__init__(
            [irc.bot.ServerSpec(options["host"], options["port"], options["password"])],
            options["nick"],
            "An Irc",
            connect_factory=Factory(wrapper=wrapper),
            **options["more"],
        )
        self.reactor.add_global_handler("all_events", self.tell_event)

    def tell_event(self, connection: irc.client.ServerConnection, event: irc.client.Event) -> None:
        if event.type != "all_raw_messages":
            source = event.source.nick if isinstance(event.source, irc.client.NickMask) else event.source
            tell(event.type, source=source, target=event.target, args=event.arguments)

    def show(self, name: str) -> None:
        """Tell what it knows of a channel."""
        channel = self.channels[name]
        tell(
            "shown",
            users=sorted(channel.users()),
            owners=sorted(channel.owners()),
            opers=sorted(channel.opers()),
            voiced=sorted(channel.voiced()),
            modes=sorted(mode for mode in channel.modes if channel.modes[mode]),
        )

    def connect(self, *arguments: Any, **options: Any) -> None:
        try:
            super().connect(*arguments, **options)
        except irc.client.ServerConnectionError as error:
            tell("refused", why=str(error))
            raise

    def obey(self) -> None:
        for line in sys.stdin:
            method, *arguments = json.loads(line)
            (self.show if method == "show" else getattr(self.connection, method))(*arguments)


driven = Driven(json.loads(sys.stdin.readline()))
threading.Thread(target=driven.obey, daemon=True).start()
driven.start()

"""What every client of securechat shares: the session, the outbox, the state, the link that holds them together.

Knows the wire and TLS as a client sees it. Must not know the rules of the chat (`chat`), terminals, prompts or
command lines: nothing here prints. `session`, `outbox`, `state` and `gaps` do no I/O; `link` is their asyncio shell.

    context = build_context(Path("ca.pem"))
    async with Link(Address("chat.example", 6697), "robot", token, context) as link:
        async for event in link:
            if isinstance(event, MessageSeen) and not event.own and event.text == "!ping":
                await link.deliver(event.conversation, "pong")
"""

from __future__ import annotations

from securechat.client.address import Address
from securechat.client.errors import DeliveryUnknown, LineTooLong, MessageRefused, SignInError
from securechat.client.events import Event, MessageSeen
from securechat.client.link import Link
from securechat.client.outbox import Delivery, Outgoing
from securechat.client.timing import Timing
from securechat.client.trust import build_context

__all__ = [
    "Address",
    "Delivery",
    "DeliveryUnknown",
    "Event",
    "LineTooLong",
    "Link",
    "MessageRefused",
    "MessageSeen",
    "Outgoing",
    "SignInError",
    "Timing",
    "build_context",
]

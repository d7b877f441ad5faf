"""What every client of securechat shares, and what a bot is written with: a lasting link, its events, its errors.

Knows the wire and TLS as a client sees it. Must not know the rules of the chat (`chat`), terminals, prompts or
command lines: nothing here prints. `session`, `outbox`, `state` and `gaps` do no I/O; `link` is their asyncio shell on
`connection`, and `journal`, `notebook`, `profile` and `credentials` keep files.

    context = build_context(Path("ca.pem"))
    async with Link(Address("chat.example", 6697), "robot", token, context) as link:
        async for event in link:
            if isinstance(event, MessageSeen) and not event.own and event.text == "!ping":
                await link.deliver(event.conversation, "pong")

What is in `__all__` is what others may rely on; docs/bots.md explains it.
"""

from __future__ import annotations

from securechat.client.address import Address, parse_address
from securechat.client.errors import DeliveryUnknown, LineTooLong, MessageRefused, SignInError, Unsendable
from securechat.client.events import (
    AccountDeleted,
    Acknowledged,
    AwayChanged,
    Departed,
    Disconnected,
    Event,
    ExportEnded,
    ExportRow,
    Failed,
    Following,
    GapSuspected,
    HistoryFailed,
    HistoryPage,
    Invited,
    Joined,
    Left,
    Listing,
    MessageSeen,
    ModeChanged,
    NamesListed,
    Noticed,
    PasswordChanged,
    Refused,
    Renamed,
    SignedIn,
    TargetsPage,
    TopicSet,
)
from securechat.client.link import Link
from securechat.client.outbox import Delivery, Outgoing
from securechat.client.timing import Timing
from securechat.client.trust import build_context
from securechat.errors import ConfigError, SecurechatError, UnreachableError

__all__ = [
    "AccountDeleted",
    "Acknowledged",
    "Address",
    "AwayChanged",
    "ConfigError",
    "Delivery",
    "DeliveryUnknown",
    "Departed",
    "Disconnected",
    "Event",
    "ExportEnded",
    "ExportRow",
    "Failed",
    "Following",
    "GapSuspected",
    "HistoryFailed",
    "HistoryPage",
    "Invited",
    "Joined",
    "Left",
    "LineTooLong",
    "Link",
    "Listing",
    "MessageRefused",
    "MessageSeen",
    "ModeChanged",
    "NamesListed",
    "Noticed",
    "Outgoing",
    "PasswordChanged",
    "Refused",
    "Renamed",
    "SecurechatError",
    "SignInError",
    "SignedIn",
    "TargetsPage",
    "Timing",
    "TopicSet",
    "UnreachableError",
    "Unsendable",
    "build_context",
    "parse_address",
]

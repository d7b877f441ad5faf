"""What follows an account's new name: its user and its account name are new too, and some clients want to be told so."""

from __future__ import annotations

from securechat.chat.events import Record, Renamed
from securechat.chat.render import tags_of_account
from securechat.chat.world import World
from securechat.wire.capabilities import ACCOUNT_NOTIFY, CHGHOST, SERVER_TIME
from securechat.wire.message import Message
from securechat.wire.times import format_time


def identity_lines(record: Record, event: Renamed, world: World, caps: int) -> list[Message]:
    """Return what a client with these capabilities is told after the NICK. (IRCv3 chghost, account-notify)

    Nobody without chghost is shown a QUIT and JOINs instead: the NICK has told them, and no ban or mask goes by the user.
    """
    tags = tags_of_account(world, record.stream[2:], caps)
    if caps & SERVER_TIME:
        tags["time"] = format_time(record.time)
    lines = []
    if caps & CHGHOST:
        lines.append(Message("CHGHOST", (event.name, "securechat"), f"{event.name}!{event.was}@securechat", dict(tags)))
    if caps & ACCOUNT_NOTIFY:
        lines.append(Message("ACCOUNT", (event.name,), f"{event.name}!{event.name}@securechat", dict(tags)))
    return lines

"""A token for this device in exchange for a password, so that the password is typed once."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Final

from securechat.client.errors import Unsendable
from securechat.client.events import Disconnected, Failed, Noticed
from securechat.client.link import Link

PATIENCE: Final = 10.0
"""Seconds for the server's answer."""
LABEL_BYTES: Final = 64

_TOKEN: Final = re.compile(r"(?<!\S)sct_[a-z2-7]{20,100}(?!\S)")


async def obtain_token(link: Link, label: str) -> str:
    """Have the server make a token for this device; "" when it does not. (docs/protocol.md, ACCOUNT DEVICE ADD)

    label: what the device is called in lists, at most 64 bytes.
    """
    try:
        link.command("ACCOUNT", "DEVICE", "ADD", label)
        async with asyncio.timeout(PATIENCE):
            async for event in link:
                match event:
                    case Noticed(code="NOTE") if found := _TOKEN.search(event.text):
                        return found[0]
                    case Failed(command="ACCOUNT") | Failed(code="421") | Disconnected():
                        return ""
                    case _:
                        pass
    except (TimeoutError, Unsendable):
        pass
    return ""


def name_device() -> str:
    """Return what this machine calls itself, as a device's label."""
    shown = "".join(character for character in socket.gethostname() if character.isprintable())
    return shown.encode(errors="ignore")[:LABEL_BYTES].decode(errors="ignore") or "securechat-client"

"""Lines that somebody types or pipes in, without ever blocking the loop."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from typing import Final

from securechat.client.errors import Unsendable
from securechat.errors import ConfigError

MAX_LINE: Final = 1 << 20
CHUNK: Final = 65_536


def find_stdin() -> int:
    """Return the descriptor of standard input.

    Raises:
        ConfigError: it is closed.
    """
    if sys.stdin is None:
        raise ConfigError("standard input is closed")
    return sys.stdin.fileno()


async def read_lines(descriptor: int) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a pipe, file or terminal as they come, endings removed.

    Reads the descriptor itself: a buffered reader would already hold what was piped in behind the password.

    Raises:
        Unsendable: a line is longer than `MAX_LINE` bytes.
    """
    held = b""
    while True:
        await _wait_readable(descriptor)
        chunk = os.read(descriptor, CHUNK)
        if not chunk:
            break
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
        if len(held) > MAX_LINE:
            raise Unsendable(f"a line of more than {MAX_LINE} bytes")
    if held:
        yield held.removesuffix(b"\r")


async def _wait_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, _resolve, readable)
    except PermissionError:
        # Plain files and /dev/null cannot be waited for, and never make anybody wait.
        return
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""Points in time as IRCv3 server-time writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_FORMAT: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def format_time(ms: int) -> str:
    """Write milliseconds since 1970 UTC as `2026-11-22T10:11:12.345Z`. (IRCv3 server-time)"""
    seconds, fraction = divmod(ms, 1000)
    return f"{_format_second(seconds)}.{fraction:03d}Z"


def parse_time(text: str) -> int:
    """Read a server-time stamp as milliseconds since 1970 UTC; digits beyond milliseconds are cut off.

    A leap second (23:59:60) counts as the second after it.

    Raises:
        ValueError: the text is in any other format, or no such day or hour exists.
    """
    found = _FORMAT.fullmatch(text)
    if found is None:
        raise ValueError(f"not a time like 2026-11-22T10:11:12.345Z: {text!r}")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    leap = (hour, minute, second) == (23, 59, 60)
    moment = datetime(year, month, day, hour, minute, second - leap, tzinfo=UTC)
    fraction = int((found[7] or "0").ljust(3, "0")[:3])
    # A leap second behind the last second that can be written is refused: OverflowError would be no ValueError.
    if leap and (year, month, day) == (9999, 12, 31):
        raise ValueError(f"no time can be written that is as late as {text!r}")
    return (moment - _EPOCH) // _MILLISECOND + 1000 * leap + fraction


@lru_cache(maxsize=1024)
def _format_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]

"""Lists that were asked for, as lines for people. Every field goes through `show`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from securechat.client.events import Listing
from securechat.plain.visible import show
from securechat.plain.wording import local_time
from securechat.wire.times import parse_time

MAX_ROWS: Final = 500
"""Rows shown of one list."""

_Row = tuple[str, ...]


def word_listing(listing: Listing) -> list[str]:
    """Return the lines that show a list."""
    word_head, word_row = _WORDINGS[listing.kind]
    rows = [word_row(row) for row in listing.rows[:MAX_ROWS]]
    lines = [f"-- {word_head(listing)}", *(f"--   {line}" for line in _align(rows))]
    more = len(listing.rows) - MAX_ROWS
    return [*lines, f"--   and {more} more"] if more > 0 else lines


def _align(rows: Sequence[_Row]) -> list[str]:
    """Return rows with their columns one below the other, the last one as it is."""
    widths = [max(map(_measure, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([*map(_pad, row[:-1], widths), row[-1]]).rstrip() for row in rows]


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _measure(cell))


def _measure(cell: str) -> int:
    if cell.isascii():
        return len(cell)
    # What knows the width of every character takes its time to load.
    from securechat.plain.wrapping import measure

    return measure(cell)


def _who_head(listing: Listing) -> str:
    return f"{show(listing.subject)}: {_count(len(listing.rows), 'person', 'people')}"


def _who_row(row: _Row) -> _Row:
    nick, flags, place = row
    role = flags.lstrip("HG*")
    return show(role + nick), "away" if flags.startswith("G") else "here", "" if place == "*" else show(place)


def _whois_row(row: _Row) -> _Row:
    return show(row[0]), show(row[1])


def _channels_head(listing: Listing) -> str:
    return _count(len(listing.rows), "channel", "channels")


def _channels_row(row: _Row) -> _Row:
    return show(row[0]), show(row[1]), show(row[2])


def _bans_head(listing: Listing) -> str:
    return f"{show(listing.subject)}: {_count(len(listing.rows), 'ban', 'bans')}"


def _bans_row(row: _Row) -> _Row:
    when = local_time(int(row[2]) * 1000) if row[2].isascii() and row[2].isdigit() else None
    return show(row[0]), f"by {show(row[1])}", f"{when:%Y-%m-%d %H:%M}" if when else ""


def _devices_head(listing: Listing) -> str:
    return f"{_count(len(listing.rows), 'device', 'devices')} with a token of its own; /devices del ID revokes one"


def _devices_row(row: _Row) -> _Row:
    device, created, which, label = row
    try:
        when = local_time(parse_time(created))
    except ValueError:
        when = None
    this = " (this one)" if which == "this-device" else ""
    return show(device), f"{when:%Y-%m-%d}" if when else "", f"{show(label)}{this}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


_WORDINGS: Final[dict[str, tuple[Callable[[Listing], str], Callable[[_Row], _Row]]]] = {
    "who": (_who_head, _who_row),
    "whois": (lambda listing: f"{show(listing.subject)}:", _whois_row),
    "channels": (_channels_head, _channels_row),
    "bans": (_bans_head, _bans_row),
    "devices": (_devices_head, _devices_row),
}

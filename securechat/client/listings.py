"""Answers that come in many lines, collected into one `Listing`.

    who       352 … 315   nick, `H` or `G` with role prefixes, channel or `*`
    whois     311 … 318   what it is (nick, in, server, away, account, note), words
    channels  322 … 323   channel, members, topic
    bans      367 … 368   mask, who set it, time in seconds since 1970
    devices   NOTE …      id, created, `this-device` or `device`, label

An export has no end that could be waited for with all of it in memory: its rows are told one by one.

(Modern IRC; docs/protocol.md for devices)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from securechat.client.events import AccountDeleted, Event, ExportEnded, ExportRow, Listing, PasswordChanged
from securechat.wire.message import Message
from securechat.wire.numerics import (
    RPL_AWAY,
    RPL_BANLIST,
    RPL_ENDOFBANLIST,
    RPL_ENDOFWHO,
    RPL_ENDOFWHOIS,
    RPL_LIST,
    RPL_LISTEND,
    RPL_LISTSTART,
    RPL_WHOISACCOUNT,
    RPL_WHOISCHANNELS,
    RPL_WHOISOPERATOR,
    RPL_WHOISSECURE,
    RPL_WHOISSERVER,
    RPL_WHOISUSER,
    RPL_WHOREPLY,
)

MAX_ROWS: Final = 10_000
"""Rows of a listing; a server that sends more is not listened to further."""
MAX_EXPORT_ROW: Final = 1 << 20
"""Characters of one row of an export, far more than a line and its tags can hold; what is longer comes cut."""

_Row = Callable[[Message], tuple[str, ...]]


class Listings:
    """Collects rows until the line that ends their list."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[str, ...]]] = {}
        self._export = _ExportParts()

    def take(self, line: Message) -> list[Event] | None:
        """Return what a line completes, if anything; None when it belongs to no list."""
        key = line.command if line.command != "NOTE" else f"{line.param(0)} {line.param(1)}"
        if key in _NEWS:
            return [_NEWS[key]]
        if key in ("ACCOUNT EXPORT", "ACCOUNT END_OF_EXPORT"):
            return self._export.take(line)
        if key in _ENDS:
            kind, subject = _ENDS[key]
            rows = self._rows.pop(kind, [])
            # Of somebody who is not there a refusal has told already.
            return [] if kind == "whois" and not rows else [Listing(kind, line.param(subject), tuple(rows))]
        if key not in _ROWS or (key == RPL_AWAY and "whois" not in self._rows):
            return None
        kind, needed, read = _ROWS[key]
        rows = self._rows.setdefault(kind, [])
        if read is not None and len(line.params) >= needed and len(rows) < MAX_ROWS:
            rows.append(read(line))
        return []


class _ExportParts:
    """Joins the parts of each row of an export; the next row's first part, or the end, says that one is whole."""

    def __init__(self) -> None:
        self._number = 0
        self._parts: list[str] = []
        self._length = 0

    def take(self, line: Message) -> list[Event]:
        """Return the row that a line completes, if any."""
        if line.param(1) == "END_OF_EXPORT":
            return [*self._complete(0), ExportEnded()]
        number = line.param(2)
        if len(line.params) < 4 or not (number.isascii() and number.isdigit() and 0 < len(number) <= 12):
            return []
        row = self._complete(int(number)) if int(number) != self._number else []
        if self._length <= MAX_EXPORT_ROW:
            self._parts.append(line.params[3])
            self._length += len(line.params[3])
        return row

    def _complete(self, following: int) -> list[Event]:
        row: list[Event] = [ExportRow(self._number, "".join(self._parts))] if self._parts else []
        self._number, self._parts, self._length = following, [], 0
        return row


def _known(what: str, param: int) -> _Row:
    return lambda line: (what, line.params[param])


_ROWS: Final[dict[str, tuple[str, int, _Row | None]]] = {
    RPL_WHOREPLY: ("who", 7, lambda line: (line.params[5], line.params[6], line.params[1])),
    RPL_WHOISUSER: ("whois", 2, _known("nick", 1)),
    RPL_WHOISCHANNELS: ("whois", 3, _known("in", -1)),
    RPL_WHOISSERVER: ("whois", 3, _known("server", 2)),
    RPL_AWAY: ("whois", 3, _known("away", -1)),
    RPL_WHOISOPERATOR: ("whois", 3, _known("note", -1)),
    RPL_WHOISACCOUNT: ("whois", 3, _known("account", 2)),
    RPL_WHOISSECURE: ("whois", 3, _known("note", -1)),
    RPL_LISTSTART: ("channels", 0, None),
    RPL_LIST: ("channels", 4, lambda line: (line.params[1], line.params[2], line.params[3])),
    RPL_BANLIST: ("bans", 3, lambda line: (line.params[2], line.param(3), line.param(4))),
    "ACCOUNT DEVICE": ("devices", 6, lambda line: (line.params[2], line.params[3], line.params[4], line.params[5])),
}
"""By command, or by both words of a NOTE: the kind of list, the parameters that are needed, and what reads a row."""
_NEWS: Final[dict[str, Event]] = {
    "ACCOUNT PASSWORD_CHANGED": PasswordChanged(),
    "ACCOUNT DELETED": AccountDeleted(),
}
"""By both words of a NOTE: what it says, all of it."""
_ENDS: Final = {
    RPL_ENDOFWHO: ("who", 1),
    RPL_ENDOFWHOIS: ("whois", 1),
    RPL_LISTEND: ("channels", 99),
    RPL_ENDOFBANLIST: ("bans", 1),
    "ACCOUNT END_OF_DEVICES": ("devices", 99),
}
"""By command: the kind of list that ends, and which parameter says what was asked about; 99 for none."""

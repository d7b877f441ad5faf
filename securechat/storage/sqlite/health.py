"""Whether a database is whole, found out while it may be in use."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import apsw

from securechat.storage.sqlite.backup import open_snapshot

# Dense: as many records as there are numbers between floor and head. One walk over the index for each stream.
_GAPS: Final = """
    SELECT name FROM streams WHERE seq - floor != (SELECT count(*) FROM records WHERE stream = streams.id) LIMIT 3"""
_NEWEST: Final = "SELECT max(time) FROM streams"


class Health(NamedTuple):
    """What was found: damage, none if empty, and the time of the newest record (ms since 1970; 0: there is none)."""

    damage: list[str]
    newest: int


def examine_database(path: Path) -> Health:
    """Look through a database of ours of the current schema, in use or not; takes seconds for a gigabyte."""
    try:
        connection = open_snapshot(path)
    except apsw.Error as error:
        return Health([f"cannot be opened: {error}"], 0)
    try:
        damage = [text for (text,) in connection.execute("PRAGMA quick_check(3)") if text != "ok"]
        damage += [f"the history of {name} has gaps" for (name,) in connection.execute(_GAPS)]
        (newest,) = connection.execute(_NEWEST).fetchall()[0]
        return Health(damage, int(newest or 0))
    except apsw.Error as error:
        return Health([str(error)], 0)
    finally:
        connection.close()

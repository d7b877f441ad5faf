"""Wrong passwords and the places that accounts signed in from, as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw

from securechat.chat.guesses import KNOWN_MS, PLACES_REMEMBERED, Guess, GuessState, Place

_FORGET: Final = """
    DELETE FROM places WHERE account = ?1 AND place IN (
        SELECT place FROM places WHERE account = ?1 ORDER BY time DESC, place LIMIT -1 OFFSET ?2)"""
_ENTER: Final = """
    INSERT INTO places (account, place, time) SELECT id, ?, ? FROM accounts WHERE id = ? AND NOT deleted
    ON CONFLICT DO UPDATE SET time = excluded.time WHERE excluded.time > time"""


def write_guesses(connection: apsw.Connection, guesses: Sequence[Guess]) -> None:
    """Write guesses down, and let go of those that count no more."""
    rows = [(guess.time, guess.account, guess.own, guess.near, guess.far) for guess in guesses]
    connection.executemany("INSERT INTO guesses (time, account, own, near, far) VALUES (?, ?, ?, ?, ?)", rows)
    if guesses:
        connection.execute("DELETE FROM guesses WHERE time < ?", (min(guess.since for guess in guesses),))


def write_places(connection: apsw.Connection, places: Sequence[Place]) -> None:
    """Write places down, the latest of each account, and let go of those that are known no more."""
    connection.executemany(_ENTER, [(place, time, account) for account, place, time in places])
    connection.executemany(_FORGET, {(place.account, PLACES_REMEMBERED) for place in places})
    if places:
        connection.execute("DELETE FROM places WHERE time <= (SELECT max(time) FROM places) - ?", (KNOWN_MS,))


def forgive(run: Callable[..., Any], account: str) -> None:
    """Let guesses count for an account no more, but for where they came from; `run` executes a statement."""
    run("DELETE FROM guesses WHERE account = ? AND own != ''", (account,))
    run("UPDATE guesses SET account = '' WHERE account = ?", (account,))


def load_guesses(connection: apsw.Connection) -> GuessState:
    """Return all that is kept."""
    run: Callable[..., Any] = connection.execute
    ((key,),) = run("SELECT key FROM guess_key")
    guesses = [Guess(*row) for row in run("SELECT account, own, near, far, rowid, 0, time FROM guesses ORDER BY time")]
    places = [Place(*row) for row in run("SELECT account, place, time FROM places")]
    return GuessState(key, guesses, places)

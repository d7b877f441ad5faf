"""Who is here: which sessions each account has, who is away, and who is told so. Nothing of it is kept.

An account that has no session is away once it was announced so; until then it lingers, and nobody notices a quick return.
An account with sessions is away when every one of them is.
"""

from __future__ import annotations

from typing import NamedTuple

OFFLINE = "Not connected"


class AwayChanged(NamedTuple):
    """An account went away with these words, or (None) came back."""

    account: str
    text: str | None


class Farewell(NamedTuple):
    """Why an account without sessions still counts as it did: its last `session` ended with this `text`."""

    session: str
    text: str | None


_HERE = Farewell("", None)
_GONE = Farewell("", OFFLINE)


class Presence:
    """Sessions and absence by account id."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[str, str | None]] = {}
        self._lingering: dict[str, Farewell] = {}

    def __len__(self) -> int:
        """Count the accounts that have a session."""
        return len(self._sessions)

    def is_connected(self, account: str) -> bool:
        """Tell whether an account has a session."""
        return account in self._sessions

    def has(self, account: str, session: str) -> bool:
        """Tell whether an account has this session."""
        return session in self._sessions.get(account, ())

    def away(self, account: str) -> str | None:
        """Return why an account is away, or None when it is here (or nobody was told yet that it is not)."""
        sessions = self._sessions.get(account)
        if sessions is None:
            return self._lingering.get(account, _GONE).text
        texts = list(sessions.values())
        return None if None in texts else texts[-1]

    def linger(self, account: str) -> None:
        """Let an account without sessions count as here until `announce_gone`."""
        if account not in self._sessions:
            self._lingering[account] = _HERE

    def arrive(self, account: str, session: str) -> AwayChanged | None:
        """Note a new session; return what others are to be told."""
        before = self.away(account)
        self._lingering.pop(account, None)
        self._sessions.setdefault(account, {})[session] = None
        return None if before is None else AwayChanged(account, None)

    def depart(self, account: str, session: str) -> AwayChanged | None:
        """Note that a session ended; after an account's last one it lingers. Return what others are to be told."""
        before = self.away(account)
        sessions = self._sessions[account]
        del sessions[session]
        if not sessions:
            del self._sessions[account]
            self._lingering[account] = Farewell(session, before)
        return self._change(account, before)

    def announce_gone(self, account: str, session: str) -> AwayChanged | None:
        """End the lingering that began when `session` ended, or (empty) with `linger`.

        Returns what others are to be told: None when the account has come back since, even if it left again.
        """
        farewell = self._lingering.get(account)
        if farewell is None or farewell.session != session:
            return None
        del self._lingering[account]
        return AwayChanged(account, OFFLINE)

    def set_away(self, account: str, session: str, text: str | None) -> AwayChanged | None:
        """Note what a session says of being away; return what others are to be told."""
        before = self.away(account)
        sessions = self._sessions[account]
        sessions.pop(session, None)
        sessions[session] = text
        return self._change(account, before)

    def _change(self, account: str, before: str | None) -> AwayChanged | None:
        after = self.away(account)
        return None if after == before else AwayChanged(account, after)

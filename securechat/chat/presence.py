"""Who is here: which sessions each account has, who is away, and who is told so. Nothing of it is kept.

An account that has no session is away once it was announced so; until then it lingers, and nobody notices a quick return.
An account with sessions is away when every one of them is. A session that says `*` counts for nothing in that: it fetches
what was missed while its owner is elsewhere (IRCv3 pre-away). Online is who has any session, or lingers.
"""

from __future__ import annotations

from typing import NamedTuple

OFFLINE = "Not connected"
UNSPECIFIED = "*"


class PresenceChanged(NamedTuple):
    """How an account seems to others from now on.

    text: why it is away; None: it is here. is_news: that is not what others were told last.
    online: whether it is, where that has changed, else None.
    """

    account: str
    text: str | None
    is_news: bool = True
    online: bool | None = None


class Farewell(NamedTuple):
    """Why an account of which nobody is here still counts as it did: its last `session` ended with this `text`."""

    session: str
    text: str | None


_HERE = Farewell("", None)
_GONE = Farewell("", OFFLINE)
_NOBODY: dict[str, str | None] = {}


class Presence:
    """Sessions and absence by account id."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[str, str | None]] = {}
        self._lingering: dict[str, Farewell] = {}
        self.most = 0
        """Accounts that have had a session at one time."""

    def __len__(self) -> int:
        """Count the accounts that have a session."""
        return len(self._sessions)

    def is_connected(self, account: str) -> bool:
        """Tell whether an account has a session."""
        return account in self._sessions

    def is_online(self, account: str) -> bool:
        """Tell whether an account counts as online: it has a session, or lingers."""
        return account in self._sessions or account in self._lingering

    def count(self, account: str) -> int:
        """Count the sessions of an account."""
        return len(self._sessions.get(account, ()))

    def has(self, account: str, session: str) -> bool:
        """Tell whether an account has this session."""
        return session in self._sessions.get(account, ())

    def lingers(self, account: str, session: str) -> bool:
        """Tell whether an account lingers since this session ended, so that it is to be announced gone in time."""
        farewell = self._lingering.get(account)
        return farewell is not None and farewell.session == session

    def away(self, account: str) -> str | None:
        """Return why an account is away, or None when it is here (or nobody was told yet that it is not)."""
        texts = self._texts(account)
        if not texts:
            return self._lingering.get(account, _GONE).text
        return None if None in texts else texts[-1]

    def linger(self, account: str) -> None:
        """Let an account without sessions count as here until `announce_gone`."""
        if account not in self._sessions:
            self._lingering[account] = _HERE

    def arrive(self, account: str, session: str, text: str | None = None) -> PresenceChanged | None:
        """Note a new session, and what it said of being away; return what others are to be told."""
        before = self._seen(account)
        self._sessions.setdefault(account, {})[session] = text
        self.most = max(self.most, len(self._sessions))
        if text != UNSPECIFIED:
            self._lingering.pop(account, None)
        return self._change(account, *before)

    def depart(self, account: str, session: str) -> PresenceChanged | None:
        """Note that a session ended; after the last one that counts it lingers. Return what others are to be told."""
        before = self._seen(account)
        sessions = self._sessions[account]
        text = sessions.pop(session)
        if not sessions:
            del self._sessions[account]
        counts = text != UNSPECIFIED or not (sessions or account in self._lingering)
        if counts and not self._texts(account):
            self._lingering[account] = Farewell(session, before[0])
        return self._change(account, *before)

    def announce_gone(self, account: str, session: str) -> PresenceChanged | None:
        """End the lingering that began when `session` ended, or (empty) with `linger`.

        Returns what others are to be told: None when the account has come back since, even if it left again.
        """
        if not self.lingers(account, session):
            return None
        before = self._seen(account)
        del self._lingering[account]
        return self._change(account, *before)

    def set_away(self, account: str, session: str, text: str | None) -> PresenceChanged | None:
        """Note what a session says of being away; return what others are to be told."""
        before = self._seen(account)
        sessions = self._sessions[account]
        sessions.pop(session, None)
        sessions[session] = text
        if text != UNSPECIFIED:
            self._lingering.pop(account, None)
        return self._change(account, *before)

    def _texts(self, account: str) -> list[str | None]:
        return [text for text in self._sessions.get(account, _NOBODY).values() if text != UNSPECIFIED]

    def _seen(self, account: str) -> tuple[str | None, bool]:
        return self.away(account), self.is_online(account)

    def _change(self, account: str, away: str | None, online: bool) -> PresenceChanged | None:
        after, is_online = self._seen(account)
        if (after, is_online) == (away, online):
            return None
        return PresenceChanged(account, after, after != away, None if is_online == online else is_online)

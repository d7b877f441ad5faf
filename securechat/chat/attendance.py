"""Since when people are here, when they last said something, and who marked itself as a bot. Nothing of it is kept.

Like presence it does not notice a quick return: who is back within the time of an absence was here all along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from securechat.chat.session import Session


class Idleness(NamedTuple):
    """Since when somebody is here, and when it last said something (both ms since 1970)."""

    since: int
    spoke: int


@dataclass
class _Stay:
    since: int
    spoke: int
    left: int
    sessions: dict[str, Session] = field(default_factory=dict)


class Attendance:
    """Stays by account id.

    bots: who marked itself as one, until it goes. start: when the server began (ms since 1970): whoever was here before may return without notice.
    absence: how long a return takes at most that nobody notices (ms).
    """

    def __init__(self, start: int = 0, absence: int = 60_000) -> None:
        self.bots: set[str] = set()
        self.start = start
        self._absence = absence
        self._stays: dict[str, _Stay] = {}

    def arrive(self, session: Session, now: int) -> None:
        """Note a session that was welcomed."""
        stay = self._stays.get(session.account) or _Stay(self.start, self.start, self.start)
        if not stay.sessions and now - stay.left >= self._absence:
            stay.since = stay.spoke = now
        stay.sessions[session.id] = session
        self._stays[session.account] = stay

    def depart(self, session: Session, now: int) -> None:
        """Note that a session has ended; one that never arrived is nobody's."""
        stay = self._stays.get(session.account)
        if stay is None or stay.sessions.pop(session.id, None) is None:
            return
        stay.spoke = max(stay.spoke, session.spoke)
        if not stay.sessions:
            stay.left = now
            self.bots.discard(session.account)

    def mark_bot(self, account: str, *, on: bool) -> None:
        """Note that an account says of itself that it is a bot, or no longer; it ends when its last session does."""
        if on:
            self.bots.add(account)
        else:
            self.bots.discard(account)

    def idleness(self, account: str, now: int) -> Idleness | None:
        """Return how long an account has been here and silent; None when it has been gone for longer than an absence."""
        stay = self._stays.get(account)
        if stay is None:
            return Idleness(self.start, self.start) if now - self.start < self._absence else None
        if not stay.sessions and now - stay.left >= self._absence:
            return None
        return Idleness(stay.since, max(stay.spoke, *(session.spoke for session in stay.sessions.values()), 0))

"""Who talked directly with whom since the server started: who is to be told when one of them gets another name."""

from __future__ import annotations

from typing import Final

REMEMBERED: Final = 200
"""Partners of one account, the latest ones."""


class Partners:
    """Pairs of accounts (ids) that exchanged direct messages."""

    def __init__(self) -> None:
        self._partners: dict[str, dict[str, None]] = {}

    def note(self, one: str, other: str) -> None:
        """Note that one account wrote to another."""
        self._note(one, other)
        self._note(other, one)

    def of(self, account: str) -> list[str]:
        """Return the accounts that talked with this one, as far as is remembered."""
        return list(self._partners.get(account, ()))

    def _note(self, account: str, partner: str) -> None:
        partners = self._partners.setdefault(account, {})
        partners.pop(partner, None)
        partners[partner] = None
        if len(partners) > REMEMBERED:
            del partners[next(iter(partners))]

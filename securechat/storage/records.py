"""How a record is made: its time, its msgid, its event without secrets; what refuses one, and which reactions stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from securechat.chat.event import Event
from securechat.chat.events import AnyEvent, Reacted, Unreacted, decode_event, encode_event
from securechat.chat.policy import MAX_AHEAD, may_react_again
from securechat.chat.ports import Reactions

RANDOM_BYTES: Final = 10
"""Random bytes in a msgid: 80 bits, which nobody guesses."""

EXACT_SPANS: Final = 100
"""Memberships of one account in one channel, and times when one was closed, that are all kept; of more only those in which,
or between which, somebody said something: all are looked at whenever somebody reads."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SHIFTS: Final = tuple(range(120, -1, -10))


class Stale(Exception):
    """A fact that an append was judged on does not hold (any more): nothing of it may be stored."""


def next_time(now: int, last: int) -> int:
    """Return the time of a stream's next record (ms since 1970): the clock's, or else a millisecond after the last one.

    Distinct times let a page of history by time end anywhere. Only a stream whose time has run `MAX_AHEAD` ahead of
    the clock, which takes more than a thousand records a second, waits for it and repeats a millisecond. (A clock that
    was set back by more than that is not waited for: an hour of records would share one millisecond.)
    """
    if now > last:
        return now
    return last if last - now == MAX_AHEAD else last + 1


def make_msgid(time: int, randomness: bytes) -> str:
    """Return a msgid: 26 characters that order by time, of 48 bits of ms and `RANDOM_BYTES` of chance. (ULID)"""
    number = (time << 80) | int.from_bytes(randomness, "big")
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])


def reactions_after(events: Iterable[Reacted | Unreacted]) -> Reactions:
    """Return the reactions that stand after what one account did about one message, given in order."""
    standing: set[str] = set()
    changes = 0
    for event in events:
        changes += 1
        if isinstance(event, Reacted):
            standing.add(event.reaction)
        else:
            standing.discard(event.reaction)
    return Reactions(frozenset(standing), changes)


def changes(reactions: Reactions, event: Reacted | Unreacted) -> bool:
    """Tell whether a reaction changes which of its account's stand; one too many never does."""
    if isinstance(event, Unreacted):
        return event.reaction in reactions.standing
    return event.reaction not in reactions.standing and may_react_again(reactions)


def are_many(spans: int) -> bool:
    """Tell whether there are so many memberships, or closures, that one more is only kept for the sake of messages."""
    return spans >= EXACT_SPANS


def without_secrets(event: Event) -> AnyEvent:
    """Return the event as everybody who reads it from the history gets it."""
    return decode_event(encode_event(event)) if event.secret_fields else event  # type: ignore[return-value]

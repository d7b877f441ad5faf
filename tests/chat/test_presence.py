"""Who is here and who is told: a quick return goes unnoticed, and an account is away when all of it is."""

from __future__ import annotations

import pytest

from securechat.chat.presence import AwayChanged, Presence

GONE = "Not connected"

# Each step: what happens, what others are told ("-": nothing, "here", or why away), and what `away` says afterwards.
STORIES: dict[str, list[tuple[str, str, str | None]]] = {
    "one device comes and goes for good": [
        ("arrive 1", "here", None),
        ("depart 1", "-", None),
        ("gone 1", GONE, GONE),
        ("arrive 2", "here", None),
    ],
    "a quick return is noticed by nobody": [
        ("arrive 1", "here", None),
        ("depart 1", "-", None),
        ("arrive 2", "-", None),
        ("gone 1", "-", None),
    ],
    "an absence is counted from the last departure": [
        ("arrive 1", "here", None),
        ("depart 1", "-", None),
        ("arrive 2", "-", None),
        ("depart 2", "-", None),
        ("gone 1", "-", None),
        ("gone 2", GONE, GONE),
        ("gone 2", "-", GONE),
    ],
    "one device of two may go": [
        ("arrive 1", "here", None),
        ("arrive 2", "-", None),
        ("depart 1", "-", None),
        ("gone 1", "-", None),
        ("depart 2", "-", None),
        ("gone 2", GONE, GONE),
    ],
    "away when every device is": [
        ("arrive 1", "here", None),
        ("arrive 2", "-", None),
        ("away 1 lunch", "-", None),
        ("away 2 walk", "walk", "walk"),
        ("away 1 dinner", "dinner", "dinner"),
        ("back 2", "here", None),
        ("depart 2", "dinner", "dinner"),
        ("back 1", "here", None),
    ],
    "a new device is here": [
        ("arrive 1", "here", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("arrive 2", "here", None),
        ("depart 2", "lunch", "lunch"),
    ],
    "who leaves while away stays away, and is then announced gone": [
        ("arrive 1", "here", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("depart 1", "-", "lunch"),
        ("gone 1", GONE, GONE),
    ],
    "who leaves while away and returns is back": [
        ("arrive 1", "here", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("depart 1", "-", "lunch"),
        ("arrive 2", "here", None),
    ],
    "saying the same again tells nobody": [
        ("arrive 1", "here", None),
        ("back 1", "-", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("away 1 lunch", "-", "lunch"),
    ],
    "after a restart everybody counts as here for a while": [
        ("linger", "-", None),
        ("gone", GONE, GONE),
    ],
    "after a restart a return needs no fanfare": [
        ("linger", "-", None),
        ("arrive 1", "-", None),
        ("gone", "-", None),
    ],
    "after a restart who came and went has its full time": [
        ("linger", "-", None),
        ("arrive 1", "-", None),
        ("depart 1", "-", None),
        ("gone", "-", None),
        ("gone 1", GONE, GONE),
    ],
    "lingering is for who has no session": [
        ("arrive 1", "here", None),
        ("linger", "-", None),
        ("gone", "-", None),
    ],
}  # fmt: skip


def act(presence: Presence, step: str) -> AwayChanged | None:
    what, session, text, *_ = [*step.split(" "), "", ""]
    match what:
        case "arrive":
            return presence.arrive("a", session)
        case "depart":
            return presence.depart("a", session)
        case "gone":
            return presence.announce_gone("a", session)
        case "linger":
            presence.linger("a")
            return None
        case _:
            return presence.set_away("a", session, text or None)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_what_others_are_told(story: list[tuple[str, str, str | None]]) -> None:
    presence = Presence()
    for step, told, away in story:
        expected = None if told == "-" else AwayChanged("a", None if told == "here" else told)
        assert act(presence, step) == expected, step
        assert presence.away("a") == away, step


def test_who_never_came_is_away() -> None:
    assert Presence().away("a") == GONE


def test_accounts_are_counted_and_told_apart() -> None:
    presence = Presence()
    presence.arrive("a", "1")
    presence.arrive("a", "2")
    presence.arrive("b", "3")
    assert len(presence) == 2
    assert presence.has("a", "2")
    assert not presence.has("a", "3")
    presence.depart("b", "3")
    assert (len(presence), presence.is_connected("a"), presence.is_connected("b")) == (1, True, False)

"""Who is here and who is told: a quick return goes unnoticed, and an account is away when all of it is."""

from __future__ import annotations

import pytest

from securechat.chat.presence import Presence, PresenceChanged

GONE = "Not connected"

# Each step: what happens, what others are told ("-": nothing, "here", or why away; behind it "+" when the account has come
# online and "!" when it has gone), and what `away` says afterwards. A session that says "*" counts for nothing.
STORIES: dict[str, list[tuple[str, str, str | None]]] = {
    "one device comes and goes for good": [
        ("arrive 1", "here+", None),
        ("depart 1", "-", None),
        ("gone 1", GONE + "!", GONE),
        ("arrive 2", "here+", None),
    ],
    "a quick return is noticed by nobody": [
        ("arrive 1", "here+", None),
        ("depart 1", "-", None),
        ("arrive 2", "-", None),
        ("gone 1", "-", None),
    ],
    "an absence is counted from the last departure": [
        ("arrive 1", "here+", None),
        ("depart 1", "-", None),
        ("arrive 2", "-", None),
        ("depart 2", "-", None),
        ("gone 1", "-", None),
        ("gone 2", GONE + "!", GONE),
        ("gone 2", "-", GONE),
    ],
    "one device of two may go": [
        ("arrive 1", "here+", None),
        ("arrive 2", "-", None),
        ("depart 1", "-", None),
        ("gone 1", "-", None),
        ("depart 2", "-", None),
        ("gone 2", GONE + "!", GONE),
    ],
    "away when every device is": [
        ("arrive 1", "here+", None),
        ("arrive 2", "-", None),
        ("away 1 lunch", "-", None),
        ("away 2 walk", "walk", "walk"),
        ("away 1 dinner", "dinner", "dinner"),
        ("back 2", "here", None),
        ("depart 2", "dinner", "dinner"),
        ("back 1", "here", None),
    ],
    "a new device is here": [
        ("arrive 1", "here+", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("arrive 2", "here", None),
        ("depart 2", "lunch", "lunch"),
    ],
    "who leaves while away stays away, and is then announced gone": [
        ("arrive 1", "here+", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("depart 1", "-", "lunch"),
        ("gone 1", GONE + "!", GONE),
    ],
    "who leaves while away and returns is back": [
        ("arrive 1", "here+", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("depart 1", "-", "lunch"),
        ("arrive 2", "here", None),
    ],
    "saying the same again tells nobody": [
        ("arrive 1", "here+", None),
        ("back 1", "-", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("away 1 lunch", "-", "lunch"),
    ],
    "after a restart everybody counts as here for a while": [
        ("linger", "-", None),
        ("gone", GONE + "!", GONE),
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
        ("gone 1", GONE + "!", GONE),
    ],
    "lingering is for who has no session": [
        ("arrive 1", "here+", None),
        ("linger", "-", None),
        ("gone", "-", None),
    ],
    "who only fetches what it missed is online, and away as before": [
        ("arrive 1 *", "-+", GONE),
        ("depart 1", "-", GONE),
        ("gone 1", "-!", GONE),
    ],
    "what only fetches does not keep anybody here": [
        ("arrive 1", "here+", None),
        ("arrive 2 *", "-", None),
        ("depart 1", "-", None),
        ("gone 1", GONE, GONE),
        ("arrive 3", "here", None),
    ],
    "what only fetches does not take back a quick return": [
        ("arrive 1", "here+", None),
        ("depart 1", "-", None),
        ("arrive 2 *", "-", None),
        ("depart 2", "-", None),
        ("gone 2", "-", None),
        ("gone 1", GONE + "!", GONE),
    ],
    "a text of another device is not superseded by none": [
        ("arrive 1", "here+", None),
        ("away 1 lunch", "lunch", "lunch"),
        ("arrive 2", "here", None),
        ("away 2 *", "lunch", "lunch"),
    ],
    "who says * is away at once, and back when it says so": [
        ("arrive 1", "here+", None),
        ("away 1 *", GONE, GONE),
        ("back 1", "here", None),
    ],
    "who comes away is away, and online": [
        ("arrive 1 lunch", "lunch+", "lunch"),
    ],
}  # fmt: skip


def act(presence: Presence, step: str) -> PresenceChanged | None:
    what, session, text, *_ = [*step.split(" "), "", ""]
    match what:
        case "arrive":
            return presence.arrive("a", session, text or None)
        case "depart":
            return presence.depart("a", session)
        case "gone":
            return presence.announce_gone("a", session)
        case "linger":
            presence.linger("a")
            return None
        case _:
            return presence.set_away("a", session, text or None)


def show(change: PresenceChanged | None) -> str:
    if change is None:
        return "-"
    text = "here" if change.text is None else change.text
    return (text if change.is_news else "-") + {None: "", True: "+", False: "!"}[change.online]


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_what_others_are_told(story: list[tuple[str, str, str | None]]) -> None:
    presence = Presence()
    for step, told, away in story:
        assert show(act(presence, step)) == told, step
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

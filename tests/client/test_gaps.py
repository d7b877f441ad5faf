"""Gaps filled: history first, live lines behind it, nothing twice, nothing left out."""

from __future__ import annotations

import random

import pytest

from securechat.client import gaps as limits
from securechat.client.events import (
    Event,
    Following,
    GapSuspected,
    HistoryFailed,
    HistoryPage,
    HistoryRequest,
    Joined,
    Left,
    MessageSeen,
    SignedIn,
    TargetsPage,
    TargetsRequest,
)
from securechat.client.gaps import Gaps
from securechat.client.state import State

HOUR = 3_600_000


def seen(number: int, conversation: str = "#x", *, replayed: bool = False) -> MessageSeen:
    return MessageSeen(
        conversation, conversation, "bob", f"text {number}", f"m{number}", HOUR + number, replayed=replayed
    )


class Screen:
    """Gaps and state as a link holds them together, and what was let through."""

    def __init__(self, backlog: int = 0, follow: tuple[str, ...] | None = None) -> None:
        self.state = State()
        self.gaps = Gaps(self.state, backlog, follow)
        self.shown: list[Event] = []

    def take(self, *events: Event) -> list[HistoryRequest | TargetsRequest]:
        for event in events:
            self.shown += [shown for shown in self.gaps.take(event) if self.state.apply(shown)]
        return self.gaps.take_requests()

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.shown if isinstance(event, MessageSeen)]

    def answer(self, request: object, *numbers: int) -> list[HistoryRequest | TargetsRequest]:
        assert isinstance(request, HistoryRequest)
        return self.take(HistoryPage(request, tuple(seen(number, request.target, replayed=True) for number in numbers)))


def came_back(**options: object) -> tuple[Screen, HistoryRequest]:
    """Return a screen that saw messages 1 and 2 of #x, lost its connection, and is back."""
    screen = Screen(**options)  # type: ignore[arg-type]
    targets, latest = screen.take(SignedIn("alice", 2), Joined("#x", "alice", True))
    assert targets == TargetsRequest(0, 2)
    assert latest == HistoryRequest("LATEST", "#x", "*", 1, filling=True)
    screen.take(TargetsPage(TargetsRequest(0, 2), ()))
    screen.answer(latest)
    screen.take(seen(1), seen(2))
    assert screen.texts == ["text 1", "text 2"]
    targets, after = screen.take(SignedIn("alice", 2), Joined("#x", "alice", True))
    assert targets == TargetsRequest(HOUR + 2 - 60_000, 2)
    assert after == HistoryRequest("AFTER", "#x", "msgid=m2", 2, filling=True)
    return screen, after


def test_what_was_missed_comes_page_by_page_and_live_lines_wait_behind_it() -> None:
    screen, after = came_back()
    assert screen.take(seen(7)) == []
    (after,) = screen.answer(after, 3, 4)
    assert after == HistoryRequest("AFTER", "#x", "msgid=m4", 2, filling=True)
    assert screen.take(seen(8)) == []
    (after,) = screen.answer(after, 5, 6)
    assert screen.answer(after, 7, 8) == []
    screen.take(seen(9))
    assert screen.texts == [f"text {number}" for number in range(1, 10)]


def test_a_short_page_is_not_taken_for_the_last_one() -> None:
    screen, after = came_back()
    (after,) = screen.answer(after, 3)
    (after,) = screen.answer(after, 4)
    assert screen.answer(after) == []
    assert screen.texts == ["text 1", "text 2", "text 3", "text 4"]
    assert screen.shown[-1] == Following("#x")


def test_a_page_that_reaches_the_live_lines_ends_the_gap_without_another_request() -> None:
    screen, after = came_back()
    screen.take(seen(4), seen(5))
    assert screen.answer(after, 3, 4) == []
    assert screen.texts == ["text 1", "text 2", "text 3", "text 4", "text 5"]


def test_a_connection_lost_in_the_gap_loses_nothing() -> None:
    screen, after = came_back()
    screen.take(seen(7))
    screen.answer(after, 3, 4)
    _, after = screen.take(SignedIn("alice", 2), Joined("#x", "alice", True))
    assert after == HistoryRequest("AFTER", "#x", "msgid=m4", 2, filling=True)
    (after,) = screen.answer(after, 5, 6)
    (after,) = screen.answer(after, 7)
    screen.answer(after)
    assert screen.texts == [f"text {number}" for number in range(1, 8)]


def test_a_forgotten_message_means_the_latest_ones_and_a_warning() -> None:
    screen, after = came_back()
    screen.take(seen(9))
    (latest,) = screen.take(HistoryFailed(after, "MESSAGE_ERROR", "gone"))
    assert screen.shown[-1] == GapSuspected("#x", "gone")
    assert latest == HistoryRequest("LATEST", "#x", "*", 2, filling=True)
    screen.answer(latest, 8, 9)
    assert screen.texts == ["text 1", "text 2", "text 8", "text 9"]


@pytest.mark.parametrize("code", ["INVALID_TARGET", "403"])
def test_a_channel_that_cannot_be_read_any_more_is_given_up(code: str) -> None:
    screen, after = came_back()
    screen.take(seen(3))
    failed = HistoryFailed(after, code, "no")
    assert screen.take(failed) == []
    assert failed in screen.shown
    assert screen.texts == ["text 1", "text 2", "text 3"]


def test_a_channel_left_in_the_gap_is_forgotten() -> None:
    screen, after = came_back()
    assert screen.take(Left("#x", "alice", True)) == []
    assert screen.answer(after, 3, 4) == []
    assert screen.texts == ["text 1", "text 2"]


def test_a_server_that_answers_in_a_circle_is_asked_no_more() -> None:
    screen, after = came_back()
    (again,) = screen.answer(after, 3)
    assert screen.answer(again, 3) == []
    assert screen.texts == ["text 1", "text 2", "text 3"]


def test_lines_held_back_beyond_the_limit_are_read_from_history_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_HELD", 2)
    screen, after = came_back()
    assert screen.take(seen(3), seen(4), seen(5)) == []
    (after,) = screen.answer(after)
    assert after == HistoryRequest("AFTER", "#x", "msgid=m2", 2, filling=True)
    (after,) = screen.answer(after, 3, 4)
    (after,) = screen.answer(after, 5)
    assert screen.answer(after) == []
    screen.take(seen(6))
    assert screen.texts == [f"text {number}" for number in range(1, 7)]


def test_a_direct_conversation_that_began_meanwhile_is_found_and_filled() -> None:
    screen, after = came_back()
    screen.answer(after)
    request = TargetsRequest(HOUR + 2 - 60_000, 2)
    (again,) = screen.take(TargetsPage(request, (("#x", HOUR + 2), ("carol", HOUR + 3))))
    assert again == TargetsRequest(HOUR + 2, 2)
    (direct,) = screen.take(TargetsPage(again, (("carol", HOUR + 3),)))
    assert direct == HistoryRequest("AFTER", "carol", "timestamp=1970-01-01T00:59:00.002Z", 2, filling=True)
    (direct,) = screen.answer(direct, 3)
    screen.answer(direct)
    assert screen.texts == ["text 1", "text 2", "text 3"]


def test_a_live_direct_line_waits_until_it_is_known_what_was_missed_before_it() -> None:
    screen, after = came_back()
    screen.answer(after)
    (direct,) = screen.take(seen(5, "carol"))
    assert screen.texts == ["text 1", "text 2"]
    screen.answer(direct, 3, 4, 5)
    assert screen.texts == ["text 1", "text 2", "text 3", "text 4", "text 5"]


def test_the_first_sign_in_shows_as_much_as_was_asked_for() -> None:
    screen = Screen(backlog=2)
    targets, latest = screen.take(SignedIn("alice", 50), Joined("#x", "alice", True))
    assert latest == HistoryRequest("LATEST", "#x", "*", 2, filling=True)
    screen.take(seen(3))
    screen.answer(latest, 2, 3)
    assert isinstance(targets, TargetsRequest)
    (again,) = screen.take(TargetsPage(targets, (("bob", HOUR), ("#x", HOUR + 3))))
    assert isinstance(again, TargetsRequest)
    (direct,) = screen.take(TargetsPage(again, (("#x", HOUR + 3),)))
    assert direct == HistoryRequest("LATEST", "bob", "*", 2, filling=True)
    assert screen.texts == ["text 2", "text 3"]


def test_without_a_backlog_the_first_sign_in_shows_nothing_and_knows_where_it_is() -> None:
    screen = Screen()
    _, latest = screen.take(SignedIn("alice", 50), Joined("#x", "alice", True))
    screen.answer(latest, 4)
    assert screen.texts == []
    _, after = screen.take(SignedIn("alice", 50), Joined("#x", "alice", True))
    assert after == HistoryRequest("AFTER", "#x", "msgid=m4", 50, filling=True)


def test_an_empty_channel_is_read_from_its_beginning_after_a_reconnect() -> None:
    screen = Screen()
    _, latest = screen.take(SignedIn("alice", 50), Joined("#x", "alice", True))
    screen.answer(latest)
    _, after = screen.take(SignedIn("alice", 50), Joined("#x", "alice", True))
    assert after == HistoryRequest("AFTER", "#x", "timestamp=1970-01-01T00:00:00.000Z", 50, filling=True)


def test_only_what_is_followed_is_let_through() -> None:
    screen = Screen(follow=("#x",))
    (latest,) = screen.take(SignedIn("alice", 50), Joined("#x", "alice", True), Joined("#y", "alice", True))
    screen.take(seen(1, "#y"), seen(2, "bob"), seen(3))
    screen.answer(latest, 2)
    assert screen.texts == ["text 3"]
    nothing = Screen(follow=())
    assert nothing.take(SignedIn("alice", 50), Joined("#x", "alice", True), seen(1)) == []
    assert nothing.texts == []


def test_requests_wait_their_turn() -> None:
    screen = Screen()
    requests = screen.take(SignedIn("alice", 50), *(Joined(f"#{i}", "alice", True) for i in range(20)))
    assert len(requests) == limits.MAX_IN_FLIGHT
    (following,) = screen.answer(requests[1])
    assert following == HistoryRequest("LATEST", "#7", "*", 1, filling=True)


@pytest.mark.parametrize("seed", range(30))
def test_however_pages_and_live_lines_meet_everything_is_shown_once_in_order(seed: int) -> None:
    chance = random.Random(seed)
    screen, after = came_back()
    stored, delivered = chance.randrange(2, 12), 0
    waiting: list[HistoryRequest | TargetsRequest] = [after]
    delivered = stored
    while stored < 30 or waiting:
        if chance.random() < 0.6 and stored < 30:
            stored += 1
            delivered = stored
            waiting += screen.take(seen(delivered))
        elif waiting:
            request = waiting.pop(0)
            assert isinstance(request, HistoryRequest)
            start = int(request.bound.removeprefix("msgid=m"))
            waiting += screen.answer(request, *range(start + 1, min(start + request.limit, stored) + 1))
    assert screen.texts == [f"text {number}" for number in range(1, 31)]


def test_a_server_that_repeats_its_pages_is_not_asked_for_ever() -> None:
    screen, after = came_back()
    screen.take(seen(9))
    (after,) = screen.answer(after, 3, 4)
    (after,) = screen.answer(after, 5, 6)
    assert screen.answer(after, 3, 4) == []
    assert screen.texts == [f"text {number}" for number in (1, 2, 3, 4, 5, 6, 9)]
    assert GapSuspected("#x", "the server repeats itself") in screen.shown
    assert screen.shown[-1] == Following("#x")


def test_a_gap_that_cannot_be_asked_about_is_dropped_with_a_warning() -> None:
    screen, after = came_back()
    screen.take(seen(9))
    assert screen.take(HistoryFailed(after, limits.UNASKABLE, "too long")) == []
    assert screen.texts == ["text 1", "text 2", "text 9"]
    assert GapSuspected("#x", "too long") in screen.shown

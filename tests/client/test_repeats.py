"""Messages sent again after a reconnect: their echoes are old news, and no sign that a gap is closed."""

from __future__ import annotations

import dataclasses

from securechat.client.events import HistoryRequest, Joined, MessageSeen, SignedIn
from securechat.client.outbox import Delivery, Outgoing
from tests.client.handshake import sign_in
from tests.client.test_gaps import Screen, came_back, seen


def repeated(number: int) -> MessageSeen:
    """Our message, stored as that number before the connection was lost; the server repeats its echo."""
    return dataclasses.replace(seen(number, replayed=True), sender="alice", own=True)


def test_the_echo_of_a_repeated_message_does_not_close_the_gap_around_it() -> None:
    screen, after = came_back()
    screen.take(repeated(3))
    (after,) = screen.answer(after, 3, 4)
    assert after == HistoryRequest("AFTER", "#x", "msgid=m4", 2, filling=True)
    (after,) = screen.answer(after, 5, 6)
    assert screen.answer(after) == []
    assert screen.texts == [f"text {number}" for number in range(1, 7)]


def test_control_a_live_line_of_that_number_does_close_it() -> None:
    screen, after = came_back()
    screen.take(seen(3))
    assert screen.answer(after, 3, 4) == []


def test_a_repeated_message_that_was_not_stored_before_stands_where_it_is_stored() -> None:
    screen, after = came_back()
    screen.take(seen(4), repeated(5), seen(6))
    assert screen.answer(after, 3, 4) == []
    assert screen.texts == [f"text {number}" for number in range(1, 7)]


def test_lines_said_while_the_latest_were_asked_for_are_in_order_though_they_are_more_than_a_page() -> None:
    screen = Screen(backlog=2)
    _, latest = screen.take(SignedIn("alice", 50), Joined("#x", "alice", True))
    screen.take(seen(1), seen(2), seen(3), seen(4), seen(5))
    screen.answer(latest, 3, 4)
    assert screen.texts == [f"text {number}" for number in range(1, 6)]


def test_only_the_echo_of_a_message_whose_fate_was_unknown_counts_as_old_news() -> None:
    session = sign_in()
    session.send_message(Outgoing("u-1", "#x", "again", delivery=Delivery.UNKNOWN))
    session.send_message(Outgoing("u-2", "#x", "fresh"))
    events = session.receive(
        b"@label=1;msgid=m1 :Alice!Alice@securechat PRIVMSG #x :again\r\n"
        b"@label=2;msgid=m2 :Alice!Alice@securechat PRIVMSG #x :fresh\r\n"
    )
    assert [(event.text, event.replayed) for event in events if isinstance(event, MessageSeen)] == [
        ("again", True),
        ("fresh", False),
    ]

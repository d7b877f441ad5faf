"""/history, page by page, against a server that is a function."""

from __future__ import annotations

import pytest

from securechat.client.errors import Unsendable
from securechat.client.events import HistoryPage, HistoryRequest, MessageSeen
from securechat.plain.lookback import Found, Lookback


def say(number: int) -> MessageSeen:
    return MessageSeen("#x", "#x", "bob", str(number), f"m{number}", number)


class Shelf:
    """So many messages, in pages of at most `page`; what was asked is kept."""

    def __init__(self, count: int, page: int = 3) -> None:
        self.messages = [say(number) for number in range(1, count + 1)]
        self.page = page
        self.asked: list[HistoryRequest] = []
        self.is_there = True

    def ask(self, target: str, limit: int, before: str) -> HistoryRequest:
        if not self.is_there:
            raise Unsendable("no connection at the moment")
        request = HistoryRequest("LATEST" if before == "*" else "BEFORE", target, before, min(limit, self.page))
        self.asked.append(request)
        return request

    def answer(self, number: int = -1) -> HistoryPage:
        request = self.asked[number]
        earlier = [m for m in self.messages if request.bound == "*" or m.time < int(request.bound[7:])]
        return HistoryPage(request, tuple(earlier[-request.limit :]))


def look(shelf: Shelf, count: int, before: str = "*") -> Found:
    lookback = Lookback(shelf.ask)
    lookback.begin("#x", count, before)
    found = None
    while found is None:
        found = lookback.take(shelf.answer())
    return found


@pytest.mark.parametrize(
    ("stored", "count", "before", "texts", "is_all", "pages"),
    [
        (10, 2, "*", ["9", "10"], False, 1),
        (10, 3, "*", ["8", "9", "10"], False, 1),
        (10, 5, "*", ["6", "7", "8", "9", "10"], False, 2),
        (10, 4, "msgid=m6", ["2", "3", "4", "5"], False, 2),
        (4, 9, "*", ["1", "2", "3", "4"], True, 3),
        (4, 2, "msgid=m2", ["1"], True, 2),
        (4, 2, "msgid=m1", [], True, 1),
        (0, 50, "*", [], True, 1),
    ],
)
def test_as_many_pages_are_asked_for_as_it_takes(
    stored: int, count: int, before: str, texts: list[str], is_all: bool, pages: int
) -> None:
    shelf = Shelf(stored)
    found = look(shelf, count, before)
    assert ([message.text for message in found.messages], found.is_all) == (texts, is_all)
    assert len(shelf.asked) == pages


def test_a_page_longer_than_asked_for_is_cut_at_its_far_end() -> None:
    shelf = Shelf(0)
    lookback = Lookback(shelf.ask)
    lookback.begin("#x", 2)
    found = lookback.take(HistoryPage(shelf.asked[0], tuple(say(number) for number in range(1, 6))))
    assert found is not None
    assert [message.text for message in found.messages] == ["4", "5"]


@pytest.mark.parametrize("page", [(say(5),), (MessageSeen("#x", "#x", "bob", "no msgid", "", 1),)])
def test_a_server_that_repeats_itself_is_not_asked_for_ever(page: tuple[MessageSeen, ...]) -> None:
    shelf = Shelf(0)
    lookback = Lookback(shelf.ask)
    lookback.begin("#x", 50)
    found = None
    for _ in range(3):
        found = found or lookback.take(HistoryPage(shelf.asked[-1], page))
    assert found is not None
    assert len(shelf.asked) <= 2


def test_several_looks_at_once_find_each_their_own() -> None:
    shelf = Shelf(10)
    lookback = Lookback(shelf.ask)
    lookback.begin("#x", 1)
    lookback.begin("#x", 2, "msgid=m5")
    second = lookback.take(shelf.answer(1))
    first = lookback.take(shelf.answer(0))
    assert first is not None
    assert second is not None
    assert [message.text for message in first.messages + second.messages] == ["10", "3", "4"]


def test_there_is_a_limit_to_what_is_held_and_what_failed_counts_no_more() -> None:
    shelf = Shelf(10)
    lookback = Lookback(shelf.ask)
    for _ in range(4):
        lookback.begin("#x", 1000)
    with pytest.raises(Unsendable, match="on their way"):
        lookback.begin("#x", 1)
    lookback.fail(shelf.asked[0])
    lookback.begin("#x", 1)
    assert lookback.give_up()
    assert not lookback.give_up()
    assert lookback.take(shelf.answer()) is None


def test_what_there_is_when_the_connection_goes_is_shown() -> None:
    shelf = Shelf(10)
    lookback = Lookback(shelf.ask)
    lookback.begin("#x", 5)
    shelf.is_there = False
    found = lookback.take(shelf.answer())
    assert found is not None
    assert ([message.text for message in found.messages], found.is_all) == (["8", "9", "10"], False)

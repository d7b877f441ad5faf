"""The archive that pages are measured on: what it says is where, is there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from securechat.chat.events import Posted
from securechat.chat.ports import Bound, Form, HistoryQuery, Page
from securechat.chat.streams import channel_stream
from securechat.storage.sqlite import SqliteStore
from tests.bench import archive
from tests.bench.archive import Archive, Place, open_archive
from tests.bench.long_history import word_request


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive of 1,250 messages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "CACHE", tmp_path_factory.mktemp("cache"))
        made = open_archive(1250)
        assert open_archive(1250).token == made.token, "it was made again"
    return made


def test_a_page_after_a_place_begins_with_the_next_message(small: Archive) -> None:
    place = small.places[4]
    assert (len(small.places), place.number) == (12, 500)
    assert _texts(small.database, Form.AFTER, Bound(msgid=place.msgid)) == ["number 501", "number 502", "number 503"]


def test_a_page_before_the_time_of_a_place_ends_with_the_message_before(small: Archive) -> None:
    place = small.places[0]
    assert _texts(small.database, Form.BEFORE, Bound(time=place.time)) == ["number 97", "number 98", "number 99"]


@pytest.mark.parametrize(
    ("form", "command", "first", "last"),
    [
        ("BEFORE", "CHATHISTORY BEFORE #general msgid=B 100", 900, 999),
        ("AFTER", "CHATHISTORY AFTER #general msgid=B 100", 1001, 1050),
        ("AROUND", "CHATHISTORY AROUND #general msgid=B 100", 950, 1049),
        ("LATEST", "CHATHISTORY LATEST #general msgid=B 100", 1001, 1050),
        ("BETWEEN", "CHATHISTORY BETWEEN #general msgid=B msgid=C 100", 1001, 1039),
    ],
)
def test_a_request_knows_which_messages_answer_it(form: str, command: str, first: int, last: int) -> None:
    assert word_request(form, Place(1000, "B", 5), Place(1040, "C", 9), "msgid", 1050) == (command, first, last)


def test_a_place_is_named_by_its_time_as_well() -> None:
    command, *_ = word_request("AFTER", Place(3, "B", 86_400_007), Place(4, "C", 9), "timestamp", 10)
    assert command == "CHATHISTORY AFTER #general timestamp=1970-01-02T00:00:00.007Z 100"


def _texts(database: Path, form: Form, start: Bound) -> list[str]:
    """Return how the texts of a page of three begin."""

    async def read() -> Page:
        store = SqliteStore.open(database, clock=lambda: 0, randbytes=bytes)
        try:
            query = HistoryQuery("w00000", channel_stream("general"), form, 3, start)
            return await store.attach().read(query)
        finally:
            await store.close()

    events = [record.event for record in asyncio.run(read()).records]
    return [event.text.strip(" x") for event in events if isinstance(event, Posted)]

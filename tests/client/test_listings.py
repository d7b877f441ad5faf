"""Answers in many lines become one list, whatever a server sends in between."""

from __future__ import annotations

import pytest

from securechat.client import listings
from securechat.client.events import AccountDeleted, Event, ExportEnded, ExportRow, Listing, PasswordChanged
from securechat.client.listings import Listings
from securechat.wire.message import parse

ANSWERS = [
    (
        [
            ":s 352 al #x bob securechat s bob G@ :0 bob",
            ":s 352 al * eve securechat s eve H :0 eve",
            ":s 315 al #x :End of WHO list",
        ],
        Listing("who", "#x", (("bob", "G@", "#x"), ("eve", "H", "*"))),
    ),
    ([":s 315 al nobody :End of WHO list"], Listing("who", "nobody", ())),
    (
        [
            ":s 311 al bob bob securechat * :bob",
            ":s 319 al bob :~#x #y",
            ":s 312 al bob s :net",
            ":s 301 al bob :at lunch",
            ":s 313 al bob :is an administrator",
            ":s 330 al bob bob :is logged in as",
            ":s 671 al bob :is using a secure connection",
            ":s 318 al bob :End",
        ],
        Listing(
            "whois",
            "bob",
            (
                ("nick", "bob"),
                ("in", "~#x #y"),
                ("server", "s"),
                ("away", "at lunch"),
                ("note", "is an administrator"),
                ("account", "bob"),
                ("note", "is using a secure connection"),
            ),
        ),
    ),
    (
        [":s 321 al Channel :Users Name", ":s 322 al #x 3 :tea", ":s 323 al :End of /LIST"],
        Listing("channels", "", (("#x", "3", "tea"),)),
    ),
    (
        [":s 367 al #x eve!*@* bob 1700000000", ":s 368 al #x :End"],
        Listing("bans", "#x", (("eve!*@*", "bob", "1700000000"),)),
    ),
    (
        [
            ":s NOTE ACCOUNT DEVICE d1 2026-11-22T10:11:12.000Z this-device :my phone",
            ":s NOTE ACCOUNT END_OF_DEVICES :1 devices",
        ],
        Listing("devices", "", (("d1", "2026-11-22T10:11:12.000Z", "this-device", "my phone"),)),
    ),
    ([":s NOTE ACCOUNT PASSWORD_CHANGED :Your password is changed"], PasswordChanged()),
    ([":s NOTE ACCOUNT DELETED al :Your account is deleted"], AccountDeleted()),
]


def take_all(lines: list[str]) -> list[Event]:
    collecting = Listings()
    events: list[Event] = []
    for line in lines:
        taken = collecting.take(parse(line.encode()))
        assert taken is not None, line
        events += taken
    return events


@pytest.mark.parametrize(("lines", "event"), ANSWERS)
def test_an_answer_is_one_event(lines: list[str], event: Event) -> None:
    assert take_all(lines) == [event]


def test_the_rows_of_an_export_are_told_one_by_one_however_they_were_cut() -> None:
    parts = ["1 :{", '1 :"a":', "1 :1}", "2 :{}", "3 :{}", '4 :{"b":', "4 :2}"]
    assert take_all([*(f":s NOTE ACCOUNT EXPORT {part}" for part in parts), "NOTE ACCOUNT END_OF_EXPORT :4 rows"]) == [
        ExportRow(1, '{"a":1}'),
        ExportRow(2, "{}"),
        ExportRow(3, "{}"),
        ExportRow(4, '{"b":2}'),
        ExportEnded(),
    ]


def test_a_row_without_end_is_not_kept_without_end_and_a_broken_part_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MAX_EXPORT_ROW", 10)
    lines = [*(f"NOTE ACCOUNT EXPORT 1 :{'x' * 6}" for _ in range(9)), "NOTE ACCOUNT END_OF_EXPORT :1 row"]
    assert take_all(lines) == [ExportRow(1, "x" * 12), ExportEnded()]
    for broken in ("", "1", "x :{}", "-1 :{}", "\u0661 :{}", f"{'9' * 5000} :{{}}"):
        assert take_all([f"NOTE ACCOUNT EXPORT {broken}".rstrip(), "NOTE ACCOUNT END_OF_EXPORT"]) == [ExportEnded()]


def test_of_somebody_who_is_not_there_nothing_is_listed() -> None:
    assert take_all([":s 318 al nobody :End of /WHOIS list"]) == []


def test_what_belongs_to_no_list_is_left_to_others() -> None:
    collecting = Listings()
    for line in (
        ":s 301 al bob :away",
        ":s 372 al :- motd",
        ":s NOTE ACCOUNT IGNORED bob :is ignored",
        "NOTE",
        ":b JOIN #x",
    ):
        assert collecting.take(parse(line.encode())) is None, line


@pytest.mark.parametrize("command", ["352", "311", "319", "322", "367", "NOTE ACCOUNT DEVICE", "301", "312"])
def test_a_line_that_lacks_what_it_needs_is_no_row(command: str) -> None:
    collecting = Listings()
    collecting.take(parse(b":s 311 al bob bob h * :bob"))
    for params in ("", " al", " al x"):
        collecting.take(parse(f":s {command}{params}".encode()))


def test_a_list_without_end_is_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MAX_ROWS", 3)
    events = take_all([*(f":s 322 al #x{n} 1 :t" for n in range(9)), ":s 323 al :End"])
    assert [len(event.rows) for event in events if isinstance(event, Listing)] == [3]

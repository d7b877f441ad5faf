"""Rosters: what of a file is read, and that whatever is wrong with it is told at once, by its lines."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from securechat.cli.admin import roster
from securechat.cli.admin.roster import Row, find_faults, read_roster
from securechat.errors import ConfigError
from securechat.server.requests import NameFaults
from tests.cli.site import Site
from tests.scenario.processes import PASSWORD


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("alice\nbob\n", [(1, "alice", ""), (2, "bob", "")]),
        ("name\nalice\n", [(2, "alice", "")]),
        ("Name,Password\nalice,secret words\n", [(2, "alice", "secret words")]),
        ("name, password\nalice, secret words\n", [(2, "alice", "secret words")]),
        ("\n\nalice\n\n,\nbob\n", [(3, "alice", ""), (6, "bob", "")]),
        ('alice,"a, b"\n bob ,\n', [(1, "alice", "a, b"), (2, "bob", "")]),
        ('alice,"two\nlines"\nbob\n', [(1, "alice", "two\nlines"), (3, "bob", "")]),
        ("alice\nname,password\n", [(1, "alice", ""), (2, "name", "password")]),
        ("name,secret words here\n", [(1, "name", "secret words here")]),
        ("alice,,,\r\nbob\r\n", [(1, "alice", ""), (2, "bob", "")]),
    ],
)
def test_names_and_passwords_are_read_with_their_lines(text: str, rows: list[tuple[int, str, str]]) -> None:
    found = read_roster(io.StringIO(text, newline=""), "class.csv")
    assert [(row.line, row.name, row.password) for row in found] == rows
    assert not any(row.surplus for row in found)


def test_a_quotation_mark_that_is_never_closed_is_told_with_the_line_it_is_in() -> None:
    with pytest.raises(ConfigError, match=r"^class\.csv, line 2: is not CSV"):
        read_roster(io.StringIO('alice\nbob,"open\ncarol\n'), "class.csv")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (Row(9, "dora"), None),
        (Row(9, "dora", "long enough, this"), None),
        (Row(9, "alice"), "the server objects"),
        (Row(9, "alice", "short"), "the server objects"),
        (Row(9, "bob"), "'bob' is in line 1 already"),
        (Row(9, "b0b"), "'b0b' could be mistaken for 'bob', which is in line 1"),
        (Row(9, "dora", "short"), "a password needs at least 12 characters"),
        (Row(9, "dora", "sct_abcdefghijkl"), "a password may not begin with sct_"),
        (Row(9, "dora", "long enough, this", 1), "has more columns than a name and a password; if there is a comma "),
        (Row(9, "dora;hunter2hunter2"), "has a semicolon or a tab where a comma belongs"),
    ],
)
def test_each_fault_of_a_line_has_its_words(row: Row, fault: str | None) -> None:
    faults = find_faults([Row(1, "bob"), row], [None, "the server objects" if row.name == "alice" else None], 12)
    if fault is None:
        assert faults == {}
    else:
        assert list(faults) == [9]
        assert faults[9].startswith(fault)


def test_all_faulty_lines_are_told_at_once_and_nobody_is_added(site: Site) -> None:
    site.add("alice")
    roster = f"name,password\nbob\nAlice\ncarol,{PASSWORD}\nc4rol!\nb0b\ndora,short\n"
    done = site.admin("user", "import", "-", "--tokens", stdin=roster)
    assert (done.code, done.out) == (1, "")
    assert done.err == [
        "securechat-admin: stdin: nobody was added, 4 lines cannot be used:",
        "  line 3: 'Alice' could be mistaken for 'alice', which exists",
        "  line 5: 'c4rol!' cannot be a name: a letter, then up to 31 letters, digits, - or _",
        "  line 6: 'b0b' could be mistaken for 'bob', which is in line 2",
        "  line 7: a password needs at least 12 characters",
    ]
    assert [row["name"] for row in site.rows("user", "list")] == ["alice"]

    mended = site.admin(
        "user", "import", "-", "--json", "--role", "bot", stdin=f"name,password\nbob,{PASSWORD}\ncarl\n"
    )
    assert (mended.code, mended.err) == (0, [])
    assert '{"name": "bob", "secret": ""}' in mended.out
    assert [(row["name"], row["role"]) for row in site.rows("user", "list")] == [
        ("alice", "member"),
        ("bob", "bot"),
        ("carl", "bot"),
    ]


def test_what_only_the_server_knows_is_told_for_all_lines_too(site: Site) -> None:
    site.add("alice", "bob")
    assert site.admin("user", "rename", "alice", "alicia").code == 0
    assert site.admin("user", "rename", "bob", "robert").code == 0
    done = site.admin("user", "import", "-", "--tokens", stdin="carol\nb0b\ndora\nalice\n")
    assert (done.code, done.out, len(done.err)) == (1, "", 3)
    assert done.err[0] == "securechat-admin: stdin: nobody was added, 2 lines cannot be used:"
    assert done.err[1].startswith("  line 2: 'b0b' ")
    assert done.err[2].startswith("  line 4: 'alice' ")
    assert [row["name"] for row in site.rows("user", "list")] == ["alicia", "robert"]
    mended = site.admin("user", "import", "-", "--tokens", stdin="carol\ndora\n")
    assert (mended.code, mended.err) == (0, [])


def test_however_many_lines_are_faulty_the_server_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []

    def object_to_all(_data: Path, request: NameFaults) -> list[str]:
        asked.append(request)
        return ["it was somebody's"] * len(request.names)

    monkeypatch.setattr(roster, "ask", object_to_all)
    rows = [Row(line, f"pupil{line}x") for line in range(1, 301)]
    with pytest.raises(roster.FaultyRoster, match="300 lines cannot be used"):
        roster.add_roster(tmp_path, "class.csv", rows, role="member", tokens=True)
    assert len(asked) == 1


def test_a_password_never_shows_in_a_repr() -> None:
    shown: Any = repr(Row(1, "alice", "hunter2hunter2"))
    assert "hunter2" not in shown

"""How tables look: aligned, below each other where the terminal is narrow, and never acting on it."""

from __future__ import annotations

import json

import pytest

from securechat.cli.admin.printing import lay_out, print_json

ROWS = [
    {"name": "alice", "role": "admin", "devices": 2, "on": True},
    {"name": "bob", "role": "member", "devices": 0, "on": False},
]
TOPIC = {"name": "#日本", "topic": "long talks about nothing in particular", "owner": None}


@pytest.mark.parametrize(
    ("rows", "width", "lines"),
    [
        ([], None, []),
        (
            ROWS,
            None,
            [
                "name   role    devices  on",
                "alice  admin   2        yes",
                "bob    member  0        no",
            ],
        ),
        (ROWS, 27, ["name   role    devices  on", "alice  admin   2        yes", "bob    member  0        no"]),
        (
            ROWS,
            26,
            [
                "name     alice",
                "role     admin",
                "devices  2",
                "on       yes",
                "",
                "name     bob",
                "role     member",
                "devices  0",
                "on       no",
            ],
        ),
        (
            [TOPIC, {"name": "#ops", "topic": "", "owner": "bob"}],
            60,
            [
                "name   topic                                   owner",
                "#日本  long talks about nothing in particular  -",
                "#ops   -                                       bob",
            ],
        ),
        (
            [TOPIC],
            30,
            [
                "name   #日本",
                "topic  long talks about",
                "       nothing in particular",
                "owner  -",
            ],
        ),
        ([{"sha256": "AB:" * 11 + "AB"}], 28, ["sha256  AB:AB:AB:AB:AB:AB:", "        AB:AB:AB:AB:AB:AB"]),
        ([{"日": "漢字" * 8}], 14, ["日  漢字漢字漢字漢字", "    漢字漢字漢字漢字"]),
    ],
)
def test_a_table_is_aligned_or_stacked(rows: list[dict[str, object]], width: int | None, lines: list[str]) -> None:
    assert lay_out(rows, width) == lines


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "^[]52;c;aGk=^G"),
        ("\x9b2J", "<U+009B>2J"),
        ("a\u202eb", "a<U+202E>b"),
        ("two\nlines", "two^Jlines"),
    ],
)
def test_what_users_wrote_does_not_act_on_the_terminal(hostile: str, shown: str) -> None:
    assert lay_out([{"topic": hostile}], None) == ["topic", shown]
    assert lay_out([{"topic": hostile, "more": "x" * 40}], 40)[0] == f"topic  {shown}"


def test_json_is_one_line_of_ascii_that_reads_back_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"topic": "\x1b]52;c;aGk=\x07 \x9b2J \x7f \u202e two\nlines 日本"}
    print_json([row])
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert set(printed.rstrip("\n")) <= {chr(code) for code in range(0x20, 0x7F)}
    assert json.loads(printed) == [row]

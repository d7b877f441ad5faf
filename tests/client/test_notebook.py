"""How far one has read, through restarts, damage and a second client."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from securechat.client.notebook import Notebook


def test_a_position_moves_on_and_never_back_and_is_there_at_the_next_start(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "read.json")
    assert (notebook.positions, notebook.left, notebook.complaint) == ({}, 0, "")
    assert notebook.note("#General", 10, "m1")
    assert notebook.note("#general", 12, "m3")
    assert not notebook.note("#general", 11, "m2")
    assert not notebook.note("#general", 12, "m3")
    assert notebook.note("bob", 5, "")
    notebook.save(1000)
    again = Notebook(tmp_path / "read.json")
    assert again.positions == {"#general": (12, "m3"), "bob": (5, "")}
    assert again.left == 1000
    assert stat.S_IMODE((tmp_path / "read.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["read.json"]


def test_two_messages_of_one_millisecond_are_told_apart_by_their_order(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "read.json")
    assert notebook.note("#x", 10, "m2")
    assert notebook.note("#x", 10, "m1")
    assert notebook.positions == {"#x": (10, "m1")}


def test_two_clients_do_not_undo_each_other(tmp_path: Path) -> None:
    one, other = Notebook(tmp_path / "read.json"), Notebook(tmp_path / "read.json")
    one.note("#x", 10, "m1")
    other.note("#x", 20, "m2")
    other.note("#y", 7, "m0")
    other.save(2000)
    one.save(1500)
    assert Notebook(tmp_path / "read.json").positions == {"#x": (20, "m2"), "#y": (7, "m0")}
    assert Notebook(tmp_path / "read.json").left == 2000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"{}",
        b'{"left": 1, "positions": [["#x", "soon", "m1"]]}',
        b'{"left": "x", "positions": []}',
        b'{"left": 1, "positions": 7}',
        b'{"left": 1, "positions": [["#x", 1]]}',
        b'{"left": 1, "positions": [["#x", -1, ""]]}',
        b'{"left": 1, "positions": [["#x", 1000000000000000000000, ""]]}',
        b'{"left": 1, "positions": [["#x y", 1, ""]]}',
        b'{"left": 1, "positions": [["#x", 1, "m\\r\\nQUIT"]]}',
    ],
)
def test_a_damaged_file_is_said_to_be_so_and_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "read.json"
    path.write_bytes(content)
    notebook = Notebook(path)
    assert notebook.complaint == f"{path} is damaged; how far you had read is forgotten"
    assert notebook.positions == {}
    notebook.note("#x", 1, "m1")
    notebook.save(5)
    assert (Notebook(path).complaint, Notebook(path).positions) == ("", {"#x": (1, "m1")})


def test_a_place_that_cannot_be_written_is_an_error_of_saving_only(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "missing" / "read.json")
    notebook.note("#x", 1, "m1")
    with pytest.raises(OSError, match="No such file"):
        notebook.save(1)

"""A disk without room takes nothing away that was kept, and keeps no client from starting."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from securechat.client.journal import Journal
from securechat.client.outbox import Outgoing


def write_at_most(room: int) -> Callable[[int, bytes], int]:
    """Return an `os.write` that takes so many bytes of anything, and fails when that is none."""
    write = os.write

    def take(descriptor: int, content: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:room])

    return take


def leave(home: Path, *keys: str) -> Path:
    """Leave messages in the second file of a home, as a client does that was killed beside another one."""
    first, second = Journal.open(home), Journal.open(home)
    for key in keys:
        second.keep(Outgoing(key, "#x", "words"))
    second.close()
    first.close()
    return second.path


@pytest.mark.parametrize("room", [0, 10])
def test_what_there_is_no_room_to_take_over_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    path = leave(tmp_path, "a", "b")
    before = path.read_bytes()
    with monkeypatch.context() as full:
        full.setattr(os, "write", write_at_most(room))
        journal = Journal.open(tmp_path)
    assert journal.left == ()
    assert path.read_bytes() == before
    assert journal.complaint == (
        f"{path}: what waits there is not sent now: it cannot be kept in {journal.path}: No space left on device"
    )
    journal.close()
    assert [message.id for message in Journal.open(tmp_path).left] == ["a", "b"]


@pytest.mark.parametrize("room", [0, 10])
def test_an_answer_there_is_no_room_to_note_spoils_no_line_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    journal = Journal.open(tmp_path)
    for key in ("one", "two"):
        journal.keep(Outgoing(key, "#x", "words"))
    with monkeypatch.context() as full:
        full.setattr(os, "write", write_at_most(room))
        journal.let_go("one")
    journal.keep(Outgoing("three", "#x", "words"))
    journal.close()
    again = Journal.open(tmp_path)
    assert [message.id for message in again.left] == ["one", "two", "three"]
    assert again.complaint == ""


def test_a_torn_last_line_is_cut_off_without_any_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.open(tmp_path)
    journal.keep(Outgoing("one", "#x", "words"))
    whole = journal.path.read_bytes()
    journal.close()
    journal.path.write_bytes(whole + whole[:20])
    monkeypatch.setattr(os, "write", write_at_most(0))
    again = Journal.open(tmp_path)
    assert [message.id for message in again.left] == ["one"]
    assert again.path.read_bytes() == whole

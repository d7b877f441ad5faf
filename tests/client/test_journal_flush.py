"""A message that is kept survives a power cut: its bytes are flushed, and so is the name of their file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from securechat.client.journal import Journal
from securechat.client.outbox import Outbox, Outgoing


def test_the_files_name_is_flushed_when_it_is_made_and_its_bytes_with_each_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[int, int]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        status = os.fstat(descriptor)
        flushed.append((status.st_ino, status.st_size))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    journal = Journal.open(tmp_path)
    assert [inode for inode, _ in flushed] == [tmp_path.stat().st_ino]
    outbox = Outbox(keeper=journal)
    for key in ("a", "b"):
        outbox.add(Outgoing(key, "#x", "words"))
        status = journal.path.stat()
        assert flushed[-1] == (status.st_ino, status.st_size)
    assert len(flushed) == 3


def test_what_is_taken_over_is_flushed_here_before_it_is_gone_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Journal.open(tmp_path), Journal.open(tmp_path)
    second.keep(Outgoing("b", "#x", "words"))
    second.close()
    first.close()
    there: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _: there.append(second.path.read_bytes()))
    third = Journal.open(tmp_path)
    assert [message.id for message in third.left] == ["b"]
    assert b'"words"' in there[-1]
    assert b'"words"' in third.path.read_bytes()
    assert second.path.read_bytes() == b""
